"""Two operators, one of which writes: counted by the API server."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.failing_proxy import FailingProxy
from tests.controlplane.operator_process import Launcher, OperatorProcess
from tests.unit.inference.registry.harness import OPERATOR, running, settings_for

LEASE_SECONDS = 15


@pytest.fixture
def launcher(plane: ControlPlane, idle_namespace: str, tmp_path: Path) -> Iterator[Launcher]:
    """Starts operators that share a Lease and a registry."""
    with running(settings_for(tmp_path / "registry.db")) as registry:
        token = tmp_path / "token"
        token.write_text(registry.reviewer.issue(OPERATOR))
        yield Launcher(plane, registry.url, token, tmp_path, idle_namespace)


@pytest.fixture
def pair(launcher: Launcher, unapplied: Detector) -> Iterator[tuple[OperatorProcess, OperatorProcess]]:
    """An operator that leads and has written, and one that stands by."""
    with launcher.process("first") as first:
        until(lambda: first.leads, within=WITHIN, what="the first to lead")
        with launcher.process("second") as second:
            unapplied.apply()
            unapplied.await_job()
            assert first.writes()
            assert second.writes() == []
            assert not second.leads
            yield first, second


def test_a_planned_end_hands_over_within_five_seconds(
    pair: tuple[OperatorProcess, OperatorProcess], unapplied: Detector
) -> None:
    first, second = pair

    ended = first.signal(signal.SIGTERM)

    taken = _provoked(unapplied, second) - ended
    assert taken <= 5, f"{taken:.1f} s"
    assert first.popen.wait(20) == 0
    assert not [write for write in first.writes() if write.received > min(w.received for w in second.writes())]


def test_a_leader_that_is_killed_is_followed_within_twenty_seconds(
    pair: tuple[OperatorProcess, OperatorProcess], unapplied: Detector
) -> None:
    first, second = pair

    ended = first.signal(signal.SIGKILL)

    taken = _provoked(unapplied, second) - ended
    assert 5 < taken <= 20, f"{taken:.1f} s"


def test_a_leader_that_was_stopped_for_thirty_seconds_writes_no_more_and_ends(
    pair: tuple[OperatorProcess, OperatorProcess], unapplied: Detector
) -> None:
    first, second = pair
    stopped = first.signal(signal.SIGSTOP)
    _provoked(unapplied, second)
    time.sleep(max(0.0, stopped + 30 - time.time()))  # what is to be outlasted is a time
    unapplied.kubectl("delete", "service,deployment,configmap", "--all", unapplied.here)  # it wakes to work

    first.signal(signal.SIGCONT)

    assert first.popen.wait(10) == 1
    assert first.writes(since=stopped) == []
    assert "leads no longer" in first.log.read_text()


def test_a_leader_that_loses_sight_of_the_api_server_ends_before_another_can_lead(
    launcher: Launcher, unapplied: Detector, plane: ControlPlane, tmp_path: Path
) -> None:
    proxy = FailingProxy(plane)
    with (
        proxy.running(),
        launcher.process("first", proxy.kubeconfig(tmp_path)) as first,
        launcher.process("second") as second,
    ):
        until(lambda: first.leads, within=WITHIN, what="the first to lead")
        unapplied.apply()
        unapplied.await_job()

        lost = time.time()
        proxy.hang()

        assert first.popen.wait(LEASE_SECONDS) == 1
        assert time.time() - lost < LEASE_SECONDS
        assert second.writes() == [], "it ends before another leads"
        _provoked(unapplied, second)


def test_clocks_that_are_hours_apart_make_no_difference(
    pair: tuple[OperatorProcess, OperatorProcess], kubectl: Kubectl, launcher: Launcher
) -> None:
    first, second = pair
    lease = ("lease", "pynomaly-operator", f"--namespace={launcher.namespace}")

    for hours in (-1, 1):
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 3600 * hours))
        patch = json.dumps({"spec": {"renewTime": moment, "acquireTime": moment}})
        for _ in range(10):  # for longer than a standby waits between two looks
            kubectl("patch", *lease, "--type=merge", f"--patch={patch}")
            time.sleep(0.3)

        assert first.leads
        assert not second.leads
    assert second.writes() == []


def _provoked(detector: Detector, follower: OperatorProcess) -> float:
    """When the follower made its first write, after something has gone that it must put back."""
    detector.kubectl("delete", "serviceaccounts", "--all", detector.here, "--wait=false")
    until(follower.writes, within=40, what="the follower's first write")
    return min(write.received for write in follower.writes())
