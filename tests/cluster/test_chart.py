"""The chart is what helm takes for a good one, and refuses what cannot be."""

from typing import Any

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.installation import CHART


def helm(*arguments: str) -> str:
    return run(tools.built(tools.CONTROL_PLANE) / "helm", *arguments)


def rendered(*values: str) -> list[str]:
    """`Kind/name` of every object."""
    text = helm("template", "pynomaly", str(CHART), "--namespace=system", *(f"--set={value}" for value in values))
    return [f"{item['kind']}/{item['metadata']['name']}" for item in yaml.safe_load_all(text) if item]


def test_helm_finds_nothing_to_complain_about() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


@pytest.mark.parametrize(
    "value",
    [
        "registry.replicas=2",
        "registry.database.kind=oracle",
        "operator.worker=3",
        "images.pullPolicy=Sometimes",
        "images.pullSecrets[0].name=a\\,b",
    ],
)
def test_values_that_cannot_be_are_refused(value: str) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        rendered(value)


def test_the_definition_comes_with_the_chart_unless_it_is_not_wanted() -> None:
    definition = "CustomResourceDefinition/anomalydetectors.pynomaly.io"
    assert definition in rendered()
    assert definition not in rendered("crds.enabled=false")


def test_the_definition_is_kept_when_the_release_goes_unless_it_is_not_wanted() -> None:
    def kept(*values: str) -> bool:
        options = ("--show-only=templates/crd.yaml", *(f"--set={value}" for value in values))
        (definition,) = yaml.safe_load_all(helm("template", "pynomaly", str(CHART), *options))
        return bool(definition["metadata"]["annotations"].get("helm.sh/resource-policy") == "keep")

    assert kept()
    assert not kept("crds.keep=false")


def test_the_registry_has_a_claim_of_its_own_unless_one_is_given() -> None:
    claim = "PersistentVolumeClaim/pynomaly-operator-registry"
    assert claim in rendered()
    assert claim not in rendered("registry.storage.existingClaim=models")


def test_users_roles_are_aggregated_unless_they_are_not_wanted() -> None:
    assert "ClusterRole/pynomaly-operator-edit" in rendered()
    assert "ClusterRole/pynomaly-operator-edit" not in rendered("rbac.aggregate=false")


def test_secrets_for_the_images_reach_the_charts_pods_and_by_name_the_operators() -> None:
    names = ("images.pullSecrets[0].name=login", "images.pullSecrets[1].name=mirror.example")
    operator, registry = (_pod(component, *names) for component in ("operator", "registry"))
    assert (
        operator["imagePullSecrets"] == registry["imagePullSecrets"] == [{"name": "login"}, {"name": "mirror.example"}]
    )
    assert _environment(operator)["PYNOMALY_IMAGE_PULL_SECRETS"] == "login,mirror.example"
    assert "PYNOMALY_IMAGE_PULL_SECRETS" not in _environment(_pod("operator"))


def _pod(component: str, *values: str) -> dict[str, Any]:
    options = (f"--show-only=templates/{component}-deployment.yaml", *(f"--set={value}" for value in values))
    (deployment,) = yaml.safe_load_all(helm("template", "pynomaly", str(CHART), *options))
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return pod


def _environment(pod: dict[str, Any]) -> dict[str, str]:
    return {v["name"]: v["value"] for v in pod["containers"][0]["env"] if "value" in v}
