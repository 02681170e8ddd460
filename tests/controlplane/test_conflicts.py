"""Somebody else wants a child otherwise, or a field of it cannot be changed any more."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

FIGHT_ENDS_WITHIN = 60
"""The first waits are 10, 20 and 40 s, and what was put back must stay for 5 s."""
PASSES = 8
MOST_WRITES = 4
"""In so many passes of a fight: one, of a child or the status, and what tells of it. Unbounded each pass has one."""


LABEL = "app.kubernetes.io/name"
KNOWN_BY = "app.kubernetes.io/managed-by"


def test_a_fight_over_a_field_is_told_with_the_rivals_name_costs_few_writes_and_ends(detector: Detector) -> None:
    detector.until_ready()

    with _rival(lambda: _relabel(detector, "service", "shuttle", LABEL)):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "`gitops`" in message
        assert "Service shuttle" in message
        detector.await_condition("Serving", "True", "Succeeded")
        _costs_few_writes(detector)

    until(lambda: detector.condition("Ready")["status"] == "True", within=FIGHT_ENDS_WITHIN, what="the fight to end")
    assert _label(detector, "service", "shuttle", LABEL) == "pynomaly"


def test_a_fight_over_the_label_by_which_a_child_is_known_is_one_too(detector: Detector) -> None:
    detector.until_ready()

    with _rival(lambda: _relabel(detector, "service", "shuttle", KNOWN_BY)):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "`gitops` keeps changing what Service shuttle must be" in message
        _costs_few_writes(detector)

    until(lambda: detector.condition("Ready")["status"] == "True", within=FIGHT_ENDS_WITHIN, what="the fight to end")
    assert _label(detector, "service", "shuttle", KNOWN_BY) == "pynomaly"


def test_a_fight_over_the_owner_of_a_child_is_one_too(detector: Detector) -> None:
    detector.until_ready()

    def disown() -> None:
        if "ownerReferences" in detector.get("configmap", "shuttle-serving")["metadata"]:
            _edit(detector, "configmap", "shuttle-serving", {"metadata": {"ownerReferences": None}})

    with _rival(disown):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "ConfigMap shuttle-serving" in message
        _costs_few_writes(detector)


def test_a_fight_over_the_label_of_a_job_is_one_too(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]["name"]

    with _rival(lambda: _relabel(detector, "job", job, KNOWN_BY)):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert f"`gitops` keeps changing what Job {job} must be" in message
        _costs_few_writes(detector)


@pytest.mark.parametrize(("kind", "name"), [("service", "shuttle"), ("secret", "shuttle-api-keys")])
def test_a_fight_with_somebody_who_deletes_a_child_as_soon_as_it_appears_is_one_too(
    detector: Detector, kind: str, name: str
) -> None:
    detector.until_ready()

    with _rival(lambda: detector.kubectl("delete", kind, name, detector.here, "--ignore-not-found", "--wait=false")):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert f"somebody keeps deleting {kind.capitalize()} {name}" in message
        _costs_few_writes(detector)

    until(lambda: detector.get(kind, name), within=FIGHT_ENDS_WITHIN, what=f"{kind} {name} to come back")


def test_a_fight_with_somebody_who_makes_a_child_that_is_not_wanted_is_one_too(detector: Detector) -> None:
    detector.until_ready()
    stray = detector.get("configmap", "shuttle-serving")
    kept = {part: stray["metadata"][part] for part in ("namespace", "labels", "ownerReferences")}
    stray["metadata"] = {**kept, "name": "stray"}

    with _rival(lambda: detector.kubectl.apply(stray)):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "keeps making ConfigMap stray" in message
        _costs_few_writes(detector)

    until(lambda: detector.get("configmap", "stray") is None, within=FIGHT_ENDS_WITHIN, what="the stray to go")
    until(lambda: detector.condition("Ready")["status"] == "True", within=FIGHT_ENDS_WITHIN, what="the fight to end")


def test_a_fight_with_somebody_who_scales_an_autoscaled_deployment_to_nothing_is_one_too(detector: Detector) -> None:
    detector.until_ready(pods=2, serving={"replicas": {"min": 2, "max": 5}})

    def number() -> int:
        replicas: int = detector.get("deployment", "shuttle")["spec"]["replicas"]
        return replicas

    def scale_down() -> None:
        if number() != 0:
            _edit(detector, "deployment", "shuttle", {"spec": {"replicas": 0}})

    with _rival(scale_down):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "`gitops`" in message
        assert "Deployment shuttle" in message
        _costs_few_writes(detector)

    until(lambda: number() == 2, within=FIGHT_ENDS_WITHIN, what="2 replicas")


def test_a_fight_over_the_status_costs_few_writes_and_is_told_by_an_event(detector: Detector) -> None:
    detector.until_ready()

    def pods() -> int:
        replicas: int = detector.read()["status"]["replicas"]
        return replicas

    def lie() -> None:
        if pods() != 99:
            _edit(detector, "ad", "shuttle", {"status": {"replicas": 99}}, "--subresource=status")

    def told() -> bool:
        events = detector.kubectl.read("events", detector.here)["items"]
        return any(
            e["reason"] == "FieldConflict" and "`gitops` keeps changing the status" in e["message"] for e in events
        )

    with _rival(lie):
        until(told, within=WITHIN, what="the event")
        _costs_few_writes(detector)

    until(lambda: pods() == 1, within=FIGHT_ENDS_WITHIN, what="the status to be true")


def test_a_child_that_is_given_to_another_detector_is_told_of_and_made_again_when_it_is_gone(
    detector: Detector,
) -> None:
    detector.until_ready()
    another = replace(detector, name="another")
    another.apply(suspend=True)
    (owner,) = detector.get("service", "shuttle")["metadata"]["ownerReferences"]
    theirs = {**owner, "name": another.name, "uid": another.uid}
    detector.patch("service", "shuttle", {"metadata": {"ownerReferences": [theirs]}})

    assert "Service shuttle" in detector.await_condition("Stalled", "True", "NameConflict")["message"]

    detector.kubectl("delete", "service", "shuttle", detector.here)
    detector.await_child("service", "shuttle")
    detector.await_condition("Ready", "True", "Succeeded")


def test_a_config_map_that_was_made_immutable_is_made_anew_when_it_must_change(detector: Detector) -> None:
    detector.until_ready()
    before = detector.get("configmap", "shuttle-training")["metadata"]["uid"]
    detector.patch("configmap", "shuttle-training", {"immutable": True})

    detector.apply(contamination=0.2)

    detector.await_job()
    until(
        lambda: _uid(detector, "configmap", "shuttle-training") not in (None, before), within=WITHIN, what="a new one"
    )
    detector.operator.pods.serve(detector.address(0), detector.train())
    detector.await_condition("Ready", "True", "Succeeded")


def test_a_deployment_whose_selector_is_another_is_made_anew(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()
    detector.kubectl.apply(_of_an_earlier_version(detector, job))
    other = _uid(detector, "deployment", "shuttle")

    version = detector.train()

    until(lambda: _uid(detector, "deployment", "shuttle") not in (None, other), within=WITHIN, what="a new Deployment")
    detector.serve(version)
    detector.await_condition("Ready", "True", "Succeeded")
    selector = detector.get("deployment", "shuttle")["spec"]["selector"]["matchLabels"]
    assert selector["pynomaly.io/detector-uid"] == detector.uid


def test_a_service_keeps_its_address_whatever_is_put_back(detector: Detector) -> None:
    detector.until_ready()
    before = detector.get("service", "shuttle")

    detector.patch("service", "shuttle", {"spec": {"selector": {"pynomaly.io/detector-uid": "another"}}})
    detector.patch("service", "shuttle", [{"op": "remove", "path": "/spec/ports/0"}], form="json")

    def is_whole() -> bool:
        spec = detector.get("service", "shuttle")["spec"]
        return bool(spec["selector"] == before["spec"]["selector"] and spec["ports"] == before["spec"]["ports"])

    until(is_whole, within=WITHIN, what="selector and ports to be put back")
    after = detector.get("service", "shuttle")
    assert after["spec"]["clusterIPs"] == before["spec"]["clusterIPs"]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def _of_an_earlier_version(detector: Detector, job: Any) -> dict[str, Any]:
    """The detector's Deployment with another selector."""
    owned = {key: job["metadata"][key] for key in ("labels", "ownerReferences")}
    pod = {
        "metadata": {"labels": {"old": "yes"}},
        "spec": {**job["spec"]["template"]["spec"], "restartPolicy": "Always"},
    }
    spec = {"selector": {"matchLabels": {"old": "yes"}}, "template": pod}
    metadata = {"name": "shuttle", "namespace": detector.namespace, **owned}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


@contextmanager
def _rival(act: Callable[[], object]) -> Iterator[None]:
    """Somebody who does this again and again while the context lasts."""
    stop = threading.Event()
    errors: list[Exception] = []

    def go_on() -> None:
        while not stop.wait(0.05):
            try:
                act()
            except Exception as error:  # noqa: BLE001 - raised in the test's thread
                errors.append(error)
                return

    thread = threading.Thread(target=go_on, name="rival")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not errors, errors


def _edit(detector: Detector, kind: str, name: str, patch: Any, *options: str) -> None:
    """An edit by `gitops`."""
    written = f"--patch={json.dumps(patch)}"
    detector.kubectl("patch", kind, name, detector.here, "--field-manager=gitops", "--type=merge", written, *options)


def _relabel(detector: Detector, kind: str, name: str, label: str) -> None:
    """`gitops` gives the label a value of its own, unless it has it."""
    if _label(detector, kind, name, label) != "theirs":
        _edit(detector, kind, name, {"metadata": {"labels": {label: "theirs"}}})


def _costs_few_writes(detector: Detector) -> None:
    passes, before = detector.operator.passes(), detector.operator.writes()
    until(lambda: detector.operator.passes() >= passes + PASSES, within=3 * WITHIN, what="more passes")
    assert detector.operator.writes() - before <= MOST_WRITES


def _label(detector: Detector, kind: str, name: str, label: str) -> str:
    found: str = detector.get(kind, name)["metadata"]["labels"][label]
    return found


def _uid(detector: Detector, kind: str, name: str) -> str | None:
    found = detector.get(kind, name)
    return None if found is None else found["metadata"]["uid"]
