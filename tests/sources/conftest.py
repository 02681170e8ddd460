"""The servers, one of each for all tests."""

from collections.abc import Iterator

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
