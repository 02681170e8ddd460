"""Reading what the API server stores: a spec as JSON in, a validated model or sentences about its fields out.

The CustomResourceDefinition has checked shape and bounds already; this catches what it cannot say, and what was stored
before a rule existed.
"""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.api import ticks
from pynomaly_operator.api.status import DetectorStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec, ServingSpec


def parse_spec(spec: Mapping[str, Any]) -> DetectorSpec:
    """The spec; raises ResourceInvalid with one sentence a problem, each naming its field."""
    try:
        found = DetectorSpec.model_validate_json(json.dumps(spec))
    except ValidationError as error:
        raise ResourceInvalid("; ".join(_sentence(detail) for detail in error.errors())) from error
    if found.training.schedule is not None:
        ticks.check(found.training.schedule)
    return found


def parse_serving(spec: Mapping[str, Any]) -> ServingSpec | None:
    """The part that running pods depend on, whatever the rest says; None when it is invalid itself."""
    try:
        return ServingSpec.model_validate_json(json.dumps(spec))
    except ValidationError:
        return None  # `parse_spec` tells why


def parse_status(status: Mapping[str, Any]) -> DetectorStatus:
    """The status that was written before; an empty one where it cannot be read, for all of it can be observed again."""
    try:
        return DetectorStatus.model_validate(status)
    except ValidationError:
        return DetectorStatus()


def _sentence(detail: ErrorDetails) -> str:
    path = ["spec", *(str(part) for part in detail["loc"] if not _is_internal(str(part)))]
    return f"{'.'.join(path)}: {detail['msg'].removeprefix('Value error, ')}"


def _is_internal(part: str) -> bool:
    """Whether the part is pydantic's own: `function-after[...]`, `nullable`, the branch of a union."""
    return "[" in part or part in {"nullable", "int", "str"}
