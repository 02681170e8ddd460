"""What tokens open at a server, beside keys."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.unit.inference.server.access_issuer import (
    AUDIENCE,
    NAME,
    Jwks,
    token,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pynomaly_inference.server.access.tokens import LEEWAY_SECONDS
from pynomaly_inference.server.settings import JwtSettings, ServerSettings, check_binding

ROWS = {"rows": [[1, 2]]}


def settings(jwks: str, **more: Any) -> ServerSettings:
    return ServerSettings(jwt=JwtSettings(NAME, AUDIENCE, jwks), **more)


@pytest.fixture
def client(jwks: Jwks, tmp_path: Path, table: Any, running: Any, variant: Any) -> Iterator[httpx.Client]:
    """A server that takes tokens and the key `first`."""
    (tmp_path / "keys").write_text("first\n")
    with running(table(variant()), settings(jwks.url, keys=tmp_path / "keys")) as client:
        yield client


def bearer(**changed: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {token(**{'exp': time.time() + 60, **changed})}"}


INFER = {"inputs": [{"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]}]}
EXPLAINED = {**INFER, "outputs": [{"name": "contributions"}]}


def test_a_token_opens_what_its_scopes_say(client: httpx.Client) -> None:
    for path in ("/v1/score", "/v1/stream"):
        assert client.post(path, content=b"[1,2]\n", headers={**bearer(), "content-type": "application/x-ndjson"})
    assert client.post("/v1/score", json=ROWS, headers=bearer()).json()["scores"] == [2.0]
    assert client.get("/v1/card", headers=bearer()).status_code == 200
    for path, body in (
        ("/v1/score?explain=true", ROWS),
        ("/v1/stream?explain=true", [1, 2]),
        ("/v1/models/plant:explain", {"instances": [[1, 2]]}),
        ("/v2/models/plant/infer", EXPLAINED),
    ):
        headers = {"content-type": "application/x-ndjson"} if "stream" in path else {}
        refused = client.post(path, json=body, headers={**bearer(), **headers})
        assert refused.status_code == 403, path
        assert "needs the scope `explain`: ask the token's issuer for it" in refused.text
        assert refused.headers["www-authenticate"] == (
            'Bearer realm="pynomaly", error="insufficient_scope", scope="explain"'
        )
        allowed = client.post(path, json=body, headers={**bearer(scope="score explain"), **headers})
        assert allowed.status_code == 200, path


def test_metrics_are_for_admins_alone_where_there_are_tokens(client: httpx.Client) -> None:
    assert client.get("/metrics", headers=bearer(scope="admin")).status_code == 200
    for headers in (bearer(scope="score explain"), {"x-api-key": "first"}):
        refused = client.get("/metrics", headers=headers)
        assert refused.status_code == 403
        assert refused.json()["detail"] == (
            "what the server tells of itself needs the scope `admin`: ask the token's issuer for it"
        )
    assert client.post("/v1/score", json=ROWS, headers=bearer(scope="admin")).status_code == 403


def test_a_key_scores_and_explains_beside_tokens(client: httpx.Client) -> None:
    for headers in ({"x-api-key": "first"}, {"authorization": "Bearer first"}):
        assert client.post("/v1/score?explain=true", json=ROWS, headers=headers).status_code == 200


def test_a_request_without_either_is_told_of_both(client: httpx.Client) -> None:
    for headers in ({}, {"x-api-key": token()}, {"authorization": "Bearer second"}, {"authorization": "Basic x"}):
        refused = client.post("/v1/score", json=ROWS, headers=headers)
        assert refused.status_code == 401
        assert refused.json()["detail"] == (
            f"a token of {NAME} is needed, as Authorization: Bearer TOKEN, or a valid key, in X-API-Key"
        )
    expired = client.post("/v1/score", json=ROWS, headers=bearer(exp=time.time() - 60))
    assert (expired.status_code, expired.json()["detail"]) == (401, "the token is expired: get a new one")
    assert expired.headers["www-authenticate"] == 'Bearer realm="pynomaly", error="invalid_token"'


def test_a_websocket_is_opened_by_a_token_and_closed_when_it_expires(client: httpx.Client) -> None:
    url = str(client.base_url.join("/v1/stream")).replace("http", "ws")
    expires = time.time() + 2.5
    with connect(url, additional_headers=bearer(exp=expires - LEEWAY_SECONDS)) as socket:

        def score() -> list[float]:
            socket.send(json.dumps(ROWS))
            scores: list[float] = json.loads(socket.recv(5))["scores"]
            return scores

        assert score() == [2.0]
        time.sleep(expires - time.time())  # what the test is about
        with pytest.raises(ConnectionClosed, match="the token is expired"):
            score()


def test_tokens_wait_for_keys_that_cannot_be_read_and_health_says_so(
    jwks: Jwks, table: Any, running: Any, variant: Any
) -> None:
    jwks.status = 503
    with running(table(variant()), settings(jwks.url)) as client:
        refused = client.post("/v1/score", json=ROWS, headers=bearer())

        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "10"
        assert refused.json()["detail"] == f"the keys of {NAME} cannot be read now: try again"
        assert client.get("/health").json() == {
            "status": "degraded", "components": {"scoring": "ok", "tokens": "stale"}
        }  # fmt: skip
        assert client.post("/v1/score", json=ROWS).json()["detail"] == (
            f"a token of {NAME} is needed, as Authorization: Bearer TOKEN"
        )


def test_a_server_with_tokens_may_answer_strangers() -> None:
    check_binding(settings("https://login.example.com/keys", host="0.0.0.0"))  # noqa: S104 - what the test is about
