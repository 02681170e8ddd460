"""The Open Inference Protocol over gRPC. Imported only where it is switched on: gRPC is large."""
