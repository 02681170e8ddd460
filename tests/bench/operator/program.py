"""The operator as `pynomaly operator` runs it, but for the port of the serving pods, which have one address here.

    python -m tests.bench.operator.program PODS_PORT [PROFILE]

Settings come from the environment. With a path as PROFILE, a profile of the whole run is written there at the end.
"""

import asyncio
import cProfile
import os
import signal
import sys
from dataclasses import replace

from pynomaly_operator import logs
from pynomaly_operator.main import LOST, connected
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.process import Operator
from pynomaly_operator.serving_pods import HttpServingPods
from pynomaly_operator.settings import Settings


async def operate(pods_port: int) -> None:
    """Until SIGTERM."""
    settings, metrics, stop = Settings.from_environment(os.environ), Metrics(), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    pods = HttpServingPods(pods_port)
    try:
        async with connected(settings, metrics) as edges:
            await Operator(replace(edges, serving_pods=pods), settings, metrics, lambda: os._exit(LOST)).run(stop)
    finally:
        await pods.close()


def main(pods_port: int, profile: str | None = None) -> None:
    """The process."""
    logs.configure("WARNING")
    if profile is None:
        asyncio.run(operate(pods_port))
        return
    profiler = cProfile.Profile()
    profiler.runcall(asyncio.run, operate(pods_port))
    profiler.dump_stats(profile)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
