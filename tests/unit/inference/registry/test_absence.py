from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.inference.registry.harness import NAMESPACE, OTHER_UID, UID

from pynomaly_inference.registry.absence import Judgement, Known, judge
from pynomaly_inference.registry.contract import LivingDetectors

NOW = datetime(2026, 5, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
UIDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(6)]
ages = st.none() | st.timedeltas(timedelta(0), timedelta(days=30))


def living(*uids: str, namespaces: tuple[str, ...] | None = None) -> LivingDetectors:
    return LivingDetectors(resource_version="7", namespaces=namespaces, count=len(uids), uids=uids)


def known(uid: str = UID, age: timedelta | None = None) -> Known:
    return Known(1, NAMESPACE, uid, None if age is None else NOW - age)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (None, Judgement((), (1,), ())),
        (timedelta(0), Judgement((), (), ())),
        (WEEK - timedelta(microseconds=1), Judgement((), (), ())),
        (WEEK, Judgement((), (), (1,))),
    ],
)
def test_a_detector_that_is_not_listed_is_marked_and_after_seven_days_confirmed(
    age: timedelta | None, expected: Judgement
) -> None:
    assert judge([known(age=age)], living(OTHER_UID), NOW) == expected


@pytest.mark.parametrize(("age", "returned"), [(None, ()), (timedelta(0), (1,)), (3 * WEEK, (1,))])
def test_a_listed_detector_lives_however_long_it_was_missed(age: timedelta | None, returned: tuple[int, ...]) -> None:
    assert judge([known(age=age)], living(UID), NOW) == Judgement(returned, (), ())


@pytest.mark.parametrize("age", [None, 3 * WEEK])
def test_a_list_of_other_namespaces_says_nothing_of_a_detector(age: timedelta | None) -> None:
    assert judge([known(age=age)], living(OTHER_UID, namespaces=("plant-b",)), NOW) == Judgement((), (), ())


def test_a_list_of_its_namespace_confirms_it() -> None:
    listed = living(OTHER_UID, namespaces=("plant-b", NAMESPACE))
    assert judge([known(age=WEEK)], listed, NOW) == Judgement((), (), (1,))


@given(have=st.dictionaries(st.sampled_from(UIDS), ages), alive=st.sets(st.sampled_from(UIDS), min_size=1))
def test_only_what_is_not_listed_and_was_missed_for_seven_days_is_confirmed(
    have: dict[str, timedelta | None], alive: set[str]
) -> None:
    rows = [Known(UIDS.index(uid), NAMESPACE, uid, None if age is None else NOW - age) for uid, age in have.items()]
    judgement = judge(rows, living(*alive), NOW)
    assert {UIDS[row] for row in judgement.confirmed} == {
        uid for uid, age in have.items() if uid not in alive and age is not None and age >= WEEK
    }
    assert {UIDS[row] for row in judgement.missed} == {
        uid for uid, age in have.items() if uid not in alive and age is None
    }
    assert {UIDS[row] for row in judgement.returned} == {
        uid for uid, age in have.items() if uid in alive and age is not None
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"uids": [], "count": 0}, "at least 1"),
        ({"count": 2}, "1 different"),
        ({"uids": [UID, UID], "count": 2}, "1 different"),
        ({"uids": [UID, UID], "count": 1}, "1 different"),
        ({"uids": [UID.upper()]}, "pattern"),
        ({"resourceVersion": ""}, "pattern"),
        ({"resourceVersion": "-1"}, "pattern"),
        ({"resourceVersion": "07"}, "pattern"),
        ({"namespaces": []}, "at least 1"),
        ({"format": 2}, "should be 1"),
        ({"more": 1}, "not permitted"),
    ],
)
def test_a_list_that_proves_nothing_is_refused(change: dict[str, object], said: str) -> None:
    whole = {"format": 1, "resourceVersion": "7", "namespaces": None, "count": 1, "uids": [UID]}
    assert LivingDetectors.model_validate(whole).uids == (UID,)
    with pytest.raises(ValidationError, match=said):
        LivingDetectors.model_validate({**whole, **change})


@pytest.mark.parametrize("missing", ["resourceVersion", "namespaces", "count", "uids"])
def test_a_list_says_all_of_itself(missing: str) -> None:
    whole = {"format": 1, "resourceVersion": "7", "namespaces": None, "count": 1, "uids": [UID]}
    del whole[missing]
    with pytest.raises(ValidationError, match="required"):
        LivingDetectors.model_validate(whole)
