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

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend
from pydantic import BaseModel, ConfigDict, TypeAdapter


class Capability(BaseModel):
    """What the project can do with one detector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    semantics: Literal["exact", "row", "frozen", "as its bases", "refused"]
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
    told_columns: bool = False
    """True when it is told before fitting how many columns it will see."""
    draws: bool = False
    """True when it draws each score anew in PyOD."""
    narrows: str | None = None
    """Why its bases may see other columns than it does, as a clause; None when they see the same."""
    same_length: tuple[str, str] | None = None
    """A parameter that is a list with one item for each item of another one, and that other one."""


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
        said = value_problem(error)
        return f"parameter `{place}` of `{name}`: {said}" if error.absolute_path else f"`{name}`: {said}"
    if problem := _length_problem(capability, parameters, at) or _names_problem(capability, parameters, at):
        return problem
    for place, base in nested(capability.parameters, parameters):
        problem = algorithm_problem(base["name"], base.get("parameters", {}), at + place)
        if problem or (problem := _base_problem(capability, base, at + place)):
            return problem
    return None


def value_problem(error: ValidationError) -> str:
    """What is wrong with a value; where its schema tells why it is refused, that too."""
    schema, value = error.schema, error.instance
    reason = schema.get("refused", {}).get(value) if isinstance(schema, Mapping) and isinstance(value, str) else None
    return error.message if reason is None else f"`{value}` is refused, {reason}; {error.message}"


def _length_problem(capability: Capability, parameters: Mapping[str, Any], at: str) -> str | None:
    if capability.same_length is None or capability.same_length[0] not in parameters:
        return None
    name, of = capability.same_length
    if of not in parameters:
        return f"`{at}{name}` has an item for each of `{at}{of}`: give `{of}` too, or remove it"
    items, others = len(parameters[name]), len(parameters[of])
    if items == others:
        return None
    return f"`{at}{name}` has an item for each of `{at}{of}`: give {others}, not {items}"


def _names_problem(capability: Capability, parameters: Mapping[str, Any], at: str) -> str | None:
    for parameter, value in parameters.items():
        if capability.parameters["properties"][parameter].get("items", {}).get("format") != "detector-name":
            continue
        for place, name in enumerate(value):
            if name not in capabilities():
                return f"`{at}{parameter}[{place}]`: unknown algorithm `{name}`: {near(name, capabilities())}"
    return None


def _base_problem(owner: Capability, base: Mapping[str, Any], where: str) -> str | None:
    """What is wrong with a base, valid in itself, that the detectors in it or it itself have this owner."""
    for place, name in ((where, base["name"]), *_below(base, where)):
        one = capabilities()[name]
        if owner.narrows is not None and (one.told_columns or one.only_columns is not None):
            return (
                f"`{place}.name`: `{name}` is made for one number of columns, and `{owner.name}` may give its bases "
                f"others: {owner.narrows}; choose another"
            )
        if owner.reads_label and one.draws:
            return (
                f"`{place}.name`: `{name}` draws each score anew while training, and `{owner.name}` would learn from "
                "scores that are not those that are served: choose another"
            )
    return None


def _below(base: Mapping[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """The places and names of the detectors at any depth of a valid base."""
    for place, one in nested(capabilities()[base["name"]].parameters, base.get("parameters", {})):
        yield f"{where}.parameters.{place}", one["name"]
        yield from _below(one, f"{where}.parameters.{place}")


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


def columns_problem(name: str, parameters: Mapping[str, Any], columns: int) -> str | None:
    """What is wrong with a known algorithm's number of columns, as one sentence; None when it takes so many.

    Its bases, at any depth, must take as many too.
    """
    whole = {"name": name, "parameters": parameters}
    for place, one in (("", name), *_below(whole, "")):
        only = capabilities()[one].only_columns
        if only is not None and columns != only:
            at = f"`{place.removeprefix('.parameters.')}.name`: " if place else ""
            taken = "one feature" if only == 1 else f"{only} features"
            return f"{at}`{one}` takes {taken}, not {columns}: list {'it' if only == 1 else 'them'} in `features`"
    return None
