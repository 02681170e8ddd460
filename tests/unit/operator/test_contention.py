from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pynomaly_operator.contention import FREE_WRITES, LONGEST_WAIT, QUIET, Contention, Place, rivals

MANIFEST = {
    "kind": "Service",
    "metadata": {"labels": {"team": "ours"}},
    "spec": {"ports": [{"port": 80, "protocol": "TCP", "name": "http"}]},
}
PORT = 'k:{"port":80,"protocol":"TCP"}'

CHILD = Place("uid", "Service", "shuttle")


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _fight(contention: Contention, clock: _Clock, seconds: float, every: float = 0.1) -> int:
    """How often we write while somebody undoes it at once."""
    writes, end = 0, clock.now + seconds
    while clock.now < end:
        if contention.may_write(CHILD, "h"):
            contention.wrote(CHILD, "h")
            writes += 1
        clock.now += every
    return writes


def test_a_few_edits_are_put_back_at_once_and_a_fight_costs_few_writes() -> None:
    clock = _Clock()
    contention = Contention(clock)

    assert _fight(contention, clock, 1) == FREE_WRITES
    assert _fight(contention, clock, 600) <= 6
    assert _fight(contention, clock, 3600, every=1) <= 3600 / LONGEST_WAIT


def test_a_fight_is_over_when_what_was_put_back_stays() -> None:
    clock = _Clock()
    contention = Contention(clock)
    _fight(contention, clock, 12)
    assert contention.is_fought_over(CHILD)

    clock.now += QUIET

    assert not contention.is_fought_over(CHILD)


def test_what_we_change_ourselves_is_no_fight() -> None:
    clock = _Clock()
    contention = Contention(clock)

    for number in range(50):
        assert contention.may_write(CHILD, f"h{number}")
        contention.wrote(CHILD, f"h{number}")
    assert not contention.is_fought_over(CHILD)


def test_edits_now_and_then_are_put_back_at_once_for_ever() -> None:
    clock = _Clock()
    contention = Contention(clock)

    for _ in range(50):
        assert contention.may_write(CHILD, "h")
        contention.wrote(CHILD, "h")
        clock.now += 30


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy"), st.floats(0, 700)), max_size=60))
def test_no_child_ever_waits_longer_than_the_longest_wait(steps: list[tuple[str, str, float]]) -> None:
    clock = _Clock()
    contention = Contention(clock)
    for name, wanted_hash, pause in steps:
        place = Place("uid", "Service", name)
        if contention.may_write(place, wanted_hash):
            contention.wrote(place, wanted_hash)
        clock.now += pause

    clock.now += LONGEST_WAIT

    assert all(contention.may_write(Place("uid", "Service", name), wanted) for name in "abcd" for wanted in "xy")


def test_old_fights_are_forgotten_so_that_memory_is_bounded() -> None:
    clock = _Clock()
    contention = Contention(clock)
    for number in range(20_000):
        contention.wrote(Place(f"uid-{number}", "Service", "shuttle"), "h")
        clock.now += 0.1

    assert len(contention._writes) <= 1000  # noqa: SLF001 - nothing else tells of memory


def test_a_fight_is_news_as_often_as_it_costs_a_write() -> None:
    contention = Contention(_Clock())
    assert not contention.is_news(CHILD)

    contention.wrote(CHILD, "h")
    assert [contention.is_news(CHILD) for _ in range(3)] == [True, False, False]

    contention.wrote(CHILD, "h")
    assert contention.is_news(CHILD)


def test_a_fight_over_one_child_or_part_of_it_holds_up_no_other() -> None:
    clock = _Clock()
    contention = Contention(clock)
    _fight(contention, clock, 1)
    assert not contention.may_write(CHILD, "h")

    for other in (CHILD._replace(part="data"), CHILD._replace(name="other"), CHILD._replace(detector_uid="other")):
        assert contention.may_write(other, "h")


def _metadata(*entries: tuple[str, str, dict[str, Any]]) -> dict[str, Any]:
    fields = [
        {"manager": manager, "operation": operation, "time": f"2026-05-01T00:00:0{number}Z", "fieldsV1": held}
        for number, (manager, operation, held) in enumerate(entries)
    ]
    return {"managedFields": fields}


def test_who_holds_what_the_manifest_sets_is_named_and_who_holds_other_fields_is_not() -> None:
    ours: dict[str, Any] = {
        "f:metadata": {"f:labels": {}},
        "f:spec": {"f:ports": {PORT: {"f:port": {}, "f:protocol": {}}}},
    }
    label: dict[str, Any] = {"f:metadata": {"f:labels": {"f:team": {}}}}
    port: dict[str, Any] = {"f:spec": {"f:ports": {PORT: {"f:name": {}}}}}
    other: dict[str, Any] = {"f:metadata": {"f:annotations": {"f:theirs": {}}}, "f:spec": {"f:type": {}}}

    found = rivals(
        _metadata(("pynomaly", "Apply", {"f:spec": ours["f:spec"]}), ("a", "Update", label), ("b", "Apply", port),
                  ("c", "Update", other)),
        MANIFEST,
    )  # fmt: skip

    assert found == ("a", "b")


def test_where_a_field_was_removed_the_last_who_wrote_is_named() -> None:
    held: dict[str, Any] = {"f:spec": {"f:type": {}}}

    assert rivals(_metadata(("x", "Update", held), ("y", "Update", held)), MANIFEST) == ("y",)
    assert rivals(_metadata(("pynomaly", "Apply", held)), MANIFEST) == ()


def test_what_both_of_us_hold_is_no_conflict() -> None:
    both: dict[str, Any] = {"f:metadata": {"f:labels": {"f:team": {}}}}
    last: dict[str, Any] = {"f:spec": {"f:type": {}}}

    assert rivals(_metadata(("pynomaly", "Apply", both), ("a", "Apply", both), ("z", "Update", last)), MANIFEST) == (
        "z",
    )


def test_who_writes_the_status_is_told_from_who_writes_the_rest() -> None:
    def entry(manager: str, operation: str, held: dict[str, Any], subresource: str) -> dict[str, Any]:
        return {"manager": manager, "operation": operation, "fieldsV1": held, "subresource": subresource}

    metadata = {
        "managedFields": [
            entry("pynomaly", "Apply", {"f:status": {"f:endpoint": {}}}, "status"),
            entry("gitops", "Update", {"f:status": {"f:replicas": {}}}, "status"),
            entry("user", "Apply", {"f:spec": {"f:algorithm": {}}}, ""),
        ]
    }

    assert rivals(metadata, {"metadata": {}, "status": {"endpoint": "x", "replicas": 1}}, "status") == ("gitops",)
