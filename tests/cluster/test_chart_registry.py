"""What the chart makes of the registry's database."""

from typing import Any

import pytest
import yaml
from tests.cluster import tools
from tests.cluster.commands import run
from tests.cluster.errors import ClusterError
from tests.cluster.installation import CHART

POSTGRESQL = ("registry.database.kind=postgresql", "registry.database.existingSecret=models")


def rendered(*values: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Every object by its kind and name."""
    options = ("--namespace=system", *(f"--set={value}" for value in values))
    text = run(tools.built(tools.CONTROL_PLANE) / "helm", "template", "pynomaly", str(CHART), *options)
    return {(item["kind"], item["metadata"]["name"]): item for item in yaml.safe_load_all(text) if item}


def deployment(*values: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered(*values)["Deployment", "pynomaly-operator-registry"]["spec"]
    return found


def test_sqlite_has_one_replica_that_is_replaced_and_a_claim() -> None:
    spec = deployment()
    pod = spec["template"]["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}
    assert "--database=sqlite:////var/lib/pynomaly/registry.db" in pod["containers"][0]["args"]
    assert {"name": "models", "persistentVolumeClaim": {"claimName": "pynomaly-operator-registry"}} in pod["volumes"]
    assert ("PodDisruptionBudget", "pynomaly-operator-registry") not in rendered()


def test_postgresql_has_any_number_of_replicas_no_claim_and_rolls() -> None:
    objects = rendered(*POSTGRESQL, "registry.replicas=3")
    spec = deployment(*POSTGRESQL, "registry.replicas=3")
    assert spec["replicas"] == 3
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    assert ("PersistentVolumeClaim", "pynomaly-operator-registry") not in objects
    assert not any("persistentVolumeClaim" in volume for volume in spec["template"]["spec"]["volumes"])
    budget = objects["PodDisruptionBudget", "pynomaly-operator-registry"]["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]


def test_postgresqls_url_is_in_a_file_of_the_secret_alone() -> None:
    pod = deployment(*POSTGRESQL, "registry.database.secretKey=dsn")["template"]["spec"]
    (container,) = pod["containers"]
    assert "--database-file=/etc/pynomaly/database/dsn" in container["args"]
    assert not any(argument.startswith("--database=") for argument in container["args"])
    assert {"name": "database", "mountPath": "/etc/pynomaly/database", "readOnly": True} in container["volumeMounts"]
    assert {"name": "database", "secret": {"secretName": "models", "defaultMode": 0o440}} in pod["volumes"]
    assert "env" not in container


@pytest.mark.parametrize(
    "values",
    [
        ("registry.replicas=2",),
        ("registry.replicas=0",),
        ("registry.database.existingSecret=models",),
        ("registry.database.kind=postgresql",),
        ("registry.database.kind=mysql", "registry.database.existingSecret=models"),
        (*POSTGRESQL, "registry.replicas=0"),
        (*POSTGRESQL, "registry.database.secretKey=a/b"),
        (*POSTGRESQL, "registry.database.url=postgresql://a:secret@b/c"),
    ],
)
def test_databases_that_cannot_be_are_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(ClusterError, match="values don't meet the specifications of the schema"):
        rendered(*values)
