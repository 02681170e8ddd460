"""How the registry connects to PostgreSQL, how often, and what nobody gets to see of it."""

import asyncio
import re
import signal
import subprocess
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from tests.registry.postgres import CONNECTIONS, ESCAPED, PASSWORD, Postgres, postgres
from tests.registry.processes import process
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import fingerprint, running

from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.registry.connect import connected
from pynomaly_inference.registry.postgresql import Limits

A, B = fingerprint("a"), fingerprint("b")


def test_its_limits_are_those_that_were_promised(postgresql: Store) -> None:
    async def shown(name: str) -> str:
        async with connected(postgresql.url) as found, found.reading() as connection:
            value: str = (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            return value

    assert asyncio.run(shown("statement_timeout")) == "30s"
    assert asyncio.run(shown("transaction_read_only")) == "on"
    assert asyncio.run(shown("transaction_isolation")) == "repeatable read"
    assert Limits() == Limits(connections=20, overflow=30, recycle=3600, statement=30.0)


def test_the_number_of_connections_is_the_servers(postgresql: Store) -> None:
    async def run() -> tuple[list[int], list[int]]:
        counted, real = [], []
        async with connected(postgresql.url) as found:
            for wanted in (1, 7, 25, 2):
                async with AsyncExitStack() as stack:
                    readers = [stack.enter_async_context(found.reading()) for _ in range(wanted)]
                    connections = await asyncio.gather(*readers)
                    await asyncio.gather(*(connection.execute(text("SELECT 1")) for connection in connections))
                    counted.append(found.open_connections)
                    answer = await connections[0].execute(text(CONNECTIONS))
                    real.append(answer.scalar_one())
        return counted, real

    counted, real = asyncio.run(run())
    assert counted == real
    assert counted == [1, 7, 25, 20]


def test_the_metric_tells_the_connections_of_a_registry(postgresql: Store) -> None:
    with running(postgresql.settings) as registry, registry.trainer() as trainer:
        trainer.upload(A, b"model")
        shown = httpx.get(f"{registry.url}/metrics").text
        real = postgresql.sql(CONNECTIONS)[0][0]
    found = re.search(r"^pynomaly_database_connections (\S+)$", shown, re.MULTILINE)
    assert found is not None
    assert float(found[1]) == real > 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((ESCAPED, "wrong-secret"), "password authentication failed"),
        (("/models", "/nothing"), 'database "nothing" does not exist'),
        (("registry:", "stranger:"), "stranger"),
        (("/models", "/models?sslmode=sometimes"), "sslmode"),
        (("/models", "/models?sslmode=verify-full&sslrootcert=/missing.crt"), "sslrootcert=/missing.crt: No such file"),
    ],
)
def test_what_waiting_cannot_mend_is_told_at_once_without_the_password(
    server: Postgres, change: tuple[str, str], said: str
) -> None:
    url = server.url("models").replace(*change)

    async def run() -> None:
        async with connected(url):
            pass

    began = time.monotonic()
    with pytest.raises(PynomalyError, match=said) as raised:
        asyncio.run(run())
    assert time.monotonic() - began < 20
    for secret in (PASSWORD, ESCAPED, "wrong-secret"):
        assert secret not in str(raised.value)


def test_no_log_holds_the_password_whatever_goes_wrong(own: Postgres, own_store: Store) -> None:
    with process(own_store) as registry:
        with registry.trainer() as trainer:
            trainer.upload(A, b"model")
            own.stop()
            assert trainer.upload(B, b"model").status_code == 503
            own.start()
            own_store.sql("ALTER TABLE versions RENAME TO gone")
            assert trainer.detector("/versions").status_code == 503
        command_line = Path(f"/proc/{registry.popen.pid}/cmdline").read_text()
        registry.popen.send_signal(signal.SIGINT)
        log = registry.popen.communicate(timeout=30)[1]
    assert "the database or the disk failed" in log
    for shown in (log, command_line):
        assert PASSWORD not in shown
        assert ESCAPED not in shown


def certified(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    return certificate, key


def test_tls_is_what_the_url_asks_for(tmp_path: Path) -> None:
    certificate, key = certified(tmp_path, "db")
    stranger, _ = certified(tmp_path, "stranger")
    with postgres() as found:
        found.secure(certificate, key)
        found.sql("CREATE DATABASE models")

        async def encrypted(query: str) -> bool:
            async with connected(found.url("models", query)) as opened, opened.reading() as connection:
                wanted = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                answer: bool = (await connection.execute(wanted)).scalar_one()
                return answer

        assert asyncio.run(encrypted(f"?sslmode=verify-full&sslrootcert={certificate}")) is True
        assert asyncio.run(encrypted("?sslmode=require")) is True
        assert asyncio.run(encrypted("?sslmode=disable")) is False
        with pytest.raises(PynomalyError, match=r"(?i)certificate"):
            asyncio.run(encrypted(f"?sslmode=verify-full&sslrootcert={stranger}"))
