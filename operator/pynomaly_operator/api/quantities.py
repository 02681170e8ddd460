"""Kubernetes quantities and durations as the resource spells them."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import Field

QUANTITY = r"^[0-9]+(\.[0-9]{1,9})?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$"
DURATION = r"^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"

Quantity = Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=QUANTITY, max_length=24)]
"""A number, or text such as 250m or 1Gi."""
Duration = Annotated[str, Field(pattern=DURATION, min_length=2, max_length=20)]
"""Hours, minutes and seconds in this order, such as 30m or 1h30m."""

_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
}


def amount(quantity: str | int) -> Decimal:
    """The quantity as a plain number: cores, or bytes."""
    text = str(quantity)
    digits = text.rstrip("mkKMGTi")
    return Decimal(digits) * _FACTORS[text[len(digits) :]]


def seconds(duration: str) -> int:
    """The duration in seconds."""
    match = re.fullmatch(DURATION, duration)
    if match is None:
        raise ValueError(f"not a duration: {duration!r}")
    units = (3600, 60, 1)
    return sum(int(part[:-1]) * unit for part, unit in zip(match.groups(), units, strict=True) if part)
