"""Finds the declaration of a detector: every module in `detectors/` has one, there is no central list."""

import inspect
import pkgutil
from functools import cache
from importlib import import_module
from typing import Any

import jsonschema

from pynomaly_inference.algorithms import holds_detectors, value_problem
from pynomaly_inference.convert import detectors
from pynomaly_inference.convert.composites import composed
from pynomaly_inference.convert.declaration import Composite, Declaration
from pynomaly_inference.convert.refused import (
    DISTANCES,
    reason_against,
    reason_against_distance,
    refused_class,
)
from pynomaly_inference.errors import NotConvertible

_IRRELEVANT_ONCE_FITTED = frozenset({"contamination", "random_state", "verbose"})


@cache
def declarations() -> tuple[Declaration, ...]:
    """Every detector that can be converted, by name."""
    modules = (
        import_module(f"{detectors.__name__}.{found.name}") for found in pkgutil.iter_modules(detectors.__path__)
    )
    return tuple(sorted((module.DECLARATION for module in modules), key=lambda declaration: declaration.name))


def declaration_of(detector: Any) -> Declaration:
    """The declaration of a name or of a fitted detector.

    That of a fitted composite is what follows from its bases. Raises NotConvertible for an unknown name, a class that
    is not PyOD's own or is refused, a detector that is not fitted, one that was built with a parameter that its graph
    does not have, and a composite with such a base.
    """
    if isinstance(detector, str):
        return _named(detector)
    if isinstance(detector, type):
        raise NotConvertible(f"`{detector.__name__}` is a class: give a fitted detector")
    declaration = _of_class(type(detector))
    _check_contamination(detector)
    _check_fitted(detector)
    _check_parameters(detector, declaration)
    if declaration.composite is None:
        return declaration
    return composed(declaration, detector, _bases(detector, declaration.name, declaration.composite))


def _bases(detector: Any, name: str, composite: Composite) -> list[tuple[Declaration, Any]]:
    found = []
    for place, base in enumerate(composite.bases(detector), start=1):
        try:
            found.append((declaration_of(base), base))
        except NotConvertible as error:
            raise NotConvertible(f"base {place} of the {name}: {error}") from error
    return found


def _named(name: str) -> Declaration:
    for declaration in declarations():
        if declaration.name == name:
            return declaration
    if reason := reason_against(name):
        raise NotConvertible(f"`{name}` cannot be converted: {reason}")
    raise NotConvertible(f"there is no converter for `{name}`; there are {_names()}")


def _of_class(kind: type) -> Declaration:
    by_path = {declaration.path: declaration for declaration in declarations()}
    path = _path(kind)
    if path in by_path:
        return by_path[path]
    if reason := refused_class(path):
        raise NotConvertible(f"`{kind.__name__}` cannot be converted: {reason}")
    for base in kind.__mro__[1:]:
        if _path(base) in by_path:
            raise NotConvertible(
                f"`{path}` is a subclass of {by_path[_path(base)].name} and may score differently: "
                f"convert a `{_path(base)}` itself"
            )
    raise NotConvertible(f"`{path}` is no detector that can be converted; there are {_names()}")


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _names() -> str:
    return ", ".join(f"`{declaration.name}`" for declaration in declarations())


def _check_contamination(detector: Any) -> None:
    if not isinstance(detector.contamination, float | int):
        raise NotConvertible(
            f"{type(detector).__name__} was built with the contamination object "
            f"`{type(detector.contamination).__name__}`, whose labels are no threshold on a score: give contamination "
            "as a number"
        )


def _check_fitted(detector: Any) -> None:
    # XGBOD has no `threshold_`.
    if getattr(detector, "decision_scores_", None) is None:
        raise NotConvertible(f"the {type(detector).__name__} is not fitted: call `fit` first")


def _check_parameters(detector: Any, declaration: Declaration) -> None:
    declared = inspect.signature(type(detector)).parameters
    irrelevant = _IRRELEVANT_ONCE_FITTED | declaration.fitting
    for name, value in detector.get_params(deep=False).items():
        if name in irrelevant or _same(value, declared[name].default) or _is_of_bases(declaration, name):
            continue
        if name in DISTANCES and (reason := reason_against_distance(value)):
            raise NotConvertible(f"parameter `{name}` of {declaration.name} is {reason}")
        if name not in declaration.parameters:
            raise NotConvertible(
                f"{declaration.name} was built with `{name}={value!r}`, which its graph does not have: "
                f"leave it at {declared[name].default!r}"
            )
        for problem in jsonschema.Draft202012Validator(declaration.parameters[name]).iter_errors(_plain(value)):
            raise NotConvertible(f"parameter `{name}` of {declaration.name}: {value_problem(problem)}")


def _is_of_bases(declaration: Declaration, name: str) -> bool:
    """Fitted copies of what was given are the bases, and checked themselves."""
    return name in declaration.parameters and holds_detectors(declaration.parameters[name])


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def _plain(value: Any) -> Any:
    """As JSON would have it: a number or list in place of an array, a tensor or a tuple."""
    if isinstance(value, tuple):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else value
