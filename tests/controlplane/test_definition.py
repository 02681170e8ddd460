"""The definition of the resource comes, changes and goes under the operator."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import pytest
from tests.cluster import bare, namespaces
from tests.cluster.control_plane import ControlPlane
from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.controlplane.definitions import Definition
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import SETTINGS, RunningOperator

NOTICED_WITHIN = 120
EVERYWHERE, IN_NAMESPACES = "everywhere", "in some namespaces"
POISONED: list[dict[str, object]] = [
    {"spec": "nonsense"},
    {"spec": ["nonsense"]},
    {"spec": {"algorithm": 7, "training": {"source": []}, "serving": {"replicas": "many"}}},
    {"spec": None},
    {"status": {"conditions": "nonsense", "observedGeneration": "new", "target": 7}},
    {"status": "nonsense"},
]


@pytest.fixture(scope="module")
def own_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One that no other module shares: its definition is taken away."""
    with bare.running(tmp_path_factory.mktemp("definitions")) as plane:
        yield plane


@pytest.fixture
def definition(own_plane: ControlPlane) -> Definition:
    """The definition, installed."""
    found = Definition(own_plane)
    found.install(found.ours)
    return found


@pytest.fixture
def unseen(own_plane: ControlPlane) -> Iterator[Detector]:
    """A detector that is not applied, and an operator that is not started."""
    with namespaces.restricted(own_plane.kubectl) as namespace:
        yield Detector(own_plane.kubectl, namespace, RunningOperator(own_plane.kubeconfig))
        with suppress(ClusterError):  # where there is no definition, there is no detector
            own_plane.kubectl("delete", "ad", "--all", f"--namespace={namespace}")


def _watching(detector: Detector, where: str) -> Detector:
    """The detector, with an operator of the whole cluster or of its namespace."""
    namespaces_ = (detector.namespace,) if where == IN_NAMESPACES else ()
    settings = SETTINGS.model_copy(
        update={"namespace": detector.namespace, "watch_namespaces": namespaces_, "audit_seconds": 3600}
    )
    return replace(detector, operator=replace(detector.operator, settings=settings))


@pytest.mark.parametrize("where", [EVERYWHERE, IN_NAMESPACES])
def test_an_operator_that_starts_before_the_definition_waits_for_it(
    unseen: Detector, definition: Definition, where: str
) -> None:
    definition.remove()
    detector = _watching(unseen, where)

    def install() -> None:
        until(lambda: _unknown(detector.operator) > 2, within=WITHIN, what="requests that were answered with 404")
        definition.install(definition.ours)

    installing = threading.Thread(target=install)
    installing.start()
    with detector.operator.running():
        installing.join()
        detector.until_ready()
        detector.patch("deployment", "shuttle", {"spec": {"replicas": 4}})
        until(lambda: _number(detector) == 1, within=WITHIN, what="1 replica: the watches are there")


@pytest.mark.parametrize("where", [EVERYWHERE, IN_NAMESPACES])
def test_detectors_go_with_the_definition_and_those_made_after_its_return_are_served(
    unseen: Detector, definition: Definition, where: str
) -> None:
    detector = _watching(unseen, where)
    with detector.operator.running():
        detector.until_ready()
        old = detector.uid

        definition.remove()
        definition.install(definition.ours)
        detector.apply()

        assert detector.uid != old
        # The garbage collector may have to learn of the definition again before it takes what the old one owned.
        until(lambda: _owner(detector) == detector.uid, within=NOTICED_WITHIN, what="the new detector's Job")
        detector.serve(detector.train())
        detector.await_condition("Ready", "True", "Succeeded")


def test_a_definition_that_is_replaced_by_a_later_one_and_back_disturbs_nothing(
    unseen: Detector, definition: Definition
) -> None:
    with unseen.operator.running():
        unseen.until_ready()
        before, writes = unseen.children(), unseen.operator.writes()

        definition.install(definition.with_another_field())
        definition.await_field("later", known=True)
        _pass(unseen, 3)
        assert unseen.operator.writes() == writes
        unseen.patch("ad", "shuttle", {"spec": {"serving": {"later": "x"}}})
        message = unseen.await_condition("Stalled", "True", "ResourceInvalid")["message"]
        assert "spec.serving.later" in message
        unseen.await_condition("Serving", "True", "Succeeded")
        assert unseen.children() == before

        definition.install(definition.ours)
        definition.await_field("later", known=False)
        unseen.patch("ad", "shuttle", {"spec": {"serving": {"replicas": {"min": 2}}}})
        until(lambda: _number(unseen) == 2, within=NOTICED_WITHIN, what="2 replicas: what is unknown has gone")
        unseen.serve(1, pods=2)
        unseen.await_condition("Ready", "True", "Succeeded")


def test_detectors_that_no_definition_would_accept_disturb_no_other(unseen: Detector, definition: Definition) -> None:
    definition.install(definition.of_anything())
    for number, part in enumerate(POISONED):
        one = replace(unseen, name=f"poisoned-{number}")
        one.kubectl("create", "--filename=-", given=json.dumps({**one.manifest(), **part}))
        if "status" in part:
            told = json.dumps({**one.read(), **part})
            one.kubectl("replace", "--subresource=status", "--filename=-", given=told)
    definition.install(definition.ours)

    with unseen.operator.running():
        unseen.until_ready()
        _pass(unseen, len(POISONED))
        unseen.patch("deployment", "shuttle", {"spec": {"replicas": 4}})
        until(lambda: _number(unseen) == 1, within=WITHIN, what="1 replica")


def _unknown(operator: RunningOperator) -> float:
    """Requests of the operator that were answered with 404."""
    samples = (sample for metric in operator.metrics.api_requests.collect() for sample in metric.samples)
    return sum(s.value for s in samples if s.name.endswith("_total") and s.labels["code"] == "404")


def _owner(detector: Detector) -> str | None:
    """Whose Job it is."""
    job = detector.get("job", detector.job_name)
    return None if job is None else str(job["metadata"]["ownerReferences"][0]["uid"])


def _number(detector: Detector) -> int:
    replicas: int = detector.get("deployment", detector.name)["spec"]["replicas"]
    return replicas


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
