"""A status is written on top of what was seen, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kubernetes_asyncio import client, config
from tests.cluster.control_plane import ControlPlane
from tests.controlplane.detectors import Detector

from pynomaly_operator.api.parse import parse_status
from pynomaly_operator.contention import Contention
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import CONFLICT, ApiError
from pynomaly_operator.kube import Credentials, Kube
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.process import utc_now
from pynomaly_operator.recorder import Recorder
from pynomaly_operator.status_writer import Outcome, StatusWriter
from pynomaly_operator.store import Store
from pynomaly_operator.workqueue import Backoff, WorkQueue

KEY = ("namespace", "name")


def test_a_status_made_of_what_is_outdated_is_refused_and_made_anew_of_what_is_seen_next(
    unapplied: Detector, plane: ControlPlane
) -> None:
    unapplied.apply()
    outdated = unapplied.read()
    unapplied.patch("ad", "shuttle", {"metadata": {"annotations": {"somebody": "was here"}}})
    seen = [outdated, unapplied.read()]
    detector = Identity(unapplied.namespace, "shuttle", outdated["metadata"]["uid"])
    status = parse_status({"replicas": 3, "observedGeneration": 1})
    answers: list[int | Outcome] = []

    async def scenario(kube: Kube) -> None:
        store, done = Store(), asyncio.Event()
        writer = _writer(kube, store)

        async def reconcile(_: Any) -> None:
            store.see_detector(seen.pop(0))  # what the watch has told by then
            try:
                answers.append(await writer.write(detector, status))
            except ApiError as error:
                answers.append(error.status)
                raise
            done.set()

        queue = WorkQueue(reconcile, Metrics(), Backoff(first=0.01))
        queue.add(KEY)
        working = asyncio.create_task(queue.run(1))
        await asyncio.wait_for(done.wait(), 10)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    _run(plane, scenario)

    assert answers == [CONFLICT, Outcome.WRITTEN]
    assert unapplied.read()["status"]["replicas"] == 3


def test_a_detector_that_was_created_anew_does_not_get_its_predecessors_status(
    unapplied: Detector, plane: ControlPlane
) -> None:
    unapplied.apply()
    outdated = unapplied.read()
    unapplied.kubectl("delete", "ad", "shuttle", unapplied.here)
    unapplied.apply()
    detector = Identity(unapplied.namespace, "shuttle", outdated["metadata"]["uid"])

    async def scenario(kube: Kube) -> None:
        store = Store()
        store.see_detector(outdated)
        with pytest.raises(ApiError) as caught:
            await _writer(kube, store).write(detector, parse_status({"replicas": 3, "observedGeneration": 1}))
        assert caught.value.status == CONFLICT

    _run(plane, scenario)

    assert "replicas" not in unapplied.read().get("status", {})


def _writer(kube: Kube, store: Store) -> StatusWriter:
    return StatusWriter(kube, store, Recorder(kube, utc_now), Contention())


def _run(plane: ControlPlane, scenario: Callable[[Kube], Awaitable[None]]) -> None:
    async def run() -> None:
        configuration = client.Configuration()
        await config.load_kube_config(config_file=str(plane.kubeconfig), client_configuration=configuration)
        kube = Kube(Credentials(configuration), Metrics())
        try:
            await scenario(kube)
        finally:
            await kube.close()
            await asyncio.sleep(0.25)  # aiohttp closes TLS connections after their session

    asyncio.run(run())
