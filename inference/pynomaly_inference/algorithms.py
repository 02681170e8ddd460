"""The detectors a resource can name, read from `capabilities.json`: no PyOD is needed to know them.

`convert/` declares each detector and generates the file; the command line, the resource's validation and the operator
read it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
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
    reads_label: bool = False
    """True when it learns from `training.source.label`."""
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


def holds_detectors(schema: Mapping[str, Any]) -> bool:
    """True for the schema of a parameter that is a detector or a list of them, each `{name, parameters}`."""
    return "detector" in (schema.get("format"), schema.get("items", {}).get("format"))


def algorithm_problem(name: str, parameters: Mapping[str, Any], where: str = "") -> str | None:
    """What is wrong with an algorithm of a resource, as one sentence; None when PyOD can be asked for it.

    `where` is the algorithm's place among another's parameters, such as `bases[1]`.
    """
    known = capabilities()
    at = f"`{where}.name`: " if where else ""
    capability = known.get(name)
    if capability is None:
        served = [word for word, one in known.items() if one.reason is None]
        return f"{at}unknown algorithm `{name}`: {near(name, served)}"
    if capability.reason is not None:
        return f"{at}`{name}` cannot be served: {capability.reason}"
    if where and capability.reads_label:
        return f"{at}`{name}` learns from the label, which no detector passes to its bases: choose another"
    return _parameters_problem(capability, parameters, f"{where}.parameters." if where else "")


def _parameters_problem(capability: Capability, parameters: Mapping[str, Any], at: str) -> str | None:
    name, declared = capability.name, capability.parameters["properties"]
    for parameter in parameters:
        if parameter == "contamination":
            return _contamination_problem(at)
        if parameter not in declared:
            return f"`{name}` has no parameter `{at}{parameter}`: {near(parameter, declared)}"
    for error in _Validator(capability.parameters).iter_errors(dict(parameters)):
        place = at + _dotted(error.absolute_path)
        return (
            f"parameter `{place}` of `{name}`: {error.message}" if error.absolute_path else f"`{name}`: {error.message}"
        )
    for place, base in nested(capability.parameters, parameters):
        if problem := algorithm_problem(base["name"], base.get("parameters", {}), at + place):
            return problem
    return None


def _contamination_problem(at: str) -> str:
    if at:
        return f"`{at}contamination`: only the whole has a threshold: remove it, and set `spec.contamination`"
    return "`contamination` is a field of the spec: move it from `algorithm.parameters` to `spec.contamination`"


def nested(schema: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The detectors `{name, parameters}` among valid parameters, each with its place, such as `bases[1]`."""
    for parameter, value in parameters.items():
        if not holds_detectors(schema["properties"][parameter]):
            continue
        if isinstance(value, list):
            yield from ((f"{parameter}[{place}]", base) for place, base in enumerate(value))
        else:
            yield parameter, value


def _dotted(path: Iterable[str | int]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def label_problem(name: str, label: str | None) -> str | None:
    """What is wrong with a known algorithm's label, as one sentence; None when it has one or needs none."""
    if label is not None or not capabilities()[name].reads_label:
        return None
    return f"`{name}` learns from the label: name the label's column in `training.source.label`"


def columns_problem(name: str, columns: int) -> str | None:
    """What is wrong with a known algorithm's number of columns, as one sentence; None when it takes so many."""
    only = capabilities()[name].only_columns
    if only is None or columns == only:
        return None
    taken = "one feature" if only == 1 else f"{only} features"
    return f"`{name}` takes {taken}, not {columns}: list {'it' if only == 1 else 'them'} in `features`"
