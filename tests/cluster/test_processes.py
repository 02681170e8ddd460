import signal
from pathlib import Path

import pytest
from tests.cluster.errors import ClusterError
from tests.cluster.processes import Processes


def test_a_process_that_ends_before_it_is_ready_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("broken", "sh", "-c", "echo cannot read the configuration >&2; exit 1")

    with pytest.raises(ClusterError, match=r"broken has ended\.(.|\n)*cannot read the configuration"):
        processes.ready("broken", lambda: False)


def test_a_process_that_never_gets_ready_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("slow", "sh", "-c", "echo still waiting; exec sleep 60")
    try:
        with pytest.raises(ClusterError, match=r"slow to be ready\.(.|\n)*still waiting"):
            processes.ready("slow", lambda: False, within=0.5)
    finally:
        processes.stop("slow")


def test_a_process_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("stubborn", "sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
    processes.ready("stubborn", lambda: "deaf" in processes.log("stubborn").read_text())

    processes.stop("stubborn", by=signal.SIGTERM, grace=0.3)

    assert not processes.running("stubborn")
    assert processes.names() == []


def test_another_process_with_a_recorded_id_is_neither_running_nor_ended(tmp_path: Path) -> None:
    mine, later = Processes(tmp_path / "mine"), Processes(tmp_path / "later")
    later.start("program", "sleep", "60")
    pid, started = (tmp_path / "later/pid/program").read_text().split()
    (tmp_path / "mine/pid").mkdir(parents=True)
    (tmp_path / "mine/pid/program").write_text(f"{pid} {int(started) - 1}\n")
    try:
        mine.stop("program")

        assert later.running("program")
    finally:
        later.stop("program")


def test_stopping_what_was_never_started_does_nothing(tmp_path: Path) -> None:
    Processes(tmp_path).stop("nothing")
