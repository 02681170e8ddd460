"""What users change while the operator is at work, or while there is none: the last word counts."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.held import HeldPods, HeldRegistry
from tests.controlplane.watched import states

from pynomaly_operator.api.parse import parse_spec
from pynomaly_operator.desired.fingerprint import fingerprint

FLIPS = 3


def test_of_edits_in_the_middle_of_a_pass_the_last_one_wins(unapplied: Detector) -> None:
    registry = HeldRegistry()
    unapplied.operator.registry = registry
    with unapplied.operator.running():
        with registry.hold.held():
            unapplied.apply(contamination=0.1)
            registry.hold.await_question()
            unapplied.apply(contamination=0.2)
            unapplied.apply(contamination=0.3)

        unapplied.await_condition("Trained", "Unknown", "Training")
        until(lambda: _jobs(unapplied) == [unapplied.job_name], within=WITHIN, what="the Job of the last edit alone")
        unapplied.serve(unapplied.train())
        unapplied.await_condition("Ready", "True", "Succeeded")
        assert unapplied.read()["status"]["model"]["fingerprint"] == unapplied.fingerprint


def test_no_status_claims_a_generation_that_it_was_not_made_of(unapplied: Detector, tmp_path: Path) -> None:
    registry = HeldRegistry()
    unapplied.operator.registry = registry
    unapplied.apply(contamination=0.1)
    with states(unapplied, tmp_path) as seen, unapplied.operator.running():
        unapplied.serve(unapplied.train())
        unapplied.await_condition("Ready", "True", "Succeeded")
        for contamination in (0.2, 0.3):
            with registry.hold.held():
                unapplied.apply(contamination=contamination)
                registry.hold.await_question()
                unapplied.apply(contamination=contamination + 0.01)
            unapplied.operator.pods.serve(unapplied.address(0), unapplied.train())
            unapplied.await_condition("Ready", "True", "Succeeded")

    asked = {state["metadata"]["generation"]: fingerprint(parse_spec(state["spec"])) for state in seen()}
    assert len(asked) == 5
    observed = [state["status"]["observedGeneration"] for state in seen()]
    assert observed == sorted(observed)
    assert observed[-1] == 5
    for state in seen():
        assert state["status"]["observedGeneration"] <= state["metadata"]["generation"]
        if _is_ready(state):
            assert state["status"]["model"]["fingerprint"] == asked[state["status"]["observedGeneration"]]


def test_a_number_that_flips_and_flips_back_ends_where_it_was_last_set(unapplied: Detector) -> None:
    pods = HeldPods()
    unapplied.operator.pods = pods
    with unapplied.operator.running():
        unapplied.until_ready(pods=3, serving=_replicas(3))
        with pods.hold.held():
            unapplied.apply(serving=_replicas(2))
            until(lambda: _number(unapplied) == 2, within=WITHIN, what="2 replicas, in a pass that goes on")
            pods.hold.await_question()
            unapplied.apply(serving=_replicas(3))
        until(lambda: _number(unapplied) == 3, within=WITHIN, what="3 replicas again")

        for _ in range(FLIPS):
            unapplied.apply(serving=_replicas(2))
            unapplied.apply(serving=_replicas(3))

        generation = unapplied.read()["metadata"]["generation"]
        until(lambda: _observed(unapplied) == generation, within=WITHIN, what="the last edit to be seen")
        until(lambda: _number(unapplied) == 3, within=WITHIN, what="3 replicas in the end")
        unapplied.node.deployment_ready("shuttle", 3)
        unapplied.await_condition("Ready", "True", "Succeeded")
        _pass(unapplied, 3)
        assert _number(unapplied) == 3


def test_what_users_made_edited_and_deleted_while_no_operator_ran_is_carried_out(unapplied: Detector) -> None:
    deleted, made = replace(unapplied, name="deleted"), replace(unapplied, name="made")
    with unapplied.operator.running():
        unapplied.until_ready()
        deleted.apply()
        deleted.await_job()

    unapplied.apply(contamination=0.2, serving=_replicas(2))
    unapplied.kubectl("delete", "ad", "deleted", unapplied.here)
    made.apply()

    with unapplied.operator.running():
        made.await_job()
        unapplied.await_job()
        until(lambda: _number(unapplied) == 2, within=WITHIN, what="2 replicas")
        until(lambda: not _children(deleted), within=120, what="the deleted detector's children to be collected")
        _pass(unapplied, 3)
        assert _children(deleted) == []


def _replicas(number: int) -> dict[str, Any]:
    return {"replicas": {"min": number}}


def _number(detector: Detector) -> int:
    number: int = detector.get("deployment", "shuttle")["spec"]["replicas"]
    return number


def _observed(detector: Detector) -> int:
    observed: int = detector.read()["status"]["observedGeneration"]
    return observed


def _is_ready(state: Any) -> bool:
    ready = {c["type"]: c["status"] for c in state["status"].get("conditions", ())}.get("Ready")
    return ready == "True"


def _jobs(detector: Detector) -> list[str]:
    return [job["metadata"]["name"] for job in detector.kubectl.read("jobs", detector.here)["items"]]


def _children(detector: Detector) -> list[str]:
    return [name for name in detector.children() if f"/{detector.name}" in name]


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
