"""`/v1/stream`: NDJSON over one request."""

import asyncio
import json
import math
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pynomaly_inference.server.metrics import Metrics
from pynomaly_inference.server.protocols.answers import Asked
from pynomaly_inference.server.protocols.lines import MOST_LINE_BYTES, LineSplitter, score_lines
from pynomaly_inference.server.protocols.options import Options
from pynomaly_inference.server.rejected import ClientLeft
from pynomaly_inference.server.scorer import Scorer
from pynomaly_inference.server.settings import ServerSettings
from pynomaly_inference.server.streaming import Streams

NDJSON = {"content-type": "application/x-ndjson"}


def stream(client: httpx.Client, content: Any, query: str = "") -> list[Any]:
    response = client.post(f"/v1/stream{query}", content=content, headers=NDJSON)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_every_line_has_its_answer_however_the_lines_arrive(client: httpx.Client, size: int) -> None:
    content = b'[1,2]\n{"a":3,"b":4}\r\n\n[1,0]'

    answers = stream(client, pieces(content, size))

    assert [answer["score"] for answer in answers] == [2.0, 12.0, 0.0]
    assert [answer["label"] for answer in answers] == [0, 1, 0]
    assert answers[0] == {"score": 2.0, "label": 0, "probability": 0.2}


def test_a_line_that_is_no_row_gets_its_problem_and_harms_no_other(client: httpx.Client) -> None:
    lines = [
        b"[1,2]",
        b"[1,2",
        b"[1]",
        b'{"a":1}',
        b'[1,"x"]',
        b"[1,2],[3,4]",
        b"\xff",
        b"[1,1e999]",
        b"null",
        b"[[1,2]]",
        b"[3,4]",
    ]

    answers = stream(client, b"\n".join(lines))

    assert [answer.get("score") for answer in answers] == [2.0, *[None] * 9, 12.0]
    assert [answer.get("status", 200) for answer in answers] == [200, 400, 422, 422, 422, 400, 400, 400, 422, 422, 200]
    assert [answer.get("row") for answer in answers[1:-1]] == list(range(2, 11))
    assert answers[2]["detail"] == "row 3 has 1 values; the model takes 2: `a`, `b`"
    assert answers[3]["detail"] == "row 4 has no `b`"
    assert answers[4]["detail"] == "row 5: `b` is the text 'x'; it takes a number"
    assert answers[4]["feature"] == "b"


def test_a_row_without_a_finite_score_is_a_problem_of_its_own(table: Any, running: Any, variant: Any) -> None:
    with running(table(variant(logarithm=True)), ServerSettings()) as client:
        answers = stream(client, b"[1,0]\n[0,0]\n[-1,0]\nx\n[1,5]\n")

    assert [answer.get("score") for answer in answers] == [0.0, None, None, None, 0.0]
    assert answers[1]["detail"] == "row 2 scores -inf: the detector has no finite score for it"
    assert answers[2]["detail"] == "row 3 scores nan: the detector has no finite score for it"


def test_options_hold_for_the_whole_stream(client: httpx.Client) -> None:
    answers = stream(client, b"[1,2]\n[1,1]\n", "?threshold=1&explain=true&normalize=unify")

    assert [answer["label"] for answer in answers] == [1, 0]
    assert answers[0]["contributions"] == {"a": 0.0, "b": 2.0}
    assert answers[0]["probability"] == pytest.approx(math.tanh(0.2))


@pytest.mark.parametrize(
    ("query", "headers", "content", "status", "sentence"),
    [
        (
            "",
            {"content-type": "application/json"},
            b"[1,2]",
            415,
            "the stream is application/json: send application/x-",
        ),
        ("", NDJSON | {"content-encoding": "gzip"}, b"[1,2]", 415, "a stream is taken without Content-Encoding"),
        ("?model=other", NDJSON, b"[1,2]", 404, "no model `other` is loaded"),
        ("?top_contributions=x", NDJSON, b"[1,2]", 400, "`top_contributions` takes a whole number"),
        ("", NDJSON, b"", 400, "the stream is empty"),
        ("", NDJSON, b"\n\n", 400, "the stream is empty"),
        ("", NDJSON, b" " * (MOST_LINE_BYTES + 1), 413, "the body is larger than 1 MiB"),
    ],
)
def test_a_stream_that_cannot_begin_is_refused(
    client: httpx.Client, query: str, headers: dict[str, str], content: bytes, status: int, sentence: str
) -> None:
    response = client.post(f"/v1/stream{query}", content=content, headers=headers)

    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_a_line_beyond_the_limit_ends_the_stream_with_a_problem(client: httpx.Client) -> None:
    def content() -> Iterator[bytes]:
        yield b"[1,2]\n"
        yield b" " * (MOST_LINE_BYTES + 10)

    lines = stream(client, content())

    assert lines[0]["score"] == 2.0
    assert lines[1]["status"] == 413
    assert lines[1]["row"] == 2


def test_answers_come_while_the_request_is_still_sent(client: httpx.Client) -> None:
    head = b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10) as connection:
        connection.sendall(head + b"6\r\n[1,2]\n\r\n")
        received = b""
        while b'"score":2.0' not in received:
            received += connection.recv(65536)
        connection.sendall(b"6\r\n[3,4]\n\r\n0\r\n\r\n")
        while part := connection.recv(65536):
            received += part

    assert b'"score":12.0' in received
    assert received.endswith(b"0\r\n\r\n")


def test_a_stream_needs_a_key_where_scoring_does(keyed: httpx.Client) -> None:
    assert keyed.post("/v1/stream", content=b"[1,2]", headers=NDJSON).status_code == 401
    answer = keyed.post("/v1/stream", content=b"[1,2]", headers=NDJSON | {"x-api-key": "secret"})
    assert answer.json()["score"] == 2.0


def asked(table: Any, variant: Any) -> Asked:
    return Asked(next(iter(table(variant()))), Options())


def run(streams: Streams, asked: Asked, parts: list[bytes]) -> list[Any]:
    """The lines that come of a body that sends these parts and then nothing."""
    sent: list[Any] = []
    left = list(parts)

    async def receive() -> Any:
        if left:
            return {"type": "http.request", "body": left.pop(0), "more_body": True}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(streams.run(asked, receive, send))
    assert sent[0]["status"] == 200
    assert not sent[-1].get("more_body")
    return [json.loads(line) for message in sent[1:] for line in message["body"].splitlines()]


def test_a_stream_ends_with_a_problem_when_its_client_is_quiet(table: Any, variant: Any) -> None:
    models = table(variant())
    scorer = Scorer(Metrics(models, CollectorRegistry(), lambda: 0), None)

    lines = run(Streams(models, scorer, lambda: False, quiet=0.5), asked(table, variant), [b"[1,2]\n[3"])

    assert lines[0]["score"] == 2.0
    assert lines[1]["status"] == 408
    assert lines[1]["detail"] == "nothing came for 0.5 seconds: send rows, or end the body"


def test_a_stream_ends_with_a_problem_when_the_server_stops(table: Any, variant: Any) -> None:
    models = table(variant())
    scorer = Scorer(Metrics(models, CollectorRegistry(), lambda: 0), None)
    looks = iter([False, False, True])

    lines = run(
        Streams(models, scorer, lambda: next(looks)), asked(table, variant), [b"[1,2]\n", b"[3,4]\n", b"[5,6]\n"]
    )

    assert [line.get("score") for line in lines] == [2.0, 12.0, None]
    assert lines[2]["status"] == 503
    assert lines[2]["row"] == 3
    assert "send the rows that have no answer yet again" in lines[2]["detail"]


def test_a_client_that_does_not_read_loses_its_stream(table: Any, variant: Any) -> None:
    models = table(variant())
    streams = Streams(models, Scorer(Metrics(models, CollectorRegistry(), lambda: 0), None), lambda: False, quiet=0.2)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"[1,2]\n", "more_body": True}

    async def send(_: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ClientLeft):
        asyncio.run(streams.run(asked(table, variant), receive, send))


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8))
def test_lines_are_the_same_however_they_are_cut(content: bytes, cuts: list[int]) -> None:
    splitter, found = LineSplitter(), []
    edges = [0, *sorted(cuts), len(content)]
    for start, end in pairwise(edges):
        found += splitter.feed(content[start:end])
    found += splitter.end()

    assert found == [line for line in content.split(b"\n") if line.strip()]


line_texts = st.one_of(
    st.lists(st.integers(-9, 9), min_size=1, max_size=3).map(lambda row: json.dumps(row).encode()),
    st.dictionaries(st.sampled_from("abc"), st.integers(-9, 9), max_size=3).map(lambda row: json.dumps(row).encode()),
    st.sampled_from([b"[1,2],[3,4]", b"[1", b"2]", b"null", b"[1,NaN]", b"\xff", b"[1,1e999]", b"{}", b"[[1,2]]"]),
)


@given(st.lists(line_texts, min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_batch_answers_each_line_as_it_would_alone(table: Any, variant: Any, batch: list[bytes]) -> None:
    of = asked(table, variant)

    together = score_lines(of, batch, 1).answer.splitlines()

    alone = [score_lines(of, [line], index).answer.strip() for index, line in enumerate(batch, start=1)]
    assert together == alone
