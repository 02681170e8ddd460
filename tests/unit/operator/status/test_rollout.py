from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.unit.operator.resources import MINIMAL, model

from pynomaly_operator.observed import DeploymentFacts, PodFacts, Termination
from pynomaly_operator.pod_report import PodReport, Problem, Served
from pynomaly_operator.status.findings import Reason
from pynomaly_operator.status.rollout import PATIENCE, ServingPod, rollout

NEW, OLD = model(MINIMAL, version=2), model(MINIMAL, version=1)
CREATED = datetime(2026, 5, 1, tzinfo=UTC)
SETTLED = DeploymentFacts(CREATED, 2, observed_generation=2, wanted=2, replicas=2, updated=2, ready=2, refusal=None)
FACTS = PodFacts(
    name="p",
    created=datetime(2026, 5, 1, tzinfo=UTC),
    address="10.0.0.1",
    ready=True,
    ending=False,
    ended=False,
    reason="",
    unschedulable=None,
    waiting=None,
    termination=None,
    notifications={},
)


def _serving(version: int) -> ServingPod:
    return ServingPod(FACTS, PodReport(stable=Served(version=version, digest=model(MINIMAL, version).digest)))


def _unready(**facts: object) -> ServingPod:
    return ServingPod(replace(FACTS, ready=False, **facts), None)  # type: ignore[arg-type]  # any of a pod's facts


def test_a_rollout_is_over_when_all_wanted_pods_are_ready_and_serve_the_target() -> None:
    found = rollout(SETTLED, [_serving(2), _serving(2)], NEW)

    assert found.served
    assert found.finding is None


@pytest.mark.parametrize(
    ("pods", "served"),
    [
        ([_serving(2), _serving(1)], False),
        ([_serving(2), ServingPod(FACTS, None)], False),
        ([_serving(2), _unready()], True),
        ([_unready()], False),
        ([], False),
    ],
    ids=["one serves the old", "one is silent", "one is not ready", "none is ready", "no pods"],
)
def test_the_target_is_served_once_every_ready_pod_says_so_and_there_is_one(
    pods: list[ServingPod], served: bool
) -> None:
    found = rollout(SETTLED, pods, NEW)

    assert found.served is served
    assert found.finding is not None


@pytest.mark.parametrize(
    ("deployment", "pod", "reason", "stalled"),
    [
        (None, None, Reason.ROLLING_OUT, False),
        (replace(SETTLED, ready=1), None, Reason.PODS_NOT_READY, False),
        (replace(SETTLED, ready=1, updated=1), None, Reason.ROLLING_OUT, False),
        (replace(SETTLED, observed_generation=1, ready=1), None, Reason.ROLLING_OUT, False),
        (replace(SETTLED, ready=1, refusal="exceeded quota: q"), None, Reason.QUOTA_EXCEEDED, False),
        (replace(SETTLED, ready=1, refusal="denied"), None, Reason.WAITING, False),
        (replace(SETTLED, ready=1), _unready(unschedulable="0/1"), Reason.UNSCHEDULABLE, False),
        (
            replace(SETTLED, ready=1),
            _unready(waiting=("ImagePullBackOff", "x")),
            Reason.IMAGE_UNAVAILABLE,
            False,
        ),
        (
            replace(SETTLED, ready=1),
            _unready(termination=Termination(137, "OOMKilled", "")),
            Reason.OUT_OF_MEMORY,
            True,
        ),
        (SETTLED, _serving(1), Reason.ROLLING_OUT, False),
    ],
)
def test_what_is_still_missing_has_a_reason(
    deployment: DeploymentFacts | None, pod: ServingPod | None, reason: Reason, stalled: bool
) -> None:
    pods = [_serving(2)] if pod is None else [_serving(2), pod]

    found = rollout(deployment, pods, NEW).finding

    assert found is not None
    assert (found.reason, found.stalled) == (reason, stalled)


@pytest.mark.parametrize(
    ("problem", "reason", "stalled"),
    [
        (Problem(digest=NEW.digest, message="golden row 3"), Reason.MODEL_LOAD_FAILED, True),
        (Problem(digest=NEW.digest, reason="RegistryUnavailable"), Reason.REGISTRY_UNAVAILABLE, False),
        (Problem(digest=OLD.digest, message="of an earlier try"), Reason.ROLLING_OUT, False),
    ],
    ids=["cannot load", "cannot fetch", "could not load another"],
)
def test_a_pod_that_keeps_its_old_model_says_why(problem: Problem, reason: Reason, stalled: bool) -> None:
    kept = ServingPod(FACTS, PodReport(stable=Served(version=1, digest=OLD.digest), problem=problem))

    found = rollout(SETTLED, [_serving(2), kept], NEW).finding

    assert found is not None
    assert (found.reason, found.stalled) == (reason, stalled)


@pytest.mark.parametrize(
    ("pod", "behind"),
    [
        (_serving(2), False),
        (_serving(1), True),
        (ServingPod(FACTS, None), True),
        (ServingPod(FACTS, PodReport()), True),
        (_unready(), False),
        (ServingPod(replace(FACTS, ready=False), PodReport()), True),
        (ServingPod(FACTS, PodReport(problem=Problem(digest=NEW.digest))), False),
        (ServingPod(FACTS, PodReport(problem=Problem(digest=OLD.digest))), True),
        (ServingPod(FACTS, PodReport(problem=Problem(digest=""))), True),
    ],
    ids=[
        "serves it",
        "serves the old",
        "ready but silent",
        "serves nothing",
        "not up yet",
        "up but not ready",
        "cannot load it",
        "could not load another",
        "cannot read the file",
    ],
)
def test_a_pod_that_is_up_is_behind_until_it_serves_the_target_or_says_why_it_cannot(
    pod: ServingPod, behind: bool
) -> None:
    assert pod.is_behind(NEW) is behind


def test_ready_pods_that_are_behind_are_watched_closely_for_as_long_as_they_may_only_be_slow() -> None:
    slow, stuck = replace(_serving(1), told=PATIENCE - 1), replace(_serving(1), told=PATIENCE)

    assert rollout(SETTLED, [_serving(2), slow], NEW).switching
    assert not rollout(SETTLED, [_serving(2), stuck], NEW).switching
    assert not rollout(SETTLED, [_serving(2), _serving(2)], NEW).switching


@pytest.mark.parametrize("unready", [_unready(), ServingPod(replace(FACTS, ready=False), PodReport())])
def test_pods_that_are_not_ready_are_not_watched_closely_since_the_deployment_tells_of_them(
    unready: ServingPod,
) -> None:
    assert not rollout(replace(SETTLED, ready=1), [_serving(2), unready], NEW).switching


def test_pods_are_watched_closely_whatever_else_the_deployment_waits_for() -> None:
    waiting = _unready(unschedulable="0/1")

    assert rollout(replace(SETTLED, ready=1), [_serving(1), waiting], NEW).switching
