"""Reading a resource file: YAML in, a validated `AnomalyDetector` or sentences about its fields out."""

import json
from collections import Counter
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
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        for key, times in counts.items():
            if times > 1:
                raise ResourceInvalid(
                    f"line {node.start_mark.line + 1}: the key `{key}` is given {times} times: keep one"
                )
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
        raise ResourceInvalid("\n".join(_sentence(detail, model) for detail in error.errors())) from error


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
