"""Detectors that are deleted, in each of the ways in which Kubernetes deletes."""

from dataclasses import replace
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import OWN, WITHIN, Detector

COLLECTED_WITHIN = 120
"""The garbage collector looks for new kinds every 30 s: so much later it may learn of the definition's own."""
FINALIZER = "example.com/not-yet"


def test_a_detector_that_is_deleted_while_it_trains_leaves_nothing(detector: Detector) -> None:
    detector.apply()
    detector.node.pod(detector.await_job(), "trainer-0", {"phase": "Running"})

    detector.kubectl("delete", "ad", "shuttle", detector.here)

    until(lambda: not _left(detector), within=COLLECTED_WITHIN, what="children and pods to be collected")
    _audited(detector)
    assert _left(detector) == []


def test_a_detector_that_is_deleted_while_the_registry_is_down_leaves_nothing(detector: Detector) -> None:
    detector.until_ready()
    detector.operator.registry.reachable = False
    try:
        detector.kubectl("delete", "ad", "shuttle", detector.here)

        until(lambda: not _left(detector), within=COLLECTED_WITHIN, what="children and pods to be collected")
    finally:
        detector.operator.registry.reachable = True


def test_children_that_go_before_their_detector_are_not_made_again(detector: Detector) -> None:
    detector.until_ready()
    finalizer = {"metadata": {"finalizers": [FINALIZER]}}
    detector.patch("service", "shuttle", finalizer)

    detector.kubectl("delete", "ad", "shuttle", detector.here, "--cascade=foreground", "--wait=false")

    until(lambda: list(detector.children()) == ["Service/shuttle"], within=COLLECTED_WITHIN, what="the others to go")
    _audited(detector)
    assert list(detector.children()) == ["Service/shuttle"]
    assert "deletionTimestamp" in detector.read()["metadata"], "it waits for the Service"
    detector.patch("service", "shuttle", {"metadata": {"finalizers": None}})
    until(lambda: detector.get("ad", "shuttle") is None, within=COLLECTED_WITHIN, what="the detector to go")
    assert detector.children() == {}


def test_children_that_are_to_outlive_their_detector_do(detector: Detector) -> None:
    detector.until_ready()
    before = set(detector.children())

    detector.kubectl("delete", "ad", "shuttle", detector.here, "--cascade=orphan")

    assert {str(child["metadata"].get("ownerReferences")) for child in _objects(detector)} == {"None"}
    _audited(detector)
    assert set(detector.children()) == before


def test_a_detector_of_the_same_name_leaves_its_predecessors_orphans_alone_until_they_are_gone(
    detector: Detector,
) -> None:
    detector.until_ready()
    detector.kubectl("delete", "ad", "shuttle", detector.here, "--cascade=orphan")
    before = detector.children()

    detector.apply()

    message = detector.await_condition("Stalled", "True", "NameConflict")["message"]
    assert "shuttle" in message
    _audited(detector)
    assert before.items() <= detector.children().items(), "not one of them was written to"

    detector.kubectl("delete", "jobs,deployments,services,networkpolicies,configmaps,secrets", OWN, detector.here)
    detector.serve(detector.train())
    detector.await_condition("Ready", "True", "Succeeded")
    assert detector.get("deployment", "shuttle")["metadata"]["ownerReferences"][0]["uid"] == detector.uid


def _objects(detector: Detector) -> list[Any]:
    found: list[Any] = detector.kubectl.read("deployments,services,configmaps,secrets", OWN, detector.here)["items"]
    return found


def _left(detector: Detector) -> list[str]:
    pods = detector.kubectl.read("pods", OWN, detector.here)["items"]
    return [*detector.children(), *(pod["metadata"]["name"] for pod in pods)]


def _audited(detector: Detector) -> None:
    """Returns after so many passes for another detector, which has no children, as audits fall in between."""
    beside = replace(detector, name="beside")
    beside.apply(suspend=True)
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 4, within=WITHIN, what="four more passes")
    detector.kubectl("delete", "ad", "beside", detector.here)
