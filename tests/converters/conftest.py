"""What the converters' tests share."""

from tests.unit.inference.convert.conftest import agree, dataset, run

__all__ = ["agree", "dataset", "run"]
