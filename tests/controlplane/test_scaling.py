"""Who sets the number of pods: the resource, an autoscaler of ours, or one of somebody else's."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.cluster.replica_counts import replica_counts
from tests.controlplane.detectors import WITHIN, Detector

from pynomaly_operator.owned import REPLICAS, applied_fields, has_path

AUTOSCALED = {"replicas": {"min": 2, "max": 5}}


def test_an_autoscaler_takes_the_number_of_pods_over_as_it_is(detector: Detector, tmp_path: Path) -> None:
    detector.until_ready(pods=3, serving={"replicas": {"min": 3}})

    with _numbers(detector, tmp_path) as numbers:
        detector.apply(serving={"replicas": {"min": 1, "max": 5}})
        until(lambda: not _ours(detector), within=WITHIN, what="the number of pods to be handed over")
        spec = detector.await_child("horizontalpodautoscaler", "shuttle")["spec"]

    assert numbers() == [3]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 5)
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shuttle"}


def test_the_number_of_pods_is_taken_back_as_it_is_when_autoscaling_ends(detector: Detector, tmp_path: Path) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    _as_an_autoscaler_does(detector, 3)

    with _numbers(detector, tmp_path) as numbers:
        detector.apply(serving={"replicas": {"min": 3}})
        until(lambda: _ours(detector), within=WITHIN, what="the number of pods to be taken back")

    assert numbers() == [3]
    assert detector.get("horizontalpodautoscaler", "shuttle") is None
    detector.patch("deployment", "shuttle", {"spec": {"replicas": 7}})
    until(lambda: _number(detector) == 3, within=WITHIN, what="3 replicas again")


def test_another_fixed_number_is_reached_in_one_step_and_not_by_way_of_one_pod(
    detector: Detector, tmp_path: Path
) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    _as_an_autoscaler_does(detector, 5)

    with _numbers(detector, tmp_path) as numbers:
        detector.apply(serving={"replicas": {"min": 3, "max": 3}})
        until(lambda: _ours(detector), within=WITHIN, what="the number of pods to be taken back")

    assert numbers() == [5, 3]


def test_what_an_autoscaler_sets_stays_whatever_else_of_the_deployment_is_put_back(
    detector: Detector, tmp_path: Path
) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    _as_an_autoscaler_does(detector, 4)

    with _numbers(detector, tmp_path) as numbers:
        image = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "evil:1"}]
        detector.patch("deployment", "shuttle", image, form="json")
        until(lambda: _image(detector) != "evil:1", within=WITHIN, what="the image to be put back")
        detector.patch("deployment", "shuttle", [{"op": "remove", "path": "/metadata/labels"}], form="json")
        until(lambda: "labels" in detector.get("deployment", "shuttle")["metadata"], within=WITHIN, what="the labels")

    assert numbers() == [4]


def test_a_deployment_that_is_found_without_its_labels_keeps_its_number_when_autoscaling_begins(
    detector: Detector, tmp_path: Path
) -> None:
    detector.until_ready(pods=3, serving={"replicas": {"min": 3}})
    detector.apply(serving={"replicas": {"min": 3}}, suspend=True)
    detector.await_condition("Ready", "True", "Suspended")
    detector.patch("deployment", "shuttle", [{"op": "remove", "path": "/metadata/labels"}], form="json")

    with _numbers(detector, tmp_path) as numbers:
        detector.apply(serving={"replicas": {"min": 1, "max": 5}})
        until(lambda: not _ours(detector), within=WITHIN, what="the number of pods to be handed over")

    assert numbers() == [3]


def test_a_detector_stays_ready_while_its_autoscaler_adds_pods_and_not_while_its_template_changes(
    detector: Detector,
) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    _as_an_autoscaler_does(detector, 4)
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")

    assert detector.condition("Ready")["status"] == "True", "two of four pods are ready, and two are asked for"

    detector.apply(serving={**AUTOSCALED, "limits": {"rows": 7}})

    detector.await_condition("Ready", "False", "RollingOut")


def test_an_autoscaled_detector_begins_with_its_least_number_of_pods(detector: Detector) -> None:
    detector.apply(serving={"replicas": {"min": 3, "max": 5}})
    detector.train()

    until(lambda: _number(detector) == 3, within=WITHIN, what="3 replicas")
    assert not _ours(detector)


def test_an_autoscaled_deployment_that_was_scaled_to_nothing_comes_back(detector: Detector) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)

    detector.kubectl("scale", "deployment/shuttle", "--replicas=0", detector.here)

    until(lambda: _number(detector) == 2, within=WITHIN, what="2 replicas")


def test_the_number_of_pods_is_left_to_somebody_elses_autoscaler_until_it_is_gone(detector: Detector) -> None:
    detector.until_ready()
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shuttle"}
    metadata = {"name": "theirs", "namespace": detector.namespace}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9}
    theirs = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}
    detector.kubectl.apply(theirs)
    _as_an_autoscaler_does(detector, 4)
    detector.serve(1, pods=4)
    detector.await_condition("Ready", "True", "Succeeded")
    version = detector.get("horizontalpodautoscaler", "theirs")["metadata"]["resourceVersion"]

    # The pass that wrote the condition ends with an event.
    passes = detector.operator.passes()
    until(lambda: detector.operator.passes() >= passes + 1, within=WITHIN, what="a pass after that of the condition")
    passes, writes = detector.operator.passes(), detector.operator.writes()
    until(lambda: detector.operator.passes() >= passes + 3, within=WITHIN, what="three more passes")

    assert _number(detector) == 4
    assert detector.operator.writes() == writes
    assert detector.get("horizontalpodautoscaler", "theirs")["metadata"]["resourceVersion"] == version

    detector.kubectl("delete", "horizontalpodautoscaler", "theirs", detector.here)

    until(lambda: _number(detector) == 1, within=WITHIN, what="1 replica")


def test_an_autoscaler_of_our_name_that_is_not_ours_is_left_alone(detector: Detector) -> None:
    detector.kubectl("create", "deployment", "other", "--image=other", detector.here)
    detector.kubectl("autoscale", "deployment", "other", "--name=shuttle", "--min=1", "--max=2", detector.here)
    detector.apply(serving=AUTOSCALED)
    detector.train()

    condition = detector.await_condition("Stalled", "True", "NameConflict")

    assert "HorizontalPodAutoscaler shuttle" in condition["message"]
    assert detector.get("horizontalpodautoscaler", "shuttle")["spec"]["maxReplicas"] == 2
    until(lambda: _number(detector) == 2, within=WITHIN, what="the least number of pods all the same")


def test_a_number_that_was_set_by_hand_is_put_back(detector: Detector) -> None:
    detector.until_ready()

    detector.kubectl("scale", "deployment/shuttle", "--replicas=4", detector.here)

    until(lambda: _number(detector) == 1, within=WITHIN, what="1 replica")


def test_kubectl_scale_sets_the_least_number_of_an_autoscaled_detector_and_not_more_than_the_most(
    detector: Detector,
) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)

    detector.kubectl("scale", "ad/shuttle", "--replicas=4", detector.here)

    until(lambda: _least(detector) == 4, within=WITHIN, what="the autoscaler's least number")
    until(lambda: _number(detector) == 4, within=WITHIN, what="4 replicas")
    with pytest.raises(ClusterError, match=r"serving\.replicas\.min must not be more than serving\.replicas\.max"):
        detector.kubectl("scale", "ad/shuttle", "--replicas=6", detector.here)


def test_a_budget_for_evictions_comes_with_the_second_pod_and_goes_with_it(detector: Detector) -> None:
    detector.until_ready()
    assert detector.get("poddisruptionbudget", "shuttle") is None

    detector.apply(serving={"replicas": {"min": 2}})
    spec = detector.await_child("poddisruptionbudget", "shuttle")["spec"]
    assert spec["maxUnavailable"] == 1

    detector.apply()
    until(lambda: detector.get("poddisruptionbudget", "shuttle") is None, within=WITHIN, what="the budget to go")


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("horizontalpodautoscaler", "maxReplicas", 50),
        ("horizontalpodautoscaler", "metrics", []),
        ("horizontalpodautoscaler", "behavior", {"scaleDown": {"selectPolicy": "Disabled"}}),
        ("poddisruptionbudget", "maxUnavailable", 2),
        ("poddisruptionbudget", "selector", {"matchLabels": {"a": "b"}}),
    ],
)
def test_an_edit_of_what_we_own_is_put_back_and_of_the_rest_is_not(
    detector: Detector, kind: str, field: str, value: Any
) -> None:
    detector.until_ready(pods=2, serving=AUTOSCALED)
    before = detector.get(kind, "shuttle")["spec"][field]

    edit = {"spec": {field: value}, "metadata": {"annotations": {"team": "blue"}, "labels": {"team": "blue"}}}
    detector.patch(kind, "shuttle", edit)

    until(lambda: detector.get(kind, "shuttle")["spec"][field] == before, within=WITHIN, what=f"{field} to be put back")
    metadata = detector.get(kind, "shuttle")["metadata"]
    assert (metadata["annotations"]["team"], metadata["labels"]["team"]) == ("blue", "blue")


def _number(detector: Detector) -> int | None:
    found = detector.get("deployment", "shuttle")
    return None if found is None else found["spec"]["replicas"]


def _least(detector: Detector) -> int:
    least: int = detector.get("horizontalpodautoscaler", "shuttle")["spec"]["minReplicas"]
    return least


def _image(detector: Detector) -> str:
    image: str = detector.get("deployment", "shuttle")["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def _ours(detector: Detector) -> bool:
    """Whether the operator holds the number of pods."""
    fields = applied_fields(detector.get("deployment", "shuttle")["metadata"], "pynomaly")
    assert fields is not None
    return has_path(fields, *REPLICAS)


def _as_an_autoscaler_does(detector: Detector, number: int) -> None:
    """An autoscaler writes to the scale subresource, as this does; no controller of theirs runs here."""
    until(lambda: detector.get("deployment", "shuttle"), within=WITHIN, what="the Deployment")
    detector.kubectl("scale", "deployment/shuttle", f"--replicas={number}", detector.here)


def _numbers(detector: Detector, folder: Path) -> AbstractContextManager[Callable[[], list[int]]]:
    """Every number of pods that the Deployment has while the context lasts; repetitions left out."""
    return replica_counts(detector.kubectl, detector.namespace, "shuttle", folder)
