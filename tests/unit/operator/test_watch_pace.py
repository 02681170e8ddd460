"""A watch that ends soon is asked for again ever later."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_operator.watch_pace import LONG_SECONDS, MOST_SECONDS, WatchPace


@dataclass
class Scene:
    now: float = 1000.0
    chance: float = 0.999999
    pace: WatchPace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = WatchPace(lambda: self.now, lambda: self.chance)

    def watch(self, path: str, lasting: float) -> float:
        """A watch is waited for, lasts, and ends; the wait."""
        wait = self.pace.wait(path)
        self.now += wait + lasting
        return wait


def test_watches_that_end_at_once_wait_twice_as_long_each_time_up_to_a_bound() -> None:
    scene = Scene()

    waits = [scene.watch("/a", 0) for _ in range(10)]

    assert waits == pytest.approx([0, 0, 0, 0.25, 0.5, 1, 2, 4, 8, 8], abs=1e-4)


def test_a_watch_that_lasted_is_asked_for_again_at_once_and_the_next_ones_too() -> None:
    scene = Scene()
    for _ in range(6):
        scene.watch("/a", 0)

    scene.watch("/a", LONG_SECONDS)

    assert [scene.watch("/a", 0) for _ in range(3)] == [0, 0, 0]


def test_one_watch_does_not_wait_for_another() -> None:
    scene = Scene()
    for _ in range(6):
        scene.watch("/a", 0)

    assert scene.watch("/b", 0) == 0


def test_watches_that_ended_together_come_back_apart() -> None:
    early, late = Scene(chance=0.0), Scene(chance=0.999999)
    for _ in range(5):
        early.watch("/a", 0)
        late.watch("/a", 0)

    assert early.watch("/a", 0) == pytest.approx(late.watch("/a", 0) / 2, rel=1e-4)


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 0.999)), max_size=60))
def test_however_watches_end_a_path_is_asked_for_at_most_so_often(lives: list[tuple[float, float]]) -> None:
    scene = Scene()
    asked = []
    for lasting, chance in lives:
        scene.chance = chance
        wait = scene.pace.wait("/a")
        assert 0 <= wait <= MOST_SECONDS
        asked.append(scene.now + wait)
        scene.now += wait + lasting

    assert all(len([other for other in asked if moment <= other < moment + 5]) <= 9 for moment in asked)
