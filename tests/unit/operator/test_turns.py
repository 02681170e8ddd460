from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynomaly_operator.store import Key
from pynomaly_operator.turns import Turns, about

START = datetime(2026, 5, 1, tzinfo=UTC)
KEYS = [("n", f"d{number}") for number in range(6)]


def _at(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_as_many_as_may_take_a_turn_and_the_next_learns_how_many_wait_before_it() -> None:
    busy: set[Key] = set()
    turns = Turns(2, lambda: busy)

    found = []
    for number, key in enumerate(KEYS[:5]):
        found.append(turns.take(key, _at(number)))
        busy |= {key} if found[-1] is None else set()
        turns.passed(key)

    assert found == [None, None, 0, 1, 2]


def test_who_has_waited_longest_is_woken_and_goes_first() -> None:
    busy, woken = {KEYS[0]}, list[Key]()
    turns = Turns(1, lambda: busy)
    turns.on_free(woken.append)
    assert turns.take(KEYS[1], _at(10)) == 0
    turns.passed(KEYS[1])
    assert turns.take(KEYS[2], _at(5)) == 0
    turns.passed(KEYS[2])
    assert woken == []

    busy.clear()
    turns.passed(KEYS[0])

    assert woken == [KEYS[2]]
    assert turns.take(KEYS[1], _at(99)) == 1
    assert turns.take(KEYS[2], _at(99)) is None


def test_a_turn_is_held_while_what_it_began_is_not_observed_yet() -> None:
    turns = Turns(1, set)

    assert turns.take(KEYS[0], _at(0)) is None
    assert turns.take(KEYS[1], _at(1)) == 0

    turns.passed(KEYS[0])  # nothing came of it
    assert turns.take(KEYS[1], _at(1)) is None


def test_one_that_cannot_use_its_turn_keeps_nobody_waiting() -> None:
    turns = Turns(1, set)
    for _ in range(3):
        assert turns.take(KEYS[0], _at(0)) is None
        turns.passed(KEYS[0])

        assert turns.take(KEYS[1], _at(1)) is None
        turns.passed(KEYS[1])


def test_one_that_no_longer_asks_leaves_the_line() -> None:
    busy = {KEYS[0]}
    turns = Turns(1, lambda: busy)
    for number in (1, 2):
        turns.take(KEYS[number], _at(number))
        turns.passed(KEYS[number])

    turns.passed(KEYS[1])  # a pass without asking: deleted, suspended, or no longer valid

    assert turns.take(KEYS[2], _at(2)) == 0


def test_one_that_is_at_it_already_may_begin_anew() -> None:
    busy = {KEYS[0]}
    turns = Turns(1, lambda: busy)

    assert turns.take(KEYS[1], _at(0)) == 0
    turns.passed(KEYS[1])
    assert turns.take(KEYS[0], _at(0).replace(year=2020)) is None


def test_after_a_restart_those_that_waited_are_in_line_before_they_ask() -> None:
    turns = Turns(1, set, lambda: [(_at(5), KEYS[5]), (_at(3), KEYS[3])])

    assert turns.take(KEYS[4], _at(4)) == 1
    turns.passed(KEYS[4])
    assert turns.take(KEYS[3], _at(100)) is None


@given(st.integers(1, 3), st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=80))
def test_never_more_than_may_are_at_it_and_everyone_in_line_gets_a_turn(
    most: int, steps: list[tuple[Key, bool]]
) -> None:
    simulation = _Simulation(most)
    for key, begins in steps:
        if begins:
            simulation.ask(key)
        else:
            simulation.end({key})
    for _ in range(len(KEYS) * 2):  # those that are at it end one by one, and only who is woken asks
        simulation.end(set(sorted(simulation.busy)[:1]))

    assert not simulation.waiting


class _Simulation:
    """Detectors that ask when they are told to, or woken, and are at it until they end."""

    def __init__(self, most: int) -> None:
        self.busy = set[Key]()
        self.waiting = set[Key]()
        self._most = most
        self._woken: list[Key] = []
        self._turns = Turns(most, lambda: self.busy)
        self._turns.on_free(self._woken.append)
        self._clock = 0

    def ask(self, key: Key) -> None:
        self._attempt(key)
        while self._woken:
            self._attempt(self._woken.pop(0))

    def end(self, keys: set[Key]) -> None:
        for key in keys & self.busy:
            self.busy.discard(key)
            self._turns.passed(key)
        while self._woken:
            self._attempt(self._woken.pop(0))

    def _attempt(self, key: Key) -> None:
        self._clock += 1
        if key not in self.busy:
            self.waiting.add(key)
            if self._turns.take(key, _at(self._clock)) is None:
                self.busy.add(key)
                self.waiting.discard(key)
        self._turns.passed(key)
        assert len(self.busy) <= self._most


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9, "9"), (10, "at least 10"), (99, "at least 90"), (4321, "at least 4000")],
)
def test_a_long_line_is_told_in_round_numbers(count: int, text: str) -> None:
    assert about(count) == text
