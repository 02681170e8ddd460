"""What `kubectl wait` and those who deploy by kstatus take the status for."""

import json
from pathlib import Path

import pytest
from tests.cluster.errors import ClusterError
from tests.controlplane import kstatus
from tests.controlplane.detectors import Detector
from tests.controlplane.watched import states


def test_kubectl_wait_does_not_take_the_last_generations_readiness_for_this_ones(unapplied: Detector) -> None:
    with unapplied.operator.running():
        unapplied.until_ready()
        _wait(unapplied, seconds=30)
    unapplied.apply(contamination=0.2)  # and nobody looks at it: the condition says True of generation 1

    with pytest.raises(ClusterError, match="timed out waiting"):
        _wait(unapplied, seconds=1)

    with unapplied.operator.running():
        unapplied.operator.pods.serve(unapplied.address(0), unapplied.train())
        unapplied.await_condition("Ready", "True", "Succeeded")
        _wait(unapplied, seconds=30)


def test_kstatus_calls_a_detector_current_exactly_while_what_it_asks_for_is_served(
    unapplied: Detector, tmp_path: Path
) -> None:
    unapplied.apply(algorithm={"name": "IForest", "parameters": {"n_estimatorz": 1}})
    with states(unapplied, tmp_path) as seen, unapplied.operator.running():
        unapplied.await_condition("Stalled", "True", "ResourceInvalid")
        unapplied.apply()
        unapplied.serve(unapplied.train())
        unapplied.await_condition("Ready", "True", "Succeeded")
        unapplied.apply(contamination=0.2)
        unapplied.operator.pods.serve(unapplied.address(0), unapplied.train())
        unapplied.await_condition("Ready", "True", "Succeeded")
        unapplied.apply(serving={"version": 9}, contamination=0.2)
        unapplied.await_condition("Stalled", "True", "ResourceInvalid")

    told = [(state["metadata"]["generation"], kstatus.computed(state)) for state in seen()]
    assert told[0] == (1, kstatus.IN_PROGRESS), "nobody has looked at it"
    last = {generation: state for generation, state in told}  # noqa: C416 - of the states of a generation, the last
    assert last == {1: kstatus.FAILED, 2: kstatus.CURRENT, 3: kstatus.CURRENT, 4: kstatus.FAILED}
    for state in seen():
        if kstatus.computed(state) == kstatus.CURRENT:
            wanted = {2: 1, 3: 2}[state["metadata"]["generation"]]
            assert state["status"]["model"]["version"] == wanted, json.dumps(state["status"], indent=1)


def _wait(detector: Detector, seconds: int) -> None:
    detector.kubectl("wait", "--for=condition=Ready", f"--timeout={seconds}s", "ad/shuttle", detector.here)
