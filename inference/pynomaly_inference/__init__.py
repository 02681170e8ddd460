"""Train a PyOD detector, convert it to ONNX, prove it, serve it."""
