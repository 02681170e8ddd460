"""The same spec trained anew: asked for by an annotation or a schedule, and never in the way of what serves."""

import json

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.standins import DIGEST

RETRAIN = "pynomaly.io/retrain"


def test_the_annotation_trains_the_same_spec_once_more_and_ready_stays(detector: Detector) -> None:
    detector.until_ready()
    first = detector.job_name

    _ask(detector, "today")
    detector.await_condition("Trained", "Unknown", "Training")
    assert detector.condition("Ready")["status"] == "True"
    assert detector.job_name != first
    version = detector.train()
    detector.operator.pods.serve(detector.address(0), version)

    until(lambda: detector.read()["status"]["model"]["version"] == 2, within=WITHIN, what="version 2")
    detector.await_condition("Ready", "True", "Succeeded")
    _pass(detector, 3)
    assert _unfinished(detector) == [], "asked once, trained once"
    assert _stable(detector) == 2


def test_a_retrain_that_failed_leaves_the_detector_ready_and_says_so(detector: Detector) -> None:
    detector.until_ready()
    _ask(detector, "today")

    detector.node.job_failed(detector.await_job()["metadata"]["name"], "DeadlineExceeded")

    detector.await_condition("Trained", "False", "DeadlineExceeded")
    detector.await_condition("Ready", "True", "Succeeded")
    detector.await_condition("Stalled", "False", "Succeeded")
    assert _stable(detector) == 1
    _ask(detector, "tomorrow")
    detector.train()
    until(lambda: _stable(detector) == 2, within=WITHIN, what="the next retrain to be served")


def test_a_retrained_model_that_fails_its_gates_is_not_served_and_ready_stays(detector: Detector) -> None:
    training = {**detector.manifest()["spec"]["training"], "gates": {"minRocAuc": 0.9}}
    detector.until_ready(training=training)
    _ask(detector, "today")

    detector.train(roc_auc=0.5)

    detector.await_condition("Trained", "False", "GateFailed")
    detector.await_condition("Ready", "True", "Succeeded")
    assert _stable(detector) == 1
    assert [version["version"] for version in detector.read()["status"]["versions"]] == [2, 1]


def test_an_annotation_that_is_removed_leaves_the_model_that_it_led_to(detector: Detector) -> None:
    detector.until_ready()
    _ask(detector, "today")
    detector.operator.pods.serve(detector.address(0), detector.train())
    until(lambda: detector.read()["status"]["model"]["version"] == 2, within=WITHIN, what="version 2")

    _ask(detector, None)
    _pass(detector, 3)

    assert _stable(detector) == 2
    assert detector.condition("Ready")["status"] == "True"


def test_a_schedule_that_was_missed_for_long_trains_once(detector: Detector) -> None:
    yearly = {"cron": "0 0 1 1 *", "timeZone": "Europe/Berlin"}
    training = {**detector.manifest()["spec"]["training"], "schedule": yearly}
    detector.until_ready(training=training)
    assert "tick" not in detector.read()["status"]["trigger"]
    # As if the schedule had been there for years, and no operator.
    detector.node.patch_status("ad", "shuttle", {"trigger": {"since": "2020-06-01T00:00:00Z"}})
    until(lambda: "tick" in detector.read()["status"]["trigger"], within=WITHIN, what="the last new year to be seen")

    detector.operator.pods.serve(detector.address(0), detector.train())

    until(lambda: detector.read()["status"]["model"]["version"] == 2, within=WITHIN, what="version 2")
    _pass(detector, 3)
    assert _unfinished(detector) == []
    assert len([key for key in detector.operator.registry.versions if key[0] == detector.uid]) == 2


def test_an_operator_that_restarts_after_a_tick_trains_once_for_it(unapplied: Detector) -> None:
    training = {**unapplied.manifest()["spec"]["training"], "schedule": {"cron": "0 0 1 1 *"}}
    with unapplied.operator.running():
        unapplied.until_ready(training=training)
    unapplied.node.patch_status("ad", "shuttle", {"trigger": {"since": "2020-06-01T00:00:00Z"}})

    with unapplied.operator.running():
        unapplied.await_condition("Trained", "Unknown", "Training")
        job = unapplied.await_job()["metadata"]["uid"]
    with unapplied.operator.running():
        _pass(unapplied, 2)
        assert unapplied.await_job()["metadata"]["uid"] == job


def test_a_schedule_that_cannot_be_read_is_told_by_field(detector: Detector) -> None:
    training = {**detector.manifest()["spec"]["training"], "schedule": {"cron": "0 25 * * *"}}

    detector.apply(training=training)

    message = detector.await_condition("Stalled", "True", "ResourceInvalid")["message"]
    assert "spec.training.schedule.cron" in message


def test_a_version_that_is_named_is_served_within_5_seconds_and_the_newest_again_without_it(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2)
    detector.operator.pods.serve(detector.address(0), detector.train())
    until(lambda: detector.read()["status"]["model"]["version"] == 2, within=WITHIN, what="version 2")

    detector.apply(contamination=0.2, serving={"version": 1})
    until(lambda: _stable(detector) == 1, within=5, what="version 1")
    detector.operator.pods.serve(detector.address(0), 1)
    detector.await_condition("Ready", "True", "Succeeded")
    assert detector.read()["status"]["model"]["digest"] == DIGEST.format(1)

    detector.apply(contamination=0.2)
    until(lambda: _stable(detector) == 2, within=5, what="version 2 again")
    assert len([key for key in detector.operator.registry.versions if key[0] == detector.uid]) == 2


def test_a_version_that_is_not_there_stalls_with_a_sentence_and_what_serves_goes_on(detector: Detector) -> None:
    detector.until_ready()

    detector.apply(serving={"version": 7})

    message = detector.await_condition("Stalled", "True", "ResourceInvalid")["message"]
    assert "spec.serving.version" in message
    detector.await_condition("Serving", "True", "Succeeded")
    assert _stable(detector) == 1


def test_a_named_version_that_fails_its_gates_is_not_newly_served(detector: Detector) -> None:
    detector.until_ready()
    training = {**detector.manifest()["spec"]["training"], "gates": {"minRocAuc": 0.97}}
    detector.apply(contamination=0.2, training=training)
    detector.operator.pods.serve(detector.address(0), detector.train(roc_auc=0.99))
    until(lambda: detector.read()["status"]["model"]["version"] == 2, within=WITHIN, what="version 2")

    detector.apply(contamination=0.2, training=training, serving={"version": 1})

    message = detector.await_condition("Stalled", "True", "GateFailed")["message"]
    assert "version 1 fails its gates" in message
    assert _stable(detector) == 2


def test_while_a_version_is_named_others_are_trained_and_none_of_them_is_served(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2, serving={"version": 1})
    detector.await_condition("Trained", "Unknown", "Training")
    detector.await_condition("Ready", "True", "Succeeded")

    detector.train()

    detector.await_condition("Trained", "True", "Succeeded")
    assert _stable(detector) == 1
    assert [version["version"] for version in detector.read()["status"]["versions"]] == [2, 1]


def test_a_gate_that_is_raised_is_judged_at_once_and_what_serves_stays(detector: Detector) -> None:
    detector.until_ready()
    source = detector.manifest()["spec"]["training"]["source"]

    detector.apply(training={"source": source, "gates": {"minRocAuc": 0.99}})
    message = detector.await_condition("Stalled", "True", "GateFailed")["message"]
    assert "minRocAuc demands 0.99" in message
    detector.await_condition("Serving", "True", "Succeeded")
    assert _stable(detector) == 1

    detector.apply(training={"source": source, "gates": {"minRocAuc": 0.9}})
    detector.await_condition("Ready", "True", "Succeeded")
    assert _unfinished(detector) == []


def _unfinished(detector: Detector) -> list[str]:
    jobs = detector.kubectl.read("jobs", detector.here)["items"]
    return [job["metadata"]["name"] for job in jobs if not job["status"].get("succeeded")]


def _ask(detector: Detector, value: str | None) -> None:
    before = detector.job_name
    detector.patch("ad", "shuttle", {"metadata": {"annotations": {RETRAIN: value}}})
    if value is not None:
        until(lambda: detector.job_name != before, within=WITHIN, what="the status to tell what asked for a retrain")


def _stable(detector: Detector) -> int:
    found: int = json.loads(detector.get("configmap", "shuttle-serving")["data"]["serving.json"])["stable"]["version"]
    return found


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
