"""Stand-ins whose answers can be held back, so that a pass of the operator stays where it asks them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.controlplane.detectors import WITHIN
from tests.controlplane.standins import StandInPods, StandInRegistry

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.pod_report import PodReport


@dataclass
class Hold:
    """Whether answers are held back."""

    _open: threading.Event = field(default_factory=threading.Event)
    _asked: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._open.set()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is answered while the context lasts."""
        self._asked.clear()
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def await_question(self) -> None:
        """Returns when somebody waits for an answer."""
        assert self._asked.wait(WITHIN), "nobody asked"

    async def passed(self) -> None:
        """Returns when it may be answered."""
        self._asked.set()
        await asyncio.to_thread(self._open.wait, WITHIN)


@dataclass
class HeldRegistry(StandInRegistry):
    """A registry that may keep the operator waiting."""

    hold: Hold = field(default_factory=Hold)

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """As the registry answers, in the end."""
        await self.hold.passed()
        return await super().recorded(detector, fingerprint)


@dataclass
class HeldPods(StandInPods):
    """Pods that may keep the operator waiting."""

    hold: Hold = field(default_factory=Hold)

    async def report(self, address: str) -> PodReport | None:
        """As a serving pod answers, in the end."""
        await self.hold.passed()
        return await super().report(address)
