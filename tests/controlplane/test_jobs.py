"""A Job of the wanted attempt, under other people's hands and other settings: it goes on as it began."""

from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import SETTINGS, RunningOperator

OTHER_IMAGE = SETTINGS.model_copy(update={"trainer_image": "registry.example/trainer:2"})
HASH = "pynomaly.io/desired-hash"


@pytest.mark.parametrize(
    "edit",
    [
        {"annotations": {HASH: None}},
        {"annotations": {HASH: "0" * 16}},
        {"labels": {"app.kubernetes.io/name": None}},
        {"labels": {"app.kubernetes.io/managed-by": "me"}},
        {"ownerReferences": None},
    ],
    ids=["hash removed", "hash differs", "a label removed", "the watched label differs", "owner removed"],
)
def test_an_edited_job_of_another_image_trains_on_and_its_end_is_noticed(
    unapplied: Detector, edit: dict[str, Any]
) -> None:
    with unapplied.operator.running():
        unapplied.apply()
        job = unapplied.await_job()
    unapplied.patch("job", job["metadata"]["name"], {"metadata": edit})

    operator = _of_another_image(unapplied)
    with operator.running():
        _passes(operator, 3)
        assert unapplied.condition("Ready")["reason"] == "Training", "nothing was refused"
        unapplied.train()
        unapplied.await_condition("Trained", "True", "Succeeded")


@pytest.mark.parametrize(
    "edit", [{"labels": None}, {"ownerReferences": None, "labels": {"team": "blue"}}], ids=["labels", "owner"]
)
def test_what_makes_a_job_known_as_ours_is_put_back_and_its_template_is_left(
    unapplied: Detector, edit: dict[str, Any]
) -> None:
    with unapplied.operator.running():
        unapplied.apply()
        before = unapplied.await_job()
    name = before["metadata"]["name"]
    unapplied.patch("job", name, {"metadata": edit})

    operator = _of_another_image(unapplied)
    with operator.running():
        until(lambda: _known(unapplied, before), within=WITHIN, what="labels and owner to be put back")
        _passes(operator, 2)  # the status tells of the Job in the pass that finds it, or in the next
        writes = operator.writes()
        _passes(operator, 3)

        assert operator.writes() == writes, "once is enough"
    after = unapplied.get("job", name)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["spec"]["template"]["spec"] == before["spec"]["template"]["spec"]
    assert (edit["labels"] or {}).items() <= after["metadata"]["labels"].items()


def test_a_job_that_somebody_suspended_stays_suspended(detector: Detector) -> None:
    detector.apply()
    job = detector.await_job()["metadata"]["name"]

    detector.patch("job", job, {"spec": {"suspend": True}})
    _passes(detector.operator, 3)

    assert detector.get("job", job)["spec"]["suspend"] is True


def _of_another_image(detector: Detector) -> RunningOperator:
    """The next operator: with the same registry and pods, but another trainer."""
    return replace(detector.operator, settings=OTHER_IMAGE)


def _passes(operator: RunningOperator, more: int) -> None:
    before = operator.passes()
    until(lambda: operator.passes() >= before + more, within=WITHIN, what=f"{more} more passes")


def _known(detector: Detector, before: Any) -> bool:
    found = detector.get("job", before["metadata"]["name"])["metadata"]
    labels = before["metadata"]["labels"].items()
    owners = before["metadata"]["ownerReferences"]
    return bool(labels <= found.get("labels", {}).items() and found.get("ownerReferences") == owners)
