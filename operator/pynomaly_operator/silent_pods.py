"""Pods that do not answer in time, such as where a network policy keeps the operator out, hold few workers at once."""

from collections.abc import Callable

from pynomaly_operator.leadership import boottime
from pynomaly_operator.pod_report import PodReport
from pynomaly_operator.serving_pods import ServingPods

SLOW_SECONDS = 1.0
"""A pod that starts refuses at once: only one that let us wait for longer than this is silent."""
ASKED_AT_ONCE = 4
MOST = 10_000
"""Silent pods that are remembered. One that is forgotten holds a worker once more."""


class FewSilent:
    """Pods, of which those that were silent when last asked are asked a few at a time: others do not answer now."""

    def __init__(self, pods: ServingPods, clock: Callable[[], float] = boottime, most: int = MOST) -> None:
        """`clock` is in seconds."""
        self._pods = pods
        self._clock = clock
        self._most = most
        self._silent: dict[str, None] = {}
        self._asked = 0

    async def report(self, address: str) -> PodReport | None:
        """See `ServingPods.report`."""
        if address not in self._silent:
            return await self._ask(address)
        if self._asked >= ASKED_AT_ONCE:
            return None
        self._asked += 1
        try:
            return await self._ask(address)
        finally:
            self._asked -= 1

    async def _ask(self, address: str) -> PodReport | None:
        started = self._clock()
        report = await self._pods.report(address)
        self._silent.pop(address, None)
        if report is None and self._clock() - started > SLOW_SECONDS:
            self._silent[address] = None
            while len(self._silent) > self._most:
                del self._silent[next(iter(self._silent))]
        return report
