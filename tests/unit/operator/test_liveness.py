"""What the kubelet is told, over HTTP, when a watch is silent or the workers hang."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from kubernetes_asyncio import client

from pynomaly_operator.handlers import Watching, session
from pynomaly_operator.kube import Credentials
from pynomaly_operator.liveness import Bounds, Liveness
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.probes import Health, served
from pynomaly_operator.store import Key
from pynomaly_operator.watch_activity import WatchActivity
from pynomaly_operator.watch_pace import WatchPace
from pynomaly_operator.workqueue import WorkQueue

PATH = "/apis/pynomaly.io/v1alpha1/anomalydetectors"
BOOKMARK = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1"}}}\n'


@dataclass
class Scene:
    """An operator's probes, a clock and an API server whose watches say what the test lets them."""

    now: float = 0.0
    unanswered: float = 0.0
    reads: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    says: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    queue: WorkQueue = field(init=False)
    probe: str = ""

    async def watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        while True:
            await response.write(await self.says.get())

    async def bookmark(self) -> None:
        """A bookmark comes, and has been read."""
        self.says.put_nowait(BOOKMARK)
        assert await asyncio.wait_for(self.reads.get(), 5) == BOOKMARK

    async def health(self) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.probe) as response:
            return response.status, await response.text()


def test_a_watch_that_is_silent_while_the_api_server_answers_fails_the_probe_and_a_bookmark_mends_it() -> None:
    async def scenario(scene: Scene) -> None:
        await scene.bookmark()
        scene.now += Bounds().silent
        assert await scene.health() == (200, "ok")

        scene.now += 1
        status, complaint = await scene.health()
        assert status == 503
        assert complaint == f"the watch of {PATH} has been silent for 241 s, while the API server answers"

        await scene.bookmark()
        assert await scene.health() == (200, "ok")

    _run(scenario)


def test_a_watch_that_has_never_said_anything_is_missed_too() -> None:
    async def scenario(scene: Scene) -> None:
        scene.now += Bounds().silent + 1

        assert (await scene.health())[0] == 503

    _run(scenario)


def test_watches_that_are_silent_because_the_api_server_is_away_are_no_reason_to_start_again() -> None:
    async def scenario(scene: Scene) -> None:
        scene.now += 10 * Bounds().silent
        scene.unanswered = Bounds().unanswered + 1

        assert await scene.health() == (200, "ok")

    _run(scenario)


def test_workers_that_hang_fail_the_probe() -> None:
    async def scenario(scene: Scene) -> None:
        scene.queue.add(("plant-a", "shuttle"))
        scene.queue.add(("plant-a", "other"))
        assert await scene.health() == (200, "ok"), "a standby's detectors wait for no worker"

        working = asyncio.create_task(scene.queue.run(1))
        await asyncio.sleep(0.3)
        status, complaint = await scene.health()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        assert status == 503
        assert complaint.startswith("a detector has waited")

    _run(scenario, Bounds(stuck=0.2))


def test_a_pass_that_does_not_end_fails_the_probe() -> None:
    async def scenario(scene: Scene) -> None:
        scene.queue.add(("plant-a", "shuttle"))

        working = asyncio.create_task(scene.queue.run(1))
        await asyncio.sleep(0.3)
        status, complaint = await scene.health()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

        assert status == 503
        assert complaint.startswith("the pass for a detector has run")

    _run(scenario, Bounds(stuck=0.2))


async def _never(_: Key) -> float | None:
    await asyncio.Event().wait()
    return None


def _run(scenario: Callable[[Scene], Awaitable[None]], bounds: Bounds | None = None) -> None:
    async def run() -> None:
        scene, metrics = Scene(), Metrics()
        scene.queue = WorkQueue(_never, metrics)
        activity = WatchActivity(lambda: scene.now)
        liveness = Liveness(scene.queue, activity, lambda: scene.unanswered, bounds or Bounds())
        health = Health(liveness.complaint, lambda: None)
        async with _watched(scene, activity), served(health, metrics, "127.0.0.1", 0) as port:
            scene.probe = f"http://127.0.0.1:{port}/healthz"
            await scenario(scene)

    asyncio.run(run())


@asynccontextmanager
async def _watched(scene: Scene, activity: WatchActivity) -> AsyncIterator[None]:
    """A watch by the session that kopf is given, read as kopf reads it."""
    application = web.Application()
    application.router.add_get(PATH, scene.watch)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    credentials = Credentials(client.Configuration(host=url))

    async def read(response: aiohttp.ClientResponse) -> None:
        async for data in response.content.iter_chunked(1024):
            scene.reads.put_nowait(data)

    try:
        async with session(credentials, Watching(streaming=True), activity, WatchPace(lambda: scene.now)) as http:
            response = await http.get(url + PATH, params={"watch": "true"})
            reading = asyncio.create_task(read(response))
            yield
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            response.close()
    finally:
        await runner.cleanup()
