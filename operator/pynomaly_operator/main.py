"""`pynomaly operator`: the real edges, signals, settings."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from pynomaly_operator import logs
from pynomaly_operator.kube import Credentials, Kube, Limits
from pynomaly_operator.leadership import Candidate, Leadership, Terms
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.process import Edges, Operator
from pynomaly_operator.reconcile import Pace
from pynomaly_operator.registry import HttpRegistry
from pynomaly_operator.serving_pods import HttpServingPods
from pynomaly_operator.settings import Settings

LOST = 1
"""The exit code after the leadership was lost: whoever started the process starts it again."""


@asynccontextmanager
async def connected(settings: Settings, metrics: Metrics) -> AsyncIterator[Edges]:
    """The real edges."""
    terms = Terms()
    candidate = Candidate(settings.lease_namespace, settings.lease, f"{settings.pod_name}_{uuid.uuid4().hex[:8]}")
    async with AsyncExitStack() as stack:
        credentials = await Credentials.find()
        elections = Kube(credentials, metrics, limits=Limits(2, terms.request_timeout))
        stack.push_async_callback(elections.close)
        leadership = Leadership(elections, candidate, terms)
        kube = Kube(credentials, metrics, leadership, Limits(settings.workers + 8))
        stack.push_async_callback(kube.close)
        registry = HttpRegistry(settings.registry_url, settings.registry_token_file)
        stack.push_async_callback(registry.close)
        serving_pods = HttpServingPods()
        stack.push_async_callback(serving_pods.close)
        metrics.leads(candidate.lease, lambda: leadership.leading)
        yield Edges(credentials, kube, leadership, registry, serving_pods, Pace(resync=settings.resync_seconds))


async def operate(settings: Settings, stop: asyncio.Event) -> None:
    """Runs the operator until `stop` is set. The process ends at once when the leadership is lost."""
    metrics = Metrics()
    async with connected(settings, metrics) as edges:
        await Operator(edges, settings, metrics, _end).run(stop)


def _end() -> None:
    """Nothing is untangled, for all of it could only be too late."""
    os._exit(LOST)


async def _operate_until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await operate(settings, stop)


def main(namespaces: Sequence[str] = ()) -> None:
    """`pynomaly operator`: settings come from the environment; `namespaces` replace those that it tells.

    Raises ResourceInvalid for a setting that is wrong.
    """
    given = {"PYNOMALY_WATCH_NAMESPACES": ",".join(namespaces)} if namespaces else {}
    settings = Settings.from_environment({**os.environ, **given})
    logs.configure(settings.log_level)
    asyncio.run(_operate_until_signal(settings))


if __name__ == "__main__":
    main()
