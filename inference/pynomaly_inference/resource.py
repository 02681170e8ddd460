"""Reading a resource file: YAML in, a validated `AnomalyDetector` or sentences about its fields out."""

import json
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pynomaly_inference.algorithms import near
from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.spec import AnomalyDetector

Resource = TypeVar("Resource", bound=AnomalyDetector)


class _Loader(yaml.SafeLoader):
    """Safe YAML as a cluster reads it: a key given twice is an error, a date stays text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT002 - PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise ResourceInvalid(f"line {key.start_mark.line + 1}: the key `{key.value}` is given twice: keep one")
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else "")
        return super().construct_mapping(node, deep=deep)


def read_resource(path: Path, model: type[Resource]) -> Resource:
    """The resource in a YAML or JSON file, as `model` has it.

    Raises ResourceInvalid with one line a problem, each naming its field.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ResourceInvalid(f"cannot read `{path}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ResourceInvalid(f"`{path}` is no UTF-8 text: is it a resource file?") from error
    try:
        return parse_resource(text, model)
    except ResourceInvalid as error:
        raise ResourceInvalid(f"`{path}`: {error}") from error


def parse_resource(text: str, model: type[Resource]) -> Resource:
    """The resource in this YAML text; raises ResourceInvalid as `read_resource` does."""
    try:
        documents = [document for document in yaml.load_all(text, _Loader) if document is not None]
    except yaml.YAMLError as error:
        raise ResourceInvalid(f"not YAML: {error}") from error
    if len(documents) != 1:
        raise ResourceInvalid(f"one AnomalyDetector is expected, the file holds {len(documents)} documents")
    if not isinstance(documents[0], dict):
        raise ResourceInvalid("an AnomalyDetector is expected: a mapping with apiVersion, kind, metadata and spec")
    try:
        content = json.dumps(documents[0], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResourceInvalid(f"a value is neither text, number, boolean, list nor mapping: {error}") from error
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise ResourceInvalid("\n".join(_sentence(detail, model) for detail in _causes(error))) from error


def _causes(error: ValidationError) -> list[ErrorDetails]:
    """The problems without those that only follow from another: a list is too short when its items are wrong."""
    details = error.errors()
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(_is_within(other["loc"], detail["loc"]) for other in details if other is not detail)
    ]


def _is_within(inner: tuple[int | str, ...], outer: tuple[int | str, ...]) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    path = [part for part in detail["loc"] if part not in ("function-after[_usable()", "nullable")]
    field = ".".join(f"[{part}]" if isinstance(part, int) else str(part) for part in path).replace(".[", "[")
    where = f"{field}: " if field else ""
    if detail["type"] == "extra_forbidden":
        known = _fields_beside(path, model)
        return f"{where}this version has no such field: {near(str(path[-1]), known)}"
    if detail["type"] == "missing":
        return f"{where}is required"
    return where + detail["msg"].removeprefix("Value error, ")


def _fields_beside(path: list[int | str], model: type[BaseModel]) -> list[str]:
    """The names that the mapping at the end of the path may hold."""
    for part in path[:-1]:
        if isinstance(part, int):
            continue
        field = next(field for name, field in model.model_fields.items() if part in (name, field.alias))
        model = _model_in(field.annotation) or model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `tuple[Feature, ...] | None` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for argument in get_args(annotation) if (model := _model_in(argument))), None)
