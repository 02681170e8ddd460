"""The WebSocket `/v1/stream`."""

import json

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin


def address(client: httpx.Client, query: str = "") -> str:
    return f"ws://{client.base_url.host}:{client.base_url.port}/v1/stream{query}"


def test_a_websocket_answers_each_message_as_a_body_of_v1_score(client: httpx.Client) -> None:
    with connect(address(client, "?explain=true")) as messages:
        for rows in ([[1, 2]], [[3, 4], [1, 0]], [[1.0, 1.0]] * 5000):
            messages.send(json.dumps({"rows": rows}))
            answer = json.loads(messages.recv(timeout=10))
            assert answer == client.post("/v1/score?explain=true", json={"rows": rows}).json()
        messages.send(b'{"records":[{"a":1,"b":2}]}')
        assert json.loads(messages.recv(timeout=10))["scores"] == [2.0]


def test_a_wrong_message_gets_its_problem_and_the_connection_goes_on(client: httpx.Client) -> None:
    with connect(address(client)) as messages:
        for text in ("", "{", '{"rows":[[1]]}', '{"rows":[[1,null]]}', b"\xff"):
            messages.send(text)
        messages.send('{"rows":[[1,2]]}')
        answers = [json.loads(messages.recv(timeout=10)) for _ in range(6)]

    assert [answer.get("status", 200) for answer in answers] == [400, 400, 422, 422, 400, 200]
    assert answers[2]["detail"] == "row 1 has 1 values; the model takes 2: `a`, `b`"
    assert answers[5]["scores"] == [2.0]


def test_a_message_beyond_the_limit_closes_the_connection(client: httpx.Client) -> None:
    with connect(address(client)) as messages:
        messages.send('{"rows":[[1,2]]}'.ljust(2**20 + 1))
        with pytest.raises(ConnectionClosed) as closed:
            messages.recv(timeout=10)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_websocket_needs_a_key_where_scoring_does(keyed: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(address(keyed)):
        pass
    assert refused.value.response.status_code == 401
    assert b"a valid key is needed" in refused.value.response.body
    with connect(address(keyed), additional_headers={"X-API-Key": "secret"}) as messages:
        messages.send('{"rows":[[1,2]]}')
        assert json.loads(messages.recv(timeout=10))["scores"] == [2.0]


def test_pages_of_other_origins_open_no_websocket(client: httpx.Client) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(address(client), origin=Origin("http://elsewhere.example")):
        pass
    assert refused.value.response.status_code == 403
    own = f"http://{client.base_url.host}:{client.base_url.port}"
    with connect(address(client), origin=Origin(own)) as messages:
        messages.send('{"rows":[[1,2]]}')
        assert json.loads(messages.recv(timeout=10))["scores"] == [2.0]


def test_another_path_is_no_websocket(client: httpx.Client) -> None:
    with pytest.raises(InvalidStatus), connect(address(client).replace("/v1/stream", "/v1/score")):
        pass
