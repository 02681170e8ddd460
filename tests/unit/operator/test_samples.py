"""The samples fit, beside the operator and the registry, on a machine with two processors."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.operator.resources import model, wanted

from pynomaly_operator.api.quantities import amount
from pynomaly_operator.api.v1alpha1 import Replicas
from pynomaly_operator.desired.children import children
from pynomaly_operator.manifest import Manifest

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "manifests/samples").glob("*.yaml"))
CORES = Decimal("1.5")
"""What can be asked for where two processors also carry Kubernetes itself."""


def spec(sample: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(sample.read_text())["spec"]
    return parsed


def pods(sample: Path) -> dict[str, Manifest]:
    """The pod templates of a sample's detector that serves and is trained anew, by the kind of what makes them."""
    content = spec(sample)
    made = children(wanted(content, model(content), due=True))
    return {child["kind"]: child["spec"]["template"] for child in made if child["kind"] in ("Deployment", "Job")}


def requested(template: Manifest) -> Decimal:
    """The cores that one such pod asks for."""
    containers = template["spec"]["containers"]
    return sum((amount(container["resources"]["requests"]["cpu"]) for container in containers), start=Decimal(0))


def most(sample: Path) -> int:
    """The most pods that serve a sample."""
    replicas = Replicas.model_validate(spec(sample).get("serving", {}).get("replicas", {}))
    return replicas.max or replicas.min


def chart() -> Decimal:
    """What the operator and the registry ask for by default."""
    values = yaml.safe_load((ROOT / "charts/pynomaly-operator/values.yaml").read_text())
    parts = (values["operator"], values["registry"])
    return sum((part["replicas"] * amount(part["resources"]["requests"]["cpu"]) for part in parts), start=Decimal(0))


def test_all_samples_are_served_at_the_same_time_by_as_many_pods_as_they_may_have() -> None:
    served = sum((most(sample) * requested(pods(sample)["Deployment"]) for sample in SAMPLES), start=Decimal(0))

    assert [most(sample) for sample in SAMPLES] == [3, 1, 1]
    assert chart() + served <= CORES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_is_trained_anew_while_as_many_pods_serve_it_as_it_may_have(sample: Path) -> None:
    templates = pods(sample)
    served = most(sample) * requested(templates["Deployment"])

    assert chart() + served + requested(templates["Job"]) <= CORES
