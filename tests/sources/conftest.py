"""The servers, one of each for all tests."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.registry.postgres import Postgres, postgres
from tests.sources.s3_server import S3Server, s3_server


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="session")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        server.sql("CREATE TABLE readings (a int, b numeric, zone text, hot boolean, at timestamptz)")
        server.sql(
            "INSERT INTO readings SELECT g, g * 0.5, CASE WHEN g % 7 = 0 THEN NULL ELSE 'z' || g % 3 END, g % 2 = 0, "
            "timestamptz '2026-01-01 00:00+00' + g * interval '1 minute' FROM generate_series(1, 1000) g"
        )
        yield server


class _Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def empty_registry() -> Iterator[str]:
    """The URL of something that knows no model: it answers 404, on a loopback address as a cluster's is private."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
