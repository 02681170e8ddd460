"""The operator's HTTP: what a kubelet and Prometheus ask."""

import asyncio
import time

from pynomaly_operator.metrics import Metrics
from pynomaly_operator.probes import Health, served

HALF_A_REQUEST = b"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab"


def test_whoever_asks_slowly_does_not_keep_the_operator_from_ending() -> None:
    async def scenario() -> float:
        health = Health(lambda: None, lambda: None)
        async with served(health, Metrics(), "127.0.0.1", 0) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(HALF_A_REQUEST)
            await writer.drain()
            assert b"200" in await reader.readline()
            ended = time.monotonic()
        writer.close()
        return time.monotonic() - ended

    assert asyncio.run(scenario()) < 5
