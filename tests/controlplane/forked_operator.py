"""The operator as a process that starts fast and is killed often: forked from one that has imported everything."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from kubernetes_asyncio.config import kube_config

from pynomaly_operator import logs
from pynomaly_operator.main import LOST, connected
from pynomaly_operator.metrics import Metrics
from pynomaly_operator.process import Operator
from pynomaly_operator.reconcile import Pace
from pynomaly_operator.serving_pods import HttpServingPods
from pynomaly_operator.settings import Settings

PACE = Pace(switching=0.2, training=1, stalled=1, resync=2)
RESTART_SECONDS = 2.0
"""As a kubelet waits before it starts again what ended by itself, though it waits longer."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", "tests.controlplane.forked_operator", "pynomaly_operator.main"])


@dataclass(frozen=True)
class Start:
    """What a process is told."""

    settings: Settings
    kubeconfig: Path
    log: Path
    pods_port: int
    """Where every serving pod answers: those of one detector cannot be told apart, and need not be."""


def operate(start: Start) -> None:
    """The whole operator, with its real edges but for the port of the pods, and quicker looks at what nobody tells."""
    with start.log.open("ab") as log:
        os.dup2(log.fileno(), 2)
    kube_config.KUBE_CONFIG_DEFAULT_LOCATION = str(start.kubeconfig)  # read from the environment when it was imported
    logs.configure("INFO")
    asyncio.run(_operate(start))


async def _operate(start: Start) -> None:
    metrics, serving_pods = Metrics(), HttpServingPods(start.pods_port)
    async with connected(start.settings, metrics) as found:
        edges = replace(found, serving_pods=serving_pods, pace=PACE)
        await Operator(edges, start.settings, metrics, _end).run(asyncio.Event())


def _end() -> None:
    os._exit(LOST)


@dataclass
class ForkedOperator:
    """One process after another, as a kubelet would start them."""

    start: Start
    starts: int = 0
    kills: int = 0
    _process: BaseProcess | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep_running(self) -> None:
        """Starts it again whenever it has ended. Cancelled, it kills the last one."""
        try:
            while True:
                kills = self.kills
                self._start()
                await self._ended.wait()
                if kills == self.kills:
                    await asyncio.sleep(RESTART_SECONDS)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """SIGKILL; returns when the process is gone. It starts again at once, and its successor waits for no Lease."""
        process = self._process
        if process is None or process.pid is None or self._ended.is_set():
            return
        self.kills += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await self._ended.wait()

    def _start(self) -> None:
        self.starts += 1
        # The killed one is dead for certain: to wait until its Lease has expired would prove the election once more.
        settings = self.start.settings.model_copy(update={"lease": f"{self.start.settings.lease}-{self.kills}"})
        self._ended = asyncio.Event()
        process = _FORKS.Process(target=operate, args=(replace(self.start, settings=settings),), daemon=True)
        process.start()
        self._process = process
        asyncio.get_running_loop().add_reader(process.sentinel, self._gone, process, self._ended)

    def _gone(self, process: BaseProcess, ended: asyncio.Event) -> None:
        asyncio.get_running_loop().remove_reader(process.sentinel)
        process.join()
        ended.set()
