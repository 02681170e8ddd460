from typing import Any

from tests.unit.operator.resources import MINIMAL, model, spec

from pynomaly_operator.api.status import DetectorStatus
from pynomaly_operator.desired.fingerprint import attempt, fingerprint
from pynomaly_operator.status.course import Goal, of_failure, of_model, of_pin, of_progress, of_recorded_failure
from pynomaly_operator.status.findings import Finding, Reason
from pynomaly_operator.status.report import first_finding
from pynomaly_operator.status.rollout import Rollout

OLD = model({**MINIMAL, "contamination": 0.3}, version=1)
BEFORE = DetectorStatus(target=OLD, model=OLD)
REJECTED = Finding(Reason.DATA_REJECTED, "column `y` is text", stalled=True)


def _goal(gates: dict[str, Any] | None = None) -> Goal:
    source = {"uri": "https://example.com/rows.csv", "label": "y"}
    found = spec({**MINIMAL, "training": {"source": source, "gates": gates or {}}})
    return Goal(fingerprint(found), attempt(found), found.training.gates)


def test_a_model_that_passes_becomes_the_target() -> None:
    new = model(MINIMAL, version=2, roc_auc=0.95)

    course = of_model(_goal({"minRocAuc": 0.9}), new, BEFORE)

    assert (course.target, course.finding, course.train) == (new, None, False)
    assert course.outcome is not None
    assert course.outcome.outcome == "Succeeded"


def test_a_model_that_fails_a_gate_is_not_served_and_the_message_says_by_how_much() -> None:
    course = of_model(_goal({"minRocAuc": 0.9}), model(MINIMAL, version=2, roc_auc=0.85), BEFORE)

    assert course.target == OLD
    assert course.finding is not None
    assert course.finding.stalled
    assert course.finding.message == "version 2 is not served: ROC AUC is 0.85, minRocAuc demands 0.9"
    assert course.trained.status == "False"


def test_a_metric_that_is_missing_or_no_number_fails_its_gate() -> None:
    missing = model(MINIMAL, version=2)
    undefined = model(MINIMAL, version=2, roc_auc=float("nan"))

    for found in (missing, undefined):
        assert of_model(_goal({"minRocAuc": 0.1}), found, BEFORE).target == OLD


def test_a_failure_is_remembered_for_its_attempt_alone() -> None:
    course = of_failure(_goal(), REJECTED, BEFORE)
    after = BEFORE.model_copy(update={"training": course.outcome})
    other = Goal(_goal().fingerprint, "another attempt", _goal().gates)

    again = of_recorded_failure(_goal(), after)

    assert again is not None
    assert again.finding == REJECTED
    assert again.target == OLD
    assert of_recorded_failure(other, after) is None
    assert of_recorded_failure(_goal(), BEFORE) is None


def test_what_serves_goes_on_while_another_model_is_trained() -> None:
    course = of_progress(Finding(Reason.TRAINING, "training in pod p"), BEFORE)

    assert (course.target, course.train, course.trained.status) == (OLD, True, "Unknown")


def test_a_suspended_detector_switches_to_nothing_new() -> None:
    new = model(MINIMAL, version=2)

    course = of_model(_goal(), new, BEFORE).suspended(BEFORE)

    assert course.target == OLD
    assert course.finding is not None
    assert course.finding.reason is Reason.SUSPENDED


def test_the_training_is_told_of_before_the_rollout() -> None:
    failed, served = of_failure(_goal(), REJECTED, BEFORE), of_model(_goal(), model(MINIMAL, 2), BEFORE)
    rolling = Rollout(served=False, finding=Finding(Reason.ROLLING_OUT, "0 of 1"))

    assert first_finding(failed, rolling) == REJECTED
    assert first_finding(served, rolling) == rolling.finding
    assert first_finding(served, None) is None


PLAIN = _goal({"minRocAuc": 0.9})
RETRAIN = Goal("f" * 64, "another attempt", PLAIN.gates, spec_fingerprint=PLAIN.fingerprint)


def _served(**metrics: float) -> DetectorStatus:
    found = model(MINIMAL, version=3, **metrics).model_copy(update={"fingerprint": PLAIN.fingerprint})
    return DetectorStatus(target=found, model=found)


def test_a_retrain_and_its_failure_stand_in_the_way_of_nothing() -> None:
    before = _served(roc_auc=0.95)
    worse = model(MINIMAL, version=4, roc_auc=0.5)

    found = [of_failure(RETRAIN, REJECTED, before), of_model(RETRAIN, worse, before)]

    for course in found:
        beside = course.beside(RETRAIN, before)
        assert (beside.finding, beside.aside, beside.target) == (None, course.finding, before.target)
        assert beside.trained.status == "False"


def test_a_retrain_that_fails_stands_in_the_way_where_what_serves_is_of_another_spec_or_fails_the_gates() -> None:
    for before in (BEFORE, _served(roc_auc=0.5), DetectorStatus()):
        assert of_failure(RETRAIN, REJECTED, before).beside(RETRAIN, before).finding == REJECTED


def test_a_retrained_version_is_known_as_one_of_its_spec_when_the_next_retrain_fails() -> None:
    target = of_model(RETRAIN, model(MINIMAL, version=4, roc_auc=0.95), _served(roc_auc=0.95)).target
    before = DetectorStatus(target=target, model=target)
    following = Goal("e" * 64, "a third attempt", RETRAIN.gates, RETRAIN.spec_fingerprint)

    assert of_failure(following, REJECTED, before).beside(following, before).finding is None


def test_a_named_version_is_served_whatever_is_trained_if_it_passes_the_gates() -> None:
    before, named = _served(roc_auc=0.95), model(MINIMAL, version=1, roc_auc=0.91)

    pinned = of_pin(of_failure(PLAIN, REJECTED, before), PLAIN.gates, named, before)

    assert (pinned.target, pinned.finding, pinned.aside) == (named, None, REJECTED)


def test_a_named_version_that_fails_a_gate_or_is_not_there_leaves_what_serves() -> None:
    before, decided = _served(roc_auc=0.95), of_progress(Finding(Reason.TRAINING, "training in pod p"), BEFORE)

    for named, reason in ((model(MINIMAL, version=1), Reason.GATE_FAILED), (None, Reason.RESOURCE_INVALID)):
        pinned = of_pin(decided, PLAIN.gates, named, before)
        assert pinned.finding is not None
        assert (pinned.finding.reason, pinned.finding.stalled) == (reason, True)
        assert (pinned.target, pinned.train) == (before.target, True)
