"""What a feature is, and how any value of it is read: the same rule for training and for scoring."""

from enum import StrEnum

MISSING_CATEGORY = ""
"""The level that a null category counts as: ONNX strings have no null."""


class FeatureType(StrEnum):
    """How a feature enters the detector."""

    NUMBER = "Number"
    CATEGORY = "Category"


def category_text(value: str | float | bool | None) -> str:
    """The text under which a category's value is known to the model.

    Text stays as it is, null is `MISSING_CATEGORY`, booleans are `true` and `false`, and a number is written without a
    fraction when it has none: integers that travelled through a float column (`1.0`) are the level `1` they were.
    """
    if value is None:
        return MISSING_CATEGORY
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
