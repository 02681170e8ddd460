"""Scoring with a model file: onnxruntime and numpy, nothing of the trainer."""
