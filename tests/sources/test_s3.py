"""Objects of a real S3 server, one that checks signatures."""

import gzip
from pathlib import Path

import pytest
from tests.sources.s3_server import SECRET_KEY, S3Server

from pynomaly_inference.datasets.addresses import parse_destinations
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.formats import Compression, Format, Kind
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.datasets.table import read_training_table
from pynomaly_inference.errors import PynomalyError, ResourceInvalid, SourceNotAllowed, SourceUnreachable

ROWS = b"".join(b"%d,%d\n" % (index, index * index) for index in range(30))


@pytest.fixture(scope="module")
def data(s3: S3Server) -> S3Server:
    """A bucket `data` with files below `plant/`."""
    s3.put("data/plant/a.csv", b"x,y\n" + ROWS)
    s3.put("data/plant/2026/b.csv.gz", gzip.compress(b"x,y\n" + ROWS))
    s3.put("data/plant/notes.txt", b"notes")
    return s3


def places(server: S3Server, *allowed: str, **changes: str) -> Places:
    return Places(Path("/nowhere"), environment=server.environment | changes, destinations=parse_destinations(allowed))


def refusal(kind: type[PynomalyError], uri: str, given: Places) -> str:
    with pytest.raises(kind) as raised, located(uri, given):
        pass
    return str(raised.value)


def test_an_object_becomes_a_file_while_the_context_is_open(data: S3Server) -> None:
    with located("s3://data/plant/2026/b.csv.gz", places(data)) as (file,):
        assert gzip.decompress(file.path.read_bytes()) == b"x,y\n" + ROWS
        assert (file.name, file.format) == ("s3://data/plant/2026/b.csv.gz", Format(Kind.CSV, Compression.GZIP))
    assert not file.path.exists()


def test_a_glob_reads_all_that_it_matches_in_sorted_order(data: S3Server) -> None:
    with located("s3://data/plant/**/*.csv*", places(data)) as files:
        assert [file.name for file in files] == ["s3://data/plant/2026/b.csv.gz", "s3://data/plant/a.csv"]
        table = read_training_table(files, Columns(), missing_allowed=False)
    assert table.rows.numbers[:, 1].tolist() == [index * index for index in range(30)] * 2
    with located("s3://data/plant/?.csv", places(data)) as files:
        assert [file.name for file in files] == ["s3://data/plant/a.csv"]


def test_what_is_not_there_is_named(data: S3Server) -> None:
    assert refusal(SourceUnreachable, "s3://data/b.csv", places(data)) == "there is no `s3://data/b.csv`"
    assert refusal(SourceUnreachable, "s3://nowhere/b.csv", places(data)) == "there is no `s3://nowhere/b.csv`"
    assert refusal(SourceUnreachable, "s3://data/*.csv", places(data)) == "no object matches `s3://data/*.csv`"
    assert "names no object" in refusal(ResourceInvalid, "s3://data", places(data))
    assert "says no known format" in refusal(ResourceInvalid, "s3://data/plant/notes.txt", places(data))


def test_a_wrong_secret_is_refused_and_shown_nowhere(data: S3Server) -> None:
    given = places(data, AWS_SECRET_ACCESS_KEY="wr0ng-s3cret")  # noqa: S106 - wrong on purpose
    said = refusal(SourceUnreachable, "s3://data/plant/a.csv", given)
    assert said.startswith("`s3://data/plant/a.csv` may not be read with these credentials")
    assert "wr0ng-s3cret" not in said


def test_without_a_key_the_request_is_anonymous(data: S3Server) -> None:
    given = Places(Path("/nowhere"), environment={"AWS_ENDPOINT_URL": data.environment["AWS_ENDPOINT_URL"]})
    assert "Access Denied" in refusal(SourceUnreachable, "s3://data/plant/a.csv", given)


def test_an_endpoint_that_does_not_answer_is_unreachable(data: S3Server) -> None:
    given = places(data, AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert "Could not connect" in refusal(SourceUnreachable, "s3://data/plant/a.csv", given)


def test_an_endpoint_at_a_private_address_needs_permission(data: S3Server) -> None:
    said = refusal(SourceNotAllowed, "s3://data/plant/a.csv", places(data, "public"))
    assert said == (
        f"the source leads to 127.0.0.1, port {data.port}, which is not public: "
        f"if it is meant, add {{cidr: 127.0.0.1/32, port: {data.port}}} to spec.network.allowTo"
    )
    assert SECRET_KEY not in said
    with located("s3://data/plant/a.csv", places(data, "public", f"127.0.0.0/8:{data.port}")) as files:
        assert len(files) == 1
