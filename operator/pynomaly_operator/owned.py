"""Whether the live object still holds everything we applied, told from managedFields alone: paths, never values.

Paths are enough, because the API server takes a path out of our entry as soon as anybody else changes or removes its
value. "Our entry covers every path of the manifest, and the hash annotation is the manifest's" therefore means "nothing
that we own differs". Values are not compared: defaults and rewritten quantities ("1000m" becomes "1") do no harm.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/ and structured-merge-diff's fieldsV1.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pynomaly_operator.manifest import Manifest

Fields = Mapping[str, Any]
"""A node of fieldsV1. An empty one is a leaf: a scalar, or a list or map that is owned as a whole."""

REPLICAS = ("spec", "replicas")
_OWNED_METADATA = ("labels", "annotations", "ownerReferences")


def applied_fields(metadata: Manifest, manager: str, subresource: str = "") -> Fields | None:
    """What the manager applied to the object itself, or to its status or scale, which have entries of their own."""
    for entry in metadata.get("managedFields", ()):
        applied = entry["manager"] == manager and entry["operation"] == "Apply"
        if applied and entry.get("subresource", "") == subresource:
            fields: Fields = entry["fieldsV1"]
            return fields
    return None


def made_fields(metadata: Manifest, manager: str) -> Fields | None:
    """What the manager wrote when it made the object by a plain request, and nobody has taken from it since."""
    for entry in metadata.get("managedFields", ()):
        if entry["manager"] == manager and entry["operation"] == "Update" and not entry.get("subresource"):
            fields: Fields = entry["fieldsV1"]
            return fields
    return None


def holds_field(metadata: Manifest, *path: str) -> bool:
    """Whether any manager holds this field, that is, whether the object has it."""
    return any(has_path(entry.get("fieldsV1", {}), *path) for entry in metadata.get("managedFields", ()))


def holds_scale(metadata: Manifest) -> bool:
    """Whether somebody holds the number of pods who set it as autoscalers do: through the scale subresource."""
    return any(
        entry.get("subresource") == "scale" and has_path(entry.get("fieldsV1", {}), *REPLICAS)
        for entry in metadata.get("managedFields", ())
    )


def changed(metadata: Manifest, *path: str) -> datetime | None:
    """When this field was last written, to the second, as far as its holders tell; None when nobody holds it."""
    times = (
        datetime.fromisoformat(entry["time"])
        for entry in metadata.get("managedFields", ())
        if "time" in entry and has_path(entry.get("fieldsV1", {}), *path)
    )
    return max(times, default=None)


def has_path(fields: Fields, *path: str) -> bool:
    """Whether this field is among the fields."""
    for part in path:
        if f"f:{part}" not in fields:
            return False
        fields = fields[f"f:{part}"]
    return True


def covered(fields: Fields, manifest: Manifest) -> bool:
    """Whether every path of the manifest is among the fields."""
    return _covers(fields, content(manifest))


def content(manifest: Manifest) -> Manifest:
    """What of the manifest is held as fields."""
    metadata = {name: value for name, value in manifest["metadata"].items() if name in _OWNED_METADATA}
    rest = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata")}
    return {"metadata": metadata, **rest}


def item_node(fields: Fields, item: object) -> str | None:
    """The path of a list's item among the fields; None when it is not there."""
    if not isinstance(item, Mapping):
        path = f"v:{json.dumps(item)}"
        return path if path in fields else None
    return next((path for path in fields if path.startswith("k:") and _same_item(json.loads(path[2:]), item)), None)


def _covers(fields: Fields, value: object) -> bool:
    if not fields:
        return True
    if isinstance(value, Mapping):
        return all(f"f:{name}" in fields and _covers(fields[f"f:{name}"], child) for name, child in value.items())
    if isinstance(value, list | tuple):
        return all(_covers_item(fields, item) for item in value)
    return True


def _covers_item(fields: Fields, item: object) -> bool:
    if not isinstance(item, Mapping):
        return f"v:{json.dumps(item)}" in fields  # a set
    return any(
        _same_item(json.loads(path[2:]), item) and _covers(node, item)
        for path, node in fields.items()
        if path.startswith("k:")
    )


def _same_item(key: Mapping[str, object], item: Mapping[str, object]) -> bool:
    """Whether the entry with this key is the item; a key that the manifest leaves out was defaulted."""
    return all(item.get(name, value) == value for name, value in key.items())
