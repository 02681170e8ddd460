"""From pydantic's JSON Schema to the structural schema of Kubernetes: no $ref, no null, no composition."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

INT_OR_STRING: Schema = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}

_DROPPED = frozenset({"title", "default", "examples", "additionalProperties", "$defs", "const", "allOf"})
_EXCLUSIVE = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}
LONGEST_TEXT = 4096
"""maxLength of text that declares none: CEL's cost is estimated from bounds."""


def structural(schema: Mapping[str, Any]) -> Schema:
    """The schema with every reference resolved; descriptions and bounds kept, defaults dropped."""
    return _node(dict(schema), schema.get("$defs", {}))


def _node(node: Schema, definitions: Mapping[str, Any]) -> Schema:
    node = _dereferenced(node, definitions)
    branches = [branch for branch in node.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) == 1:
        outer = {key: value for key, value in node.items() if key != "anyOf"}
        return _node({**_dereferenced(branches[0], definitions), **outer}, definitions)
    if branches:
        return _number_or_text(node, branches)
    return _single(node, definitions)


def _dereferenced(node: Schema, definitions: Mapping[str, Any]) -> Schema:
    if "$ref" not in node:
        return node
    target = definitions[node["$ref"].rpartition("/")[2]]
    return {**target, **{key: value for key, value in node.items() if key != "$ref"}}


def _number_or_text(node: Schema, branches: list[Schema]) -> Schema:
    kinds = {branch["type"] for branch in branches}
    if kinds != {"integer", "string"}:
        raise TypeError(f"Kubernetes has no schema for a choice of {sorted(kinds)}")
    text = next(branch for branch in branches if branch["type"] == "string")
    described = {"description": node["description"]} if "description" in node else {}
    return {**INT_OR_STRING, "pattern": text["pattern"], "maxLength": text["maxLength"], **described}


def _single(node: Schema, definitions: Mapping[str, Any]) -> Schema:
    result = {key: value for key, value in node.items() if key not in _DROPPED and key not in _EXCLUSIVE}
    if "const" in node:
        result["enum"] = [node["const"]]
    for key, bound in _EXCLUSIVE.items():
        if key in node:
            result |= {bound: node[key], key: True}
    kind = result.get("type")
    if kind == "object":
        return _object(result, node, definitions)
    if kind == "array":
        result["items"] = _node(result["items"], definitions)
    if kind == "string" and "enum" not in result and result.get("format") != "date-time":
        result.setdefault("maxLength", LONGEST_TEXT)
    if kind == "integer":
        result.setdefault("format", "int64")
    return result


def _object(result: Schema, node: Schema, definitions: Mapping[str, Any]) -> Schema:
    properties = {name: _node(child, definitions) for name, child in result.pop("properties", {}).items()}
    if properties:
        result["properties"] = properties
    elif node.get("additionalProperties") is True:
        result["x-kubernetes-preserve-unknown-fields"] = True
    return result
