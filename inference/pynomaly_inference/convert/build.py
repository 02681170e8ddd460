"""From an algorithm of a resource to a detector that is not fitted yet."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from pynomaly_inference.algorithms import holds_detectors
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.errors import ResourceInvalid

_MODULES = {"suod": ("suod",), "torch": ("pandas", "torch", "tqdm"), "xgboost": ("xgboost",)}
"""What an extra installs and its detectors import."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a resource says of every detector in it."""

    contamination: float
    seed: int
    """For each class that takes a `random_state`, where its parameters give none; each base of a list has its own."""
    columns: int
    """For each class that takes `n_features`, the same."""


def build(name: str, parameters: Mapping[str, Any], setting: Setting) -> Any:
    """The detector, its bases included, with parameters that `algorithms.algorithm_problem` has no objection to.

    Raises ResourceInvalid where the extra that it needs is not installed, and what PyOD raises.
    """
    declaration = declaration_of(name)
    _check_installed(declaration)
    detector_class = declaration.detector_class()
    taken = inspect.signature(detector_class).parameters
    common = {
        "contamination": setting.contamination,
        "random_state": setting.seed,
        "n_features": setting.columns,
    }
    arguments = {
        **declaration.fixed,
        **{argument: value for argument, value in common.items() if argument in taken},
        **{argument: _argument(declaration, argument, value, setting) for argument, value in parameters.items()},
    }
    return detector_class(**arguments)


def _argument(declaration: Declaration, name: str, value: Any, setting: Setting) -> Any:
    if not holds_detectors(declaration.parameters[name]):
        return value
    if isinstance(value, list):
        return [
            build(base["name"], base.get("parameters", {}), replace(setting, seed=_derived(setting.seed, place)))
            for place, base in enumerate(value)
        ]
    return build(value["name"], value.get("parameters", {}), setting)


def _derived(seed: int, place: int) -> int:
    """The seed of a base: equal bases with equal seeds would say the same twice."""
    return int(np.random.SeedSequence([seed, place]).generate_state(1)[0])


def _check_installed(declaration: Declaration) -> None:
    extra = declaration.extra
    if extra is not None and any(find_spec(module) is None for module in _MODULES[extra]):
        raise ResourceInvalid(
            f"`{declaration.name}` needs the extra `{extra}`, which is not installed here: "
            f"pip install 'pynomaly-operator[{extra}]'"
        )
