"""The detectors a resource can name, read from `capabilities.json`: no PyOD is needed to know them.

`convert/` declares each detector and generates the file; the command line, the resource's validation and the operator
read it.
"""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.validators import extend
from pydantic import BaseModel, ConfigDict, TypeAdapter


class Capability(BaseModel):
    """What the project can do with one detector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    semantics: Literal["exact", "row", "frozen", "refused"]
    explains: bool
    extra: str | None
    """The extra of this distribution that the detector needs beside `train`."""
    reason: str | None
    """Why it is refused; None when it is served."""
    parameters: Mapping[str, Any]
    """JSON Schema of the `parameters` object."""
    only_columns: int | None = None
    """How many columns it takes, where that is fixed."""


_Validator = extend(  # type: ignore[no-untyped-call]  # its stubs leave it untyped
    Draft202012Validator,
    # JSON Schema takes 20.0 for an integer; PyOD does not.
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int),
)


@cache
def capabilities() -> Mapping[str, Capability]:
    """Every known detector by name, in alphabetical order."""
    text = files("pynomaly_inference").joinpath("capabilities.json").read_text("utf-8")
    known = TypeAdapter(list[Capability]).validate_python(json.loads(text))
    return {capability.name: capability for capability in known}


def near(word: str, known: Iterable[str]) -> str:
    """`did you mean …` with the known words near to this one, or all of them when none is near."""
    words = sorted(known)
    if not words:
        return "there is none: remove it"
    lower = {known_word.lower(): known_word for known_word in words}
    matches = [lower[match] for match in get_close_matches(word.lower(), lower, n=3)]
    if matches:
        return "did you mean " + " or ".join(f"`{match}`" for match in matches) + "?"
    return "there are " + ", ".join(f"`{known_word}`" for known_word in words)


def algorithm_problem(name: str, parameters: Mapping[str, Any]) -> str | None:
    """What is wrong with an algorithm of a resource, as one sentence; None when PyOD can be asked for it."""
    known = capabilities()
    if name not in known:
        return f"unknown algorithm `{name}`: {near(name, known)}"
    capability = known[name]
    if capability.reason is not None:
        return f"`{name}` cannot be served: {capability.reason}"
    schema = capability.parameters
    declared = schema["properties"]
    for parameter in parameters:
        if parameter == "contamination":
            return "`contamination` is a field of the spec: move it from `algorithm.parameters` to `spec.contamination`"
        if parameter not in declared:
            return f"`{name}` has no parameter `{parameter}`: {near(parameter, declared)}"
    for error in _Validator(schema).iter_errors(dict(parameters)):
        where = ".".join(str(part) for part in error.absolute_path)
        return f"parameter `{where}` of `{name}`: {error.message}"
    return None


def columns_problem(name: str, columns: int) -> str | None:
    """What is wrong with a known algorithm's number of columns, as one sentence; None when it takes so many."""
    only = capabilities()[name].only_columns
    if only is None or columns == only:
        return None
    taken = "one feature" if only == 1 else f"{only} features"
    return f"`{name}` takes {taken}, not {columns}: list {'it' if only == 1 else 'them'} in `features`"
