"""The scoring server: HTTP in front of loaded model files."""
