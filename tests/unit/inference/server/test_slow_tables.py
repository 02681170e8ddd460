"""A table that takes long holds up no other format."""

import io
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from pynomaly_inference.server.settings import ServerSettings

PARQUET = {"content-type": "application/vnd.apache.parquet"}


def table_processes() -> set[int]:
    """The processes that read tables for servers in this one."""
    children = [Path(task, "children").read_text().split() for task in Path("/proc/self/task").iterdir()]
    return {
        int(pid) for pids in children for pid in pids if b"table_program" in Path(f"/proc/{pid}/cmdline").read_bytes()
    }


def test_other_requests_are_scored_while_a_table_takes_long(table: Any, running: Any, variant: Any) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": [1.0], "b": [2.0]}), out)

    def send(client: httpx.Client) -> Any:
        return client.post("/v1/score", content=out.getvalue(), headers=PARQUET).json()["scores"]

    before = table_processes()
    with running(table(variant()), ServerSettings()) as client, ThreadPoolExecutor(4) as threads:
        assert send(client) == [2.0]
        (started,) = table_processes() - before
        os.kill(started, signal.SIGSTOP)
        try:
            waiting = [threads.submit(send, client) for _ in range(4)]
            many = client.post("/v1/score", json={"rows": [[1, 2]] * 50_000})
            assert many.json()["scores"] == [2.0] * 50_000
            assert not any(each.done() for each in waiting)
        finally:
            os.kill(started, signal.SIGCONT)
        assert [each.result() for each in waiting] == [[2.0]] * 4
