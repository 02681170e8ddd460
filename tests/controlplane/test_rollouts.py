"""Pods whose file lags behind: they are told again, and asked soon, without a storm of writes."""

import time

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.standins import running

from pynomaly_operator.notification import Notification
from pynomaly_operator.reconcile import Pace

SELDOM = Pace(switching=0.1, training=60, stalled=60, resync=60)


def test_a_pod_that_stays_behind_is_told_again_and_again_until_it_serves_the_target(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2)
    version = detector.train()
    until(lambda: _told(detector) == 1, within=WITHIN, what="the pod to be told")

    began = time.monotonic()
    until(lambda: _told(detector) == 3, within=WITHIN, what="the pod to be told twice more")
    assert time.monotonic() - began > 5, "after 2 s and another 4 s"

    detector.operator.pods.serve(detector.address(0), version)
    detector.await_condition("Ready", "True", "Succeeded")
    passes, before = detector.operator.passes(), _pod(detector)
    until(lambda: detector.operator.passes() >= passes + 5, within=WITHIN, what="five more passes")
    assert _pod(detector) == before, "who is up to date is left alone"


def test_a_pod_that_says_why_it_cannot_load_the_target_is_not_told_again(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2)
    version = detector.train()
    detector.operator.pods.fail(detector.address(0), version, loaded=1, message="golden row 3 differs")
    detector.await_condition("Stalled", "True", "ModelLoadFailed")
    before = _pod(detector)

    time.sleep(3)  # the next notification would have come after 2 s

    assert _pod(detector) == before


def test_a_silent_switch_is_seen_at_once_though_another_pod_is_not_up(
    unapplied: Detector,
) -> None:
    unapplied.operator.pace = SELDOM
    with unapplied.operator.running():
        unapplied.until_ready()
        unapplied.apply(contamination=0.2, serving={"replicas": {"min": 2}})
        version = unapplied.train()
        deployment = unapplied.get("deployment", "shuttle")
        unapplied.node.pod(deployment, "shuttle-1", running(unapplied.address(1), ready=False))
        unapplied.await_condition("Ready", "False", "RollingOut")
        until(lambda: _told(unapplied) == 1, within=WITHIN, what="the pod to be told")

        unapplied.operator.pods.serve(unapplied.address(0), version)

        until(lambda: _served(unapplied) == version, within=20, what="the switch to be seen")


def _told(detector: Detector) -> int:
    """How often the pod was told of what is to be served now."""
    annotations = detector.get("pod", "shuttle-0")["metadata"].get("annotations", {})
    found = Notification.parse(annotations.get("pynomaly.io/serving-hash"))
    return 0 if found is None else found.attempt


def _served(detector: Detector) -> int:
    version: int = detector.read()["status"]["model"]["version"]
    return version


def _pod(detector: Detector) -> str:
    version: str = detector.get("pod", "shuttle-0")["metadata"]["resourceVersion"]
    return version
