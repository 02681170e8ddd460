"""Jobs that are gone, or without a result, when the operator looks at them: the registry is the record."""

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector


def test_a_job_that_succeeded_and_was_removed_before_anybody_looked_is_not_run_again(unapplied: Detector) -> None:
    with unapplied.operator.running():
        unapplied.apply()
        job = unapplied.await_job()["metadata"]["name"]
    version = unapplied.train()
    unapplied.kubectl("delete", "job", job, unapplied.here)

    with unapplied.operator.running():
        unapplied.serve(version)
        unapplied.await_condition("Ready", "True", "Succeeded")
        unapplied.await_condition("Trained", "True", "Succeeded")
        _pass(unapplied, 3)
        assert unapplied.get("job", job) is None


def test_a_job_that_failed_and_was_removed_before_anybody_looked_is_run_again(unapplied: Detector) -> None:
    with unapplied.operator.running():
        unapplied.apply()
        job = unapplied.await_job()["metadata"]
    unapplied.node.job_failed(job["name"], "DeadlineExceeded")
    unapplied.kubectl("delete", "job", job["name"], unapplied.here)

    with unapplied.operator.running():
        assert unapplied.await_job()["metadata"]["uid"] != job["uid"]
        unapplied.train()
        unapplied.await_condition("Trained", "True", "Succeeded")


def test_a_job_has_no_time_to_live_before_its_outcome_is_recorded(detector: Detector) -> None:
    detector.apply()

    assert "ttlSecondsAfterFinished" not in detector.await_job()["spec"]


def test_a_job_that_succeeded_without_a_version_stalls_until_the_registry_has_one(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]

    detector.node.job_succeeded(job["name"])

    message = detector.await_condition("Stalled", "True", "Internal")["message"]
    assert "the registry has no version" in message
    _pass(detector, 3)
    assert len(detector.kubectl.read("jobs", detector.here)["items"]) == 1, "it is not run again and again"

    published = detector.operator.registry.publish(detector.uid, detector.fingerprint)  # restored from a backup
    detector.serve(published.version)
    detector.await_condition("Ready", "True", "Succeeded")


def _pass(detector: Detector, more: int) -> None:
    before = detector.operator.passes()
    until(lambda: detector.operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")
