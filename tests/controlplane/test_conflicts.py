"""Somebody else wants a child otherwise, or a field of it cannot be changed any more."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector

FIGHT_ENDS_WITHIN = 40
"""The first waits are 10 and 20 s, and what was put back must stay for 5 s."""


def test_a_fight_over_a_field_is_told_with_the_rivals_name_costs_few_writes_and_ends(detector: Detector) -> None:
    detector.until_ready()

    with _rival(detector):
        message = detector.await_condition("Stalled", "True", "FieldConflict")["message"]
        assert "`gitops`" in message
        assert "Service shuttle" in message
        detector.await_condition("Serving", "True", "Succeeded")
        passes, applied = detector.operator.passes(), detector.operator.children("applied")
        until(lambda: detector.operator.passes() >= passes + 10, within=WITHIN, what="ten more passes")
        assert detector.operator.children("applied") - applied <= 1

    until(lambda: detector.condition("Ready")["status"] == "True", within=FIGHT_ENDS_WITHIN, what="the fight to end")
    assert _name_label(detector) == "pynomaly"


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
def _rival(detector: Detector) -> Iterator[None]:
    """Somebody who gives the Service's label a value of his own, again and again, while the context lasts."""
    stop = threading.Event()

    def edit() -> None:
        while not stop.wait(0.05):
            if _name_label(detector) != "theirs":
                detector.kubectl(
                    "patch", "service", "shuttle", detector.here, "--field-manager=gitops", "--type=merge",
                    '--patch={"metadata":{"labels":{"app.kubernetes.io/name":"theirs"}}}',
                )  # fmt: skip

    thread = threading.Thread(target=edit, name="rival")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _name_label(detector: Detector) -> str:
    found: str = detector.get("service", "shuttle")["metadata"]["labels"]["app.kubernetes.io/name"]
    return found


def _uid(detector: Detector, kind: str, name: str) -> str | None:
    found = detector.get(kind, name)
    return None if found is None else found["metadata"]["uid"]
