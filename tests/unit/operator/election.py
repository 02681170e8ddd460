"""An election against a server that keeps a Lease as the API server does, on a clock that the test moves."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes_asyncio import client

from pynomaly_operator.kube import Credentials, Kube
from pynomaly_operator.leadership import Candidate, Leadership
from pynomaly_operator.metrics import Metrics

COLLECTION = "/apis/coordination.k8s.io/v1/namespaces/system/leases"


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class LeaseServer:
    """One Lease, optimistically locked; and a connection that can be lost."""

    lease: dict[str, Any] | None = None
    version: int = 0
    down: bool = False
    writes: list[str] = field(default_factory=list)
    held: asyncio.Event | None = None
    """Every answer waits for it."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by every request that arrives."""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.set()
        if self.down:
            return web.json_response({"message": "down"}, status=503)
        if self.held is not None:
            await self.held.wait()
        if not request.path.startswith(COLLECTION):
            self.writes.append(request.method)
            return web.json_response({})
        if request.method != "GET":
            return self._written(request.method, await request.json())
        if self.lease is None:
            return web.json_response({"message": "not found"}, status=404)
        return web.json_response(self.lease)

    def edit(self, **spec: Any) -> None:
        assert self.lease is not None
        self._keep({**self.lease, "spec": {**self.lease["spec"], **spec}})

    def _written(self, method: str, body: dict[str, Any]) -> web.Response:
        known = None if self.lease is None else self.lease["metadata"]["resourceVersion"]
        if method == "POST" and known is not None:
            return web.json_response({"message": "exists"}, status=409)
        if method == "PUT" and body["metadata"]["resourceVersion"] != known:
            return web.json_response({"message": "modified"}, status=409)
        self._keep(body)
        return web.json_response(self.lease)

    def _keep(self, body: dict[str, Any]) -> None:
        self.version += 1
        self.lease = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self.version)}}


@dataclass
class Election:
    """A Lease and one candidate by each name, all with the same clock."""

    server: LeaseServer
    clock: Clock
    credentials: Credentials
    kube: Kube

    def candidate(self, name: str, clock: Clock | None = None) -> Leadership:
        return Leadership(self.kube, Candidate("system", "operator", name), clock=clock or self.clock)


def run_election(scenario: Callable[[Election], Awaitable[None]]) -> None:
    async def run() -> None:
        server = LeaseServer()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(application, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        credentials = Credentials(client.Configuration(host=url))
        kube = Kube(credentials, Metrics())
        try:
            await scenario(Election(server, Clock(), credentials, kube))
        finally:
            await kube.close()
            await runner.cleanup()

    asyncio.run(run())
