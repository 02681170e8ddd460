"""Fitted PyOD detectors as ONNX graphs, proven against PyOD."""
