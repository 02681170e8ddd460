"""When a look at a detector need be no full pass."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from pynomaly_operator.calm import LOOKS_A_SECOND, Calm
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.manifest import Manifest
from pynomaly_operator.store import Key, Store

KEY = ("ns", "mine")
NOW = datetime(2026, 5, 1, tzinfo=UTC)
RESYNC = 60.0


@dataclass
class _Scene:
    """One detector with a Service and a Secret, of which no watch tells."""

    store: Store = field(default_factory=Store)
    at_next_look: Callable[[], object] = lambda: None
    looks: int = 0

    def __post_init__(self) -> None:
        self.see_detector(KEY, 1)
        self.see_child("Service", 2)
        self.see_child("Secret", 3)
        self.calm = Calm(self.store, self._look_at_key, RESYNC)

    async def _look_at_key(self, _: Identity) -> None:
        self.looks += 1
        self.at_next_look()

    def see_detector(self, key: Key, version: int) -> None:
        metadata = {"namespace": key[0], "name": key[1], "uid": key[1], "generation": 1}
        metadata |= {"creationTimestamp": "2026-05-01T00:00:00Z", "resourceVersion": str(version)}
        self.store.see_detector({"metadata": metadata})

    def see_child(self, kind: str, version: int) -> None:
        owner = {"apiVersion": "pynomaly.io/v1alpha1", "kind": "AnomalyDetector", "name": "mine", "uid": "mine"}
        metadata: Manifest = {
            "namespace": "ns",
            "name": "mine",
            "uid": kind,
            "resourceVersion": str(version),
            "ownerReferences": [{**owner, "controller": True}],
        }
        self.store.see_child(kind, {"metadata": metadata})

    def note(self, due: datetime | None = None, now: datetime = NOW) -> None:
        self.calm.note(KEY, self.store.revision(KEY), due, now)

    def look(self, now: datetime = NOW) -> float | None:
        return asyncio.run(self.calm.look(KEY, self.store.detectors[KEY], now))


def test_a_detector_of_which_nothing_changed_is_looked_at_again_and_again_and_needs_no_pass() -> None:
    scene = _Scene()
    scene.note()

    waits = [scene.look() for _ in range(3)]

    assert all(wait is not None and RESYNC * 2 / 3 <= wait <= RESYNC * 4 / 3 for wait in waits)
    assert scene.looks == 3


def test_a_detector_that_was_not_found_calm_needs_a_pass() -> None:
    assert _Scene().look() is None


@pytest.mark.parametrize(
    "change",
    [
        lambda scene: scene.see_detector(KEY, 9),
        lambda scene: scene.see_child("Service", 9),
        lambda scene: scene.store.forget_child("Service"),
    ],
    ids=["the detector", "a child", "a child that is gone"],
)
def test_a_change_asks_for_a_pass_and_for_one_at_each_look_until_it_was_found_calm(
    change: Callable[[_Scene], None],
) -> None:
    scene = _Scene()
    scene.note()

    change(scene)

    assert scene.look() is None
    assert scene.look() is None
    scene.note()
    assert scene.look() is not None


def test_a_change_during_the_pass_itself_is_no_calm() -> None:
    scene = _Scene()
    before = scene.store.revision(KEY)
    scene.see_child("Service", 9)

    scene.calm.note(KEY, before, None, NOW)

    assert scene.look() is None


def test_a_secret_that_was_changed_or_deleted_asks_for_a_pass() -> None:
    scene = _Scene()
    scene.note()
    scene.at_next_look = lambda: scene.store.forget_child("Secret")

    assert scene.look() is None


def test_what_is_due_is_done_at_its_time() -> None:
    scene = _Scene()
    scene.note(NOW + timedelta(seconds=5))

    assert scene.look() == 5
    assert scene.look(NOW + timedelta(seconds=5)) is None


def test_after_the_clock_was_put_back_what_is_due_is_judged_anew() -> None:
    scene = _Scene()
    scene.note(NOW + timedelta(hours=3, minutes=1), now=NOW + timedelta(hours=3))

    assert scene.look(NOW) is None


def test_another_detector_of_the_same_name_needs_a_pass() -> None:
    scene = _Scene()
    scene.note()

    scene.store.forget_detector(KEY)
    scene.see_detector(KEY, 20)

    assert scene.look() is None


def test_of_very_many_detectors_each_is_looked_at_less_often() -> None:
    scene = _Scene()
    most = int(2 * RESYNC * LOOKS_A_SECOND)
    for number in range(most):
        scene.see_detector(("ns", f"d{number}"), 100 + number)

    assert scene.calm.wait() >= 2 * RESYNC * 2 / 3
