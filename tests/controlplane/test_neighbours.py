"""Detectors that give the operator much to do, or keep it waiting, and those beside them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.held import Hold
from tests.controlplane.running_operator import SETTINGS
from tests.controlplane.standins import StandInRegistry

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.circuit_breaker import SLOW_SECONDS
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable

QUIET = 3
SILENT = 6


@dataclass
class PartlyBrokenRegistry(StandInRegistry):
    """It answers for some detectors not at all, and for some with what nobody foresaw."""

    silent: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    hold: Hold = field(default_factory=Hold)
    failures: int = 0

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """As the registry answers."""
        if detector.name in self.silent:
            await self.hold.passed()
        if detector.name in self.broken:
            self.failures += 1
            raise RuntimeError("nobody foresaw this")
        return await super().recorded(detector, fingerprint)


@dataclass
class HangingRegistry(StandInRegistry):
    """Its answers about new detectors come too late, which it notes of itself."""

    waiting: int = 0
    timeouts: int = 0
    most_afterwards: int = 0
    """Questions at once, of those that were asked after it had been silent once."""

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """As the registry answers."""
        if not detector.name.startswith("silent"):
            return await super().recorded(detector, fingerprint)
        self.waiting += 1
        if self.timeouts:
            self.most_afterwards = max(self.most_afterwards, self.waiting)
        await asyncio.sleep(SLOW_SECONDS + 0.5)
        self.waiting -= 1
        self.timeouts += 1
        raise RegistryUnavailable("no answer in time")


def test_a_registry_that_hangs_holds_one_worker_and_delays_no_detector_that_needs_it_not(unapplied: Detector) -> None:
    registry = HangingRegistry()
    unapplied.operator.registry = registry
    unapplied.operator.settings = SETTINGS.model_copy(update={"workers": 2})
    with unapplied.operator.running():
        unapplied.until_ready()
        silent = [replace(unapplied, name=f"silent-{number}") for number in range(SILENT)]
        for one in silent:
            one.apply()
        until(lambda: registry.timeouts > 0, within=WITHIN, what="the registry to be silent")

        unapplied.kubectl("delete", "service", "shuttle", unapplied.here, "--wait=false")
        unapplied.await_child("service", "shuttle")
        for one in silent:
            assert "no answer in time" in one.await_condition("Ready", "False", "RegistryUnavailable")["message"]
        until(lambda: registry.timeouts > 3, within=WITHIN, what="the registry to be asked again")

        assert registry.most_afterwards == 1


def test_a_detector_that_always_fails_and_one_that_never_ends_delay_no_other(unapplied: Detector) -> None:
    registry = PartlyBrokenRegistry(silent={"silent"}, broken={"broken"})
    unapplied.operator.registry = registry
    unapplied.operator.settings = SETTINGS.model_copy(update={"workers": 2})
    with unapplied.operator.running(), registry.hold.held():
        replace(unapplied, name="broken").apply()
        replace(unapplied, name="silent").apply()
        registry.hold.await_question()
        until(lambda: registry.failures >= 3, within=WITHIN, what="three passes in vain")

        for one in _quiet(unapplied):
            one.apply()
            one.await_job()
        unapplied.until_ready()


def test_a_detector_that_changes_all_the_time_delays_no_other(unapplied: Detector) -> None:
    hot = replace(unapplied, name="hot")
    unapplied.operator.settings = SETTINGS.model_copy(update={"workers": 1})
    with unapplied.operator.running():
        hot.apply()
        hot.await_job()
        with _edited_all_the_time(hot):
            for one in _quiet(unapplied):
                one.apply()
                one.await_job()
            unapplied.until_ready()
            unapplied.kubectl("delete", "service", "shuttle", unapplied.here, "--wait=false")
            unapplied.await_child("service", "shuttle")


def _quiet(detector: Detector) -> list[Detector]:
    return [replace(detector, name=f"quiet-{number}") for number in range(QUIET)]


@contextmanager
def _edited_all_the_time(detector: Detector) -> Iterator[None]:
    """Another edit of the serving pods as soon as the one before is stored, while the context lasts."""
    stop = threading.Event()

    def edit() -> None:
        rows = 1
        while not stop.is_set():
            rows += 1
            detector.patch("ad", detector.name, {"spec": {"serving": {"limits": {"rows": rows}}}})

    thread = threading.Thread(target=edit, name="hot")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
