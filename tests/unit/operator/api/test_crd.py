import re
from pathlib import Path
from typing import Any

import yaml

from pynomaly_operator.api.crd import COLUMNS, SCALE, crd
from pynomaly_operator.api.rules import RULES
from pynomaly_operator.api.status import ConditionType

FILE = Path(__file__).parents[4] / "crds" / "pynomaly.io_anomalydetectors.yaml"
FORBIDDEN = {"$ref", "oneOf", "allOf", "not", "additionalProperties", "title", "const", "$defs"}


def test_the_file_is_what_the_models_say() -> None:
    assert yaml.safe_load(FILE.read_text()) == crd(), "run python -m pynomaly_operator.api.crd > " + str(FILE)


def test_the_schema_is_structural() -> None:
    for node in _nodes(_schema()):
        assert not FORBIDDEN & set(node)
        if not node.get("x-kubernetes-int-or-string"):
            assert "anyOf" not in node
            assert "type" in node


def test_every_text_and_list_of_the_spec_is_bounded_so_that_rules_have_a_known_cost() -> None:
    for node in _nodes(_schema()["properties"]["spec"]):
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node
        if node.get("type") == "array":
            assert "maxItems" in node


def test_defaults_are_stored_for_status_and_replicas_alone() -> None:
    serving = {"replicas": {"min": 1}}

    assert [node["default"] for node in _nodes(_schema()) if "default" in node] == [
        serving,
        serving["replicas"],
        1,
        {"observedGeneration": -1},
    ]


def test_columns_and_scale_name_fields_that_exist_and_conditions_that_are_reported() -> None:
    paths = [column["jsonPath"] for column in COLUMNS if not column["jsonPath"].startswith(".metadata")]

    for path in [*paths, *SCALE.values()]:
        asked = re.search(r'\[\?\(@\.type=="(\w+)"\)\]', path)
        assert asked is None or asked[1] in set(ConditionType)
        node = _schema()
        for part in re.sub(r"\[.*?\]", "", path).strip(".").split("."):
            node = node.get("items", node)
            node = node["properties"][part]
        assert node["type"] in {"string", "integer"}


def test_every_rule_stands_where_it_was_meant_to_and_its_message_names_a_field() -> None:
    names = {name for node in _nodes(_schema()) for name in node.get("properties", {})}

    for path, rules in RULES.items():
        for rule in rules:
            assert set(re.findall(r"[A-Za-z]+", rule.message)) & names, rule.message
            assert path == () or path[-1] in names


def _schema() -> dict[str, Any]:
    (version,) = crd()["spec"]["versions"]
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return schema


def _nodes(schema: dict[str, Any]) -> Any:
    yield schema
    for child in schema.get("properties", {}).values():
        yield from _nodes(child)
    if "items" in schema:
        yield from _nodes(schema["items"])
