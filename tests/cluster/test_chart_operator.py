"""The chart's operator: how many, in which namespaces, by which rights."""

from typing import Any

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.installation import CHART

SOME = "watchNamespaces={plant-a,plant-b}"


def rendered(*values: str) -> list[dict[str, Any]]:
    helm = tools.built(tools.CONTROL_PLANE) / "helm"
    options = [f"--set={value}" for value in values]
    text = run(helm, "template", "pynomaly", str(CHART), "--namespace=system", *options)
    return [item for item in yaml.safe_load_all(text) if item]


def operator(*values: str) -> dict[str, Any]:
    """The spec of its Deployment."""
    (found,) = (
        item["spec"]
        for item in rendered(*values)
        if (item["kind"], item["metadata"]["name"]) == ("Deployment", "pynomaly-operator")
    )
    assert isinstance(found, dict)
    return found


def container(*values: str) -> dict[str, Any]:
    (found,) = operator(*values)["template"]["spec"]["containers"]
    assert isinstance(found, dict)
    return found


def kinds(*values: str) -> set[str]:
    return {item["kind"] for item in rendered(*values)}


def test_a_new_operator_stands_by_before_the_old_one_goes() -> None:
    assert operator()["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert operator()["replicas"] == 1
    assert operator("operator.replicas=3")["replicas"] == 3


def test_an_operator_knows_its_own_name_its_namespace_and_its_lease() -> None:
    environment = {variable["name"]: variable for variable in container()["env"]}

    assert environment["PYNOMALY_NAMESPACE"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert environment["PYNOMALY_POD_NAME"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (lease,) = (
        rule["resourceNames"]
        for item in rendered()
        if item["kind"] == "Role"
        for rule in item["rules"]
        if "resourceNames" in rule
    )
    assert lease == [environment["PYNOMALY_LEASE"]["value"]]


def test_the_lease_is_allowed_in_the_operators_own_namespace_only() -> None:
    allowed = [
        (item["kind"], item["metadata"]["namespace"]) for item in rendered() if "leases" in str(item.get("rules", ""))
    ]

    assert allowed == [("Role", "system")]


def test_for_some_namespaces_there_are_roles_there_and_none_for_the_cluster() -> None:
    assert {"ClusterRole", "ClusterRoleBinding"}.isdisjoint(kinds(SOME))
    assert {"ClusterRole", "ClusterRoleBinding"} <= kinds()
    roles = {item["metadata"]["namespace"]: item["rules"] for item in rendered(SOME) if item["kind"] == "Role"}
    assert set(roles) == {"system", "plant-a", "plant-b"}
    assert roles["plant-a"] == roles["plant-b"]
    assert container(SOME)["args"] == ["--namespace=plant-a", "--namespace=plant-b"]
    assert "args" not in container()


def test_the_roles_for_some_namespaces_are_the_cluster_role() -> None:
    (whole,) = (
        item["rules"]
        for item in rendered()
        if (item["kind"], item["metadata"]["name"]) == ("ClusterRole", "pynomaly-operator")
    )
    part = next(item["rules"] for item in rendered(SOME) if item["metadata"].get("namespace") == "plant-a")

    assert whole == part


@pytest.mark.parametrize("value", ["operator.replicas=0", "watchNamespaces={Plant}", "watchNamespaces={a,a}"])
def test_values_that_cannot_be_are_refused(value: str) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        rendered(value)
