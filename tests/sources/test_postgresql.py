"""Rows of a real PostgreSQL."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from tests.registry.postgres import PASSWORD, Postgres

from pynomaly_inference.datasets import postgresql
from pynomaly_inference.datasets.addresses import parse_destinations
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.datasets.reader import batches
from pynomaly_inference.datasets.remote import Remote
from pynomaly_inference.errors import (
    DataRejected,
    PynomalyError,
    ResourceInvalid,
    SourceNotAllowed,
    SourceUnreachable,
)

LOGIN = {"PGUSER": "registry", "PGPASSWORD": PASSWORD}


def uri(database: Postgres, rest: str = "") -> str:
    return f"postgresql://127.0.0.1:{database.port}/postgres{rest}"


def places(*allowed: str, **changes: str) -> Places:
    return Places(Path("/nowhere"), environment=LOGIN | changes, destinations=parse_destinations(allowed))


def rows(database: Postgres, query: str) -> pl.DataFrame:
    with located(uri(database), places(), query) as files:
        return pl.concat([batch.frame for batch in batches(files, None)])


def refusal(kind: type[PynomalyError], where: str, query: str, given: Places) -> str:
    with pytest.raises(kind) as raised, located(where, given, query):
        pass
    return str(raised.value)


def test_columns_keep_their_types_and_null_is_no_value(database: Postgres) -> None:
    frame = rows(database, "SELECT a, b, zone, hot, at, at::date d, 'NaN'::float8 n FROM readings ORDER BY a")
    assert frame.height == 1000
    assert frame.schema["b"] == pl.Float64
    noon = dt.datetime(2026, 1, 1, 0, 7, tzinfo=dt.UTC)
    assert frame.row(6)[:6] == (7, 3.5, None, False, noon, dt.date(2026, 1, 1))
    assert frame["n"].is_nan().all()


def test_a_long_answer_is_streamed_in_several_files(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_MOST_ROWS", 300)
    with located(uri(database), places(), "SELECT a FROM readings ORDER BY a") as files:
        read = list(batches(files, None))
    assert [batch.rows for batch in read] == [300, 300, 300, 100]
    assert pl.concat([batch.frame for batch in read])["a"].to_list() == list(range(1, 1001))


def test_an_answer_without_rows_has_its_columns(database: Postgres) -> None:
    assert rows(database, "SELECT a, zone FROM readings WHERE false").schema == {"a": pl.Int64, "zone": pl.String}


@pytest.mark.parametrize(
    ("query", "kind", "sentence"),
    [
        ("SELEC 1", ResourceInvalid, 'syntax error at or near "SELEC"'),
        ("SELECT * FROM nowhere", ResourceInvalid, 'relation "nowhere" does not exist'),
        ("SELECT 1; DROP TABLE readings", ResourceInvalid, "cannot insert multiple commands"),
        ("DROP TABLE readings", ResourceInvalid, "returns no columns: write a SELECT"),
        ("DELETE FROM readings RETURNING a", ResourceInvalid, "cannot execute DELETE in a read-only transaction"),
        ("COPY readings TO PROGRAM 'true'", ResourceInvalid, "returns no columns"),
        ("SELECT 1 / (a - 1) FROM readings", DataRejected, "division by zero"),
        ("SELECT array[1] AS a", DataRejected, "column `a` of the query is of type int4[]"),
        ("SELECT 1 AS a, 2 AS a", DataRejected, "the query returns several columns named `a`"),
    ],
)
def test_a_query_that_cannot_be_used_has_its_sentence(
    database: Postgres, query: str, kind: type[PynomalyError], sentence: str
) -> None:
    assert sentence in refusal(kind, uri(database), query, places())
    assert database.sql("SELECT count(*) FROM readings") == [["1000"]]


def test_nothing_can_be_written_even_by_a_query_that_first_asks_for_it(database: Postgres) -> None:
    query = "SELECT set_config('transaction_read_only', 'off', false)"
    assert "must be set before any query" in refusal(SourceUnreachable, uri(database), query, places())


def test_a_query_that_takes_too_long_is_stopped(database: Postgres, tmp_path: Path) -> None:
    remote = Remote(uri(database), "SELECT pg_sleep(60)::text", LOGIN)
    with pytest.raises(SourceUnreachable, match=r"took longer than 0\.2 s over training\.source\.query"):
        postgresql.fetch(remote, tmp_path, statement_seconds=0.2)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pynomaly'"
    assert database.sql(running) == [["0"]]


def test_a_wrong_password_is_refused_and_shown_nowhere(database: Postgres) -> None:
    said = refusal(SourceUnreachable, uri(database), "SELECT 1", places(PGPASSWORD="wr0ng-passw0rd"))
    assert 'password authentication failed for user "registry"' in said
    assert "wr0ng" not in said


def test_a_password_that_the_server_repeats_is_blackened(database: Postgres) -> None:
    said = refusal(SourceUnreachable, f"postgresql://127.0.0.1:{database.port}/sesame", "SELECT 1", places())
    assert 'database "sesame" does not exist' in said
    login = "CREATE ROLE teller LOGIN PASSWORD 'sesame'"
    database.sql(login)
    given = places(PGUSER="teller", PGPASSWORD="sesame")
    assert 'database "***" does not exist' in refusal(
        SourceUnreachable, f"postgresql://127.0.0.1:{database.port}/sesame", "SELECT 1", given
    )


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(database: Postgres) -> None:
    for mode in ("require", "verify-full"):
        said = refusal(SourceUnreachable, uri(database, f"?sslmode={mode}"), "SELECT 1", places())
        assert "rejected SSL upgrade" in said


def test_a_database_at_a_private_address_needs_permission(database: Postgres) -> None:
    said = refusal(SourceNotAllowed, uri(database), "SELECT 1", places("public"))
    assert f"add {{cidr: 127.0.0.1/32, port: {database.port}}} to spec.network.allowTo" in said
    with located(uri(database), places(f"127.0.0.1/32:{database.port}"), "SELECT 1 AS a") as files:
        assert len(files) == 1
    assert "is not public" in refusal(SourceNotAllowed, uri(database), "SELECT 1", places("127.0.0.1/32:1"))
