"""The operator: what an AnomalyDetector asks for becomes true in the cluster."""
