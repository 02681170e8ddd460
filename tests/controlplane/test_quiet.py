"""What does not happen: writes without need."""

import json
import time
from dataclasses import replace

import pytest
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import RunningOperator

CHILDREN = 10
AUTOSCALED = {"replicas": {"min": 2, "max": 5}}


def test_an_operator_with_nothing_to_do_writes_nothing(unapplied: Detector, own_operator: RunningOperator) -> None:
    with own_operator.running():
        unapplied.until_ready()
        before, skipped = _versions(unapplied), own_operator.children("skipped")
        writes, looked_at = own_operator.writes(), skipped + 4 * CHILDREN

        # Several resyncs and audits pass meanwhile.
        until(lambda: own_operator.children("skipped") >= looked_at, within=30, what="four looks at every child")

        assert own_operator.writes() == writes
        assert _versions(unapplied) == before


def test_an_edit_is_carried_out_though_it_comes_while_an_unchanged_detector_is_looked_at(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    own_operator.pace = replace(own_operator.pace, resync=0.01)
    with own_operator.running():
        unapplied.until_ready()
        for number in range(15):
            looked_at = own_operator.passes() + 5
            until(lambda: own_operator.passes() >= looked_at, within=30, what="looks at what is unchanged")  # noqa: B023 - called at once

            unapplied.apply(network={"allowFrom": [{"namespace": f"n{number}"}]})

            until(lambda: f'"n{number}"' in _policy(unapplied), within=30, what=f"the network policy of edit {number}")  # noqa: B023 - called at once


def _policy(detector: Detector) -> str:
    return json.dumps(detector.get("networkpolicy", f"{detector.name}-serving")["spec"])


@pytest.mark.parametrize("version", [None, (1, 30)], ids=["streams of metadata", "lists, as before 1.34"])
def test_a_restart_writes_nothing_and_finds_everything(
    unapplied: Detector, own_operator: RunningOperator, version: tuple[int, int] | None
) -> None:
    own_operator.version = version
    with own_operator.running():
        unapplied.until_ready()
    before = _versions(unapplied)
    own_operator.registry.asked = 0

    with own_operator.running():
        until(lambda: own_operator.children("skipped") >= CHILDREN, within=WITHIN, what="all children to be looked at")

        assert own_operator.writes() == 0
        assert own_operator.children("applied") == 0
    assert _versions(unapplied) == before
    assert own_operator.registry.asked == 0, "what the status tells of the model is not asked again"


def test_a_restart_writes_nothing_for_an_autoscaled_detector_either(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    with own_operator.running():
        unapplied.until_ready(pods=2, serving=AUTOSCALED)
        unapplied.kubectl("scale", "deployment/shuttle", "--replicas=4", unapplied.here)
        unapplied.serve(1, pods=4)
        unapplied.await_condition("Ready", "True", "Succeeded")
    before = _versions(unapplied)

    with own_operator.running():
        until(
            lambda: own_operator.children("skipped") >= 2 * (CHILDREN + 2),
            within=WITHIN,
            what="two looks at each child",
        )

        assert own_operator.writes() == 0
    assert _versions(unapplied) == before


def test_what_changed_while_no_operator_ran_is_made_good(unapplied: Detector, own_operator: RunningOperator) -> None:
    with own_operator.running():
        unapplied.until_ready()
    unapplied.kubectl("delete", "service", "shuttle", unapplied.here)
    unapplied.patch("deployment", "shuttle", {"spec": {"replicas": 4}})

    with own_operator.running():
        unapplied.await_child("service", "shuttle")
        until(lambda: unapplied.get("deployment", "shuttle")["spec"]["replicas"] == 1, within=WITHIN, what="1 replica")

        assert own_operator.children("applied") == 2


def test_parameters_that_only_the_operator_can_judge_stall_without_a_retry_storm(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    with own_operator.running():
        unapplied.apply(algorithm={"name": "IForest", "parameters": {"n_estimatorz": 5}})

        message = unapplied.await_condition("Stalled", "True", "ResourceInvalid")["message"]
        assert "spec.algorithm" in message
        assert "`n_estimators`" in message
        passes, writes = own_operator.passes(), own_operator.writes()
        time.sleep(2)  # that nothing happens can only be seen by waiting
        assert own_operator.passes() == passes
        assert own_operator.writes() == writes

        unapplied.apply()
        unapplied.await_condition("Stalled", "False", "Training")


def test_a_suspended_detector_is_left_as_it_is(unapplied: Detector, own_operator: RunningOperator) -> None:
    with own_operator.running():
        unapplied.until_ready()
        unapplied.apply(suspend=True, contamination=0.3)
        unapplied.await_condition("Ready", "False", "Suspended")
        unapplied.kubectl("delete", "service", "shuttle", unapplied.here)
        passes = own_operator.passes()
        until(lambda: own_operator.passes() >= passes + 2, within=WITHIN, what="two more passes")

        assert unapplied.get("service", "shuttle") is None
        assert unapplied.get("job", unapplied.job_name) is None
        assert unapplied.condition("Serving")["status"] == "True"

        unapplied.apply(contamination=0.3)
        unapplied.await_child("service", "shuttle")
        unapplied.await_job()


def test_conditions_and_labels_of_others_cause_no_writes(unapplied: Detector, own_operator: RunningOperator) -> None:
    with own_operator.running():
        unapplied.until_ready()
        foreign = {
            "type": "Approved",
            "status": "True",
            "reason": "ByHand",
            "message": "",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        add = [{"op": "add", "path": "/status/conditions/-", "value": foreign}]
        unapplied.kubectl(
            "patch",
            "ad",
            "shuttle",
            unapplied.here,
            "--subresource=status",
            "--type=json",
            f"--patch={json.dumps(add)}",
        )
        writes, passes = own_operator.writes(), own_operator.passes()
        until(lambda: own_operator.passes() >= passes + 3, within=WITHIN, what="three more passes")

        assert own_operator.writes() == writes
        assert "Approved" in {c["type"] for c in unapplied.read()["status"]["conditions"]}


def _versions(detector: Detector) -> dict[str, str]:
    """The resourceVersions of all that the operator writes."""
    kubectl: Kubectl = detector.kubectl
    items = kubectl.read("ad,events,pods", detector.here)["items"]
    own = {f"{i['kind']}/{i['metadata']['name']}": i["metadata"]["resourceVersion"] for i in items}
    return own | detector.children()
