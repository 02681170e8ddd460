"""What a decoder makes of a body."""

from typing import NamedTuple

from pynomaly_inference.scoring.rows import Rows


class Decoded(NamedTuple):
    """rows: at least one. ignored: how many columns, by name, the body has that the model does not know."""

    rows: Rows
    ignored: int = 0
