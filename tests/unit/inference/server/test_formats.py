"""`POST /v1/score` in every format of bodies."""

import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from pynomaly_inference.server.settings import ServerSettings

NDJSON = {"content-type": "application/x-ndjson"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}
CSV = {"content-type": "text/csv"}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def zones(table: Any, running: Any, variant: Any) -> Any:
    """A model with a category that takes missing values, at most 1,000 rows and 1 MiB."""
    models = table(variant(name="zones", category=True, missing=True))
    with running(models, ServerSettings(rows=1000, body_mib=1)) as client:
        yield client


def arrow(columns: Any, compression: str | None = None) -> bytes:
    table, out = pa.table(columns), io.BytesIO()
    with pa.ipc.new_stream(out, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table, max_chunksize=2)
    return out.getvalue()


def parquet(columns: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, **options)
    return out.getvalue()


def scores(client: httpx.Client, body: bytes, headers: dict[str, str]) -> Any:
    response = client.post("/v1/score", content=body, headers=headers)
    assert response.status_code == 200, response.text
    return response.json()["scores"]


def refusal(client: httpx.Client, body: bytes, headers: dict[str, str], status: int) -> Any:
    response = client.post("/v1/score", content=body, headers=headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()


ZONED = {"a": [1, 3, None], "b": [2.0, 4.0, 2.0], "zone": ["red", "blue", None]}
ZONED_SCORES = [4.0, 13.0, 2.0]


@pytest.mark.parametrize("lines", ["[1,2]\n[3,4]\n", "[1, 2]\r\n\n[3e0,4.0]", '{"b":2,"a":1}\n{"a":3,"b":4}\n'])
def test_ndjson_is_one_row_a_line(client: httpx.Client, lines: str) -> None:
    assert scores(client, lines.encode(), NDJSON) == [2.0, 12.0]


@pytest.mark.parametrize(
    ("body", "status", "sentence", "row"),
    [
        (b"", 400, "the body is empty: send one row a line", None),
        (b"\n \n", 400, "the body is empty", None),
        (b"[1,2]\n[3,4", 400, "row 2 is not JSON", 2),
        (b"[1,2],[3\n4]\n", 400, "row 1 is not JSON", 1),
        (b"[1,2],[3,4]\n", 400, "row 1 is not JSON", 1),
        (b"[1,2]\n[3,NaN]\n", 400, "a missing value is null", 2),
        (b"[1,2]\n[3]\n", 422, "row 2 has 1 values; the model takes 2", 2),
        (b"[1,2]\n[[3,4]]\n", 422, "row 2 has 1 values", 2),
        (b'[1,2]\n{"a":3,"b":4}\n', 422, "row 2 is an object; it takes a list of 2 values", 2),
        (b"[1,2]\n7\n", 422, "row 2 is 7; it takes a list", 2),
        (b"\xff\xfe\n", 400, "row 1 is not JSON", 1),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(
    client: httpx.Client, body: bytes, status: int, sentence: str, row: int | None
) -> None:
    document = refusal(client, body, NDJSON, status)

    assert sentence in document["detail"]
    assert document.get("row") == row


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_arrow_streams_are_read_with_every_kind_of_column(zones: httpx.Client, compression: str | None) -> None:
    plain = {"a": pa.array([1, 3, None], pa.int8()), "b": pa.array(ZONED["b"], pa.float32())}
    kinds = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    for kind in kinds:
        zone = pa.array(ZONED["zone"], pa.string()).cast(kind) if kind != pa.string() else pa.array(ZONED["zone"])
        assert scores(zones, arrow(plain | {"zone": zone}, compression), ARROW) == ZONED_SCORES


@pytest.mark.parametrize(
    "kind", [pa.uint8(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(10, 2)]
)
def test_numbers_of_any_width_are_numbers(client: httpx.Client, kind: pa.DataType) -> None:
    columns = {"a": pa.array([1, 3], kind), "b": pa.array([2, 4], pa.int16())}

    assert scores(client, parquet(columns), PARQUET) == [2.0, 12.0]
    if kind != pa.decimal128(10, 2):
        assert scores(client, arrow(columns), ARROW) == [2.0, 12.0]


def test_a_signalling_nan_is_a_missing_value(zones: httpx.Client) -> None:
    signalling = np.array([0x7F800001], np.uint32).view(np.float32)
    columns = {"a": pa.array(signalling), "b": [2.0], "zone": ["red"]}

    assert scores(zones, arrow(columns), ARROW) == [4.0]
    assert scores(zones, parquet(columns), PARQUET) == [4.0]


def test_booleans_and_numbers_of_categories_are_read_as_json_has_them(zones: httpx.Client) -> None:
    columns = {"a": [True, False], "b": [0.0, 0.0], "zone": [1.0, 2.0]}

    assert scores(zones, arrow(columns), ARROW) == [0.0, 1.0]
    assert scores(zones, arrow(columns | {"zone": pa.nulls(2)}), ARROW) == [0.0, 1.0]


@pytest.mark.parametrize("compression", ["NONE", "SNAPPY", "GZIP", "ZSTD", "LZ4", "BROTLI"])
def test_parquet_files_are_read_in_every_compression(zones: httpx.Client, compression: str) -> None:
    dictionary = pa.array(ZONED["zone"]).dictionary_encode()

    assert scores(zones, parquet(ZONED, compression=compression), PARQUET) == ZONED_SCORES
    assert scores(zones, parquet(ZONED | {"zone": dictionary}, row_group_size=1), PARQUET) == ZONED_SCORES


def test_columns_may_lack_where_they_are_imputed_and_others_are_ignored(zones: httpx.Client) -> None:
    columns = {"zone": ["red"], "b": [2.0], "note": ["?"], "when": pa.array([0], pa.timestamp("us"))}
    before = ignored(zones)

    for body, headers in [
        (arrow(columns), ARROW),
        (parquet(columns), PARQUET),
        (b"zone,b,note,when\nred,2,?,0\n", CSV),
        (b'{"zone":"red","b":2,"note":"?","when":0}\n', NDJSON),
        (b'{"records":[{"zone":"red","b":2,"note":"?","when":0}]}', JSON),
    ]:
        assert scores(zones, body, headers) == [4.0]

    assert ignored(zones) - before == 10


def ignored(client: httpx.Client) -> float:
    name = "pynomaly_ignored_columns_total{"
    return sum(float(line.split()[-1]) for line in client.get("/metrics").text.splitlines() if line.startswith(name))


@pytest.mark.parametrize(("encode", "headers"), [(arrow, ARROW), (parquet, PARQUET)])
def test_a_wrong_table_is_refused_with_what_to_change(
    client: httpx.Client, zones: httpx.Client, encode: Callable[..., bytes], headers: dict[str, str]
) -> None:
    refused = [
        (client, {"a": [1.0]}, "has no `b`", None, "b"),
        (client, {"a": [1.0, None], "b": [1.0, 1.0]}, "row 2: `a` is missing, and this model takes no", 2, "a"),
        (client, {"a": [1.0, 2, np.inf], "b": [1.0, 1, 1]}, "row 3: `a` is infinite", 3, "a"),
        (client, {"a": [1.0, np.nan], "b": [1.0, 1.0]}, "row 2: `a` is missing", 2, "a"),
        (client, {"a": ["1"], "b": [1.0]}, "column `a` is text; it takes numbers", None, "a"),
        (client, {"a": [[1.0]], "b": [1.0]}, "column `a` is List(", None, "a"),
        (
            client,
            {"a": pa.array([], pa.float64()), "b": pa.array([], pa.float64())},
            "the body has no rows",
            None,
            None,
        ),
        (zones, {"zone": [[1]], "b": [1.0]}, "column `zone` is List(", None, "zone"),
        (zones, {"x": [1]}, "there is none of the model's features: it takes", None, None),
    ]
    for server, columns, sentence, row, feature in refused:
        document = refusal(server, encode(columns), headers, 422)
        assert sentence in document["detail"]
        assert document.get("row") == row
        assert feature is None or document.get("feature") == feature


@pytest.mark.parametrize("headers", [ARROW, PARQUET])
def test_a_body_that_is_no_table_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    bodies = [b"", b"a,b\n1,2\n", b"PAR1" + bytes(30) + b"PAR1", b"\xff\xff\xff\xff\x10\0\0\0", b"\xff" * 64]
    for body in [*bodies, arrow({"a": [1.0], "b": [2.0]})[:100], parquet({"a": [1.0], "b": [2.0]})[:-5]]:
        assert refusal(client, body, headers, 400)["detail"].startswith("the body is ")


def test_a_limit_of_rows_holds_before_a_table_is_decoded(zones: httpx.Client) -> None:
    few = {"a": np.zeros(1001), "b": np.zeros(1001), "zone": [""] * 1001}

    for body, headers in ((arrow(few), ARROW), (arrow(few, "zstd"), ARROW), (parquet(few), PARQUET)):
        assert "1000" in refusal(zones, body, headers, 413)["detail"]
    nothing = parquet({"b": pa.nulls(20_000_000, pa.float64()), "zone": pa.nulls(20_000_000, pa.string())})
    assert len(nothing) < 100_000
    assert refusal(zones, nothing, PARQUET, 413)["detail"] == "the request has more than 1000 rows: split it"


CODINGS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
}


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_bodies_score_as_they_do_plain(zones: httpx.Client, coding: str) -> None:
    body = b'{"rows":[[1,2,"red"]]}'
    name, compress = {"content-encoding": coding}, CODINGS[coding]

    assert scores(zones, compress(body), JSON | name) == [4.0]
    assert scores(zones, compress(body[:9]) + compress(body[9:]), JSON | name) == [4.0]
    assert scores(zones, compress(arrow(ZONED)), ARROW | name) == ZONED_SCORES
    oip = zones.post("/v1/models/zones:predict", content=compress(b'{"instances":[[1,2,"red"]]}'), headers=name)
    assert oip.json()["predictions"][0]["score"] == 4.0


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_or_a_damaged_compressed_body_is_refused(zones: httpx.Client, coding: str) -> None:
    headers, compress = JSON | {"content-encoding": coding}, CODINGS[coding]
    bomb = compress(b'{"rows":[[1,2,"red"]]}' + b" " * 2**26)
    whole = compress(b'{"rows":[[1,2,"red"]]}')

    assert len(bomb) < 2**20
    assert (
        refusal(zones, bomb, headers, 413)["detail"] == "the body is larger than 1 MiB: send fewer rows in one request"
    )
    for body in (b"", whole[:-3], whole[:5], b"x" + whole, whole + b"x", b'{"rows":[[1,2,"red"]]}'):
        assert "as its Content-Encoding says" in refusal(zones, body, headers, 400)["detail"]


def test_another_content_coding_is_refused(client: httpx.Client) -> None:
    detail = refusal(client, b"...", JSON | {"content-encoding": "br"}, 415)["detail"]

    assert detail == "the body's Content-Encoding is br: send gzip, deflate, zstd or none of them"
    assert scores(client, b'{"rows":[[1,2]]}', JSON | {"content-encoding": "identity"}) == [2.0]
