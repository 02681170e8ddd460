"""The command `pynomaly`."""

from pynomaly_inference.cli.main import main

__all__ = ["main"]
