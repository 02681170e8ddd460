"""The names of a body's columns against the model's features: which may lack, which are ignored."""

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice

from pynomaly_inference.features import FeatureType
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import Column, RowSchema

_MOST_COMPARED, _LONG = 50, 100
"""Names, and characters of a name, that a guess at what was meant may cost."""


def may_lack(column: Column, schema: RowSchema) -> bool:
    """Whether rows may come without this feature: a Number is imputed where the model takes missing values."""
    return schema.missing and column.type is FeatureType.NUMBER


def extra_names(present: Collection[str], schema: RowSchema) -> set[str]:
    """The names of no feature."""
    return {name for name in present if name not in schema.by_name}


def lacks(present: Collection[str], schema: RowSchema, subject: str) -> Rejected | None:
    """Why these names are no row of the model, or None; `subject` is who has the names, as a message begins.

    Names that the model does not know are no reason, but for a model that would impute everything.
    """
    known = False
    for name, column in schema.by_name.items():
        if name in present:
            known = True
        elif not may_lack(column, schema):
            return Rejected(422, f"{subject} has no `{name}`{_meant(name, present, schema)}", feature=name)
    if known:
        return None
    return Rejected(422, f"{subject} has none of the model's features: it takes {schema.listed()}")


def _meant(name: str, present: Collection[str], schema: RowSchema) -> str:
    extra = islice((found for found in present if found not in schema.by_name and len(found) <= _LONG), _MOST_COMPARED)
    near = get_close_matches(name, extra, n=1)
    return f": is `{near[0]}` meant as it?" if near else ""
