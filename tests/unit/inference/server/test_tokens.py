"""Tokens: signed by real keys that a real server publishes."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.inference.server.access_issuer import (
    AUDIENCE,
    ED25519,
    NAME,
    NOW,
    OTHER_RSA,
    P256,
    P384,
    RSA,
    Jwks,
    claims,
    key_set,
    public,
    published,
    token,
)
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.server.access.caller import Caller, Refused
from pynomaly_inference.server.access.issuer_keys import KEEP_SECONDS, RETRY_SECONDS, IssuerKeys
from pynomaly_inference.server.access.key_set import parse_key_set
from pynomaly_inference.server.access.tokens import LEEWAY_SECONDS, Tokens, Trust
from pynomaly_inference.server.settings import JwtSettings, ServerSettings, check_binding

PUBLISHED = key_set(
    public(RSA, kid="a"), public(P256, kid="b"), public(P384, kid="c"), public(ED25519, kid="d"),
    public(OTHER_RSA, kid="e", alg="PS256"),
)  # fmt: skip
ROWS = {"rows": [[1, 2]]}


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def jwks() -> Iterator[Jwks]:
    with published(PUBLISHED) as jwks:
        yield jwks


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(tmp_path: Path, clock: Clock) -> Tokens:
    """What judges tokens by the keys of a file, at the time `NOW`, which the clock moves."""
    path = tmp_path / "jwks.json"
    path.write_bytes(PUBLISHED)
    return Tokens(Trust(NAME, AUDIENCE), IssuerKeys(str(path), clock), lambda: NOW + clock.now)


def identify(tokens: Tokens, token: str | bytes) -> Caller:
    return asyncio.run(tokens.identify(token.encode() if isinstance(token, str) else token))


def refusal(tokens: Tokens, token: str | bytes) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        identify(tokens, token)
    return refused.value.status, refused.value.detail


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, name, "a") for name in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")]
    + [(P256, "ES256", "b"), (P384, "ES384", "c"), (ED25519, "EdDSA", "d"), (OTHER_RSA, "PS256", "e")],
)
def test_a_token_signed_by_a_published_key_tells_its_subject(
    tokens: Tokens, key: Any, algorithm: str, kid: str
) -> None:
    caller = identify(tokens, token(key, algorithm, kid))

    assert (caller.name, caller.scopes, caller.until) == ("sub:ada", frozenset({"score"}), NOW + 630)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"aud": "others"}, "the token is not for `scores`, which its claim aud must name"),
        ({"aud": ["others", "more"]}, "the token is not for `scores`, which its claim aud must name"),
        ({"aud": None}, "the token lacks the claim aud"),
        ({"iss": "https://login.example.com"}, f"the token's claim iss is not `{NAME}`"),
        ({"iss": None}, "the token lacks the claim iss"),
        ({"exp": NOW - 30}, "the token is expired: get a new one"),
        ({"exp": None}, "the token lacks the claim exp"),
        ({"exp": "tomorrow"}, "the token is no valid one"),
        ({"exp": True}, "the token is no valid one"),
        ({"nbf": NOW + 31}, "the token is not valid yet: check the clocks"),
        ({"nbf": "soon"}, "the token is no valid one"),
        ({"sub": None}, "the token lacks the claim sub"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused_with_a_sentence_about_it(
    tokens: Tokens, changed: dict[str, Any], sentence: str
) -> None:
    assert refusal(tokens, token(**changed)) == (401, sentence)


@pytest.mark.parametrize("changed", [{"exp": NOW - 29}, {"nbf": NOW + 30}, {"aud": ["others", AUDIENCE]}])
def test_clocks_may_differ_by_half_a_minute_and_a_token_may_be_for_several(
    tokens: Tokens, changed: dict[str, Any]
) -> None:
    assert identify(tokens, token(**changed)).name == "sub:ada"


def segment(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def test_a_token_without_a_signature_is_refused(tokens: Tokens) -> None:
    for algorithm in ("none", "None", "NONE"):
        unsigned = f"{segment({'alg': algorithm, 'kid': 'a', 'typ': 'JWT'})}.{segment(claims())}."
        assert refusal(tokens, unsigned) == (401, "the token is signed by an algorithm that its key is not for")


def test_the_published_key_is_no_secret_for_a_symmetric_signature(tokens: Tokens) -> None:
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    header, payload = segment({"alg": "HS256", "kid": "a", "typ": "JWT"}), segment(claims())
    signature = hmac.digest(pem, f"{header}.{payload}".encode(), "sha256")
    forged = f"{header}.{payload}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"

    assert refusal(tokens, forged) == (401, "the token is signed by an algorithm that its key is not for")


def test_a_key_is_for_the_algorithm_that_it_states(tokens: Tokens) -> None:
    assert refusal(tokens, token(OTHER_RSA, "RS256", "e")) == (
        401,
        "the token is signed by an algorithm that its key is not for",
    )


def test_a_token_signed_by_another_key_of_that_name_is_refused(tokens: Tokens) -> None:
    assert refusal(tokens, token(OTHER_RSA, "RS256", "a")) == (401, "the token's signature is not its issuer's")


def test_a_changed_token_is_refused(tokens: Tokens) -> None:
    header, _, signature = token().split(".")

    forged = f"{header}.{segment(claims(scope='score admin'))}.{signature}"

    assert refusal(tokens, forged) == (401, "the token's signature is not its issuer's")


def test_a_token_that_names_no_key_is_taken_only_where_there_is_one(tmp_path: Path, tokens: Tokens) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(key_set(public(RSA, kid="a")))
    single = Tokens(Trust(NAME, AUDIENCE), IssuerKeys(str(path)), lambda: NOW)

    assert identify(single, token(kid=None)).name == "sub:ada"
    assert refusal(tokens, token(kid=None))[0] == 401


@pytest.mark.parametrize(
    ("changed", "scopes"),
    [
        ({"scope": "score explain"}, {"score", "explain"}),
        ({"scope": None, "scp": ["score", "admin", 7]}, {"score", "admin"}),
        ({"scope": None, "scp": "explain score"}, {"score", "explain"}),
        ({"scope": "openid email scores"}, set()),
        ({"scope": None}, set()),
        ({"scope": {"score": True}}, set()),
    ],
)
def test_scopes_are_read_from_either_claim(tokens: Tokens, changed: dict[str, Any], scopes: set[str]) -> None:
    assert identify(tokens, token(**changed)).scopes == scopes


def test_a_token_is_verified_once_and_ends_when_it_expires(tokens: Tokens, clock: Clock) -> None:
    signed = token().encode()
    assert tokens.known(signed) is None

    caller = identify(tokens, signed)

    assert tokens.known(signed) is caller
    clock.now = 629.9
    assert tokens.known(signed) is caller
    clock.now = 630
    assert tokens.known(signed) is None
    assert refusal(tokens, signed) == (401, "the token is expired: get a new one")


@pytest.mark.parametrize(
    "bad",
    [b"", b"..", b"a.b.c", b"\xff.\xff.\xff", b"x" * 20_000, (base64.urlsafe_b64encode(b"[" * 6000) + b".e30.e30")],
    ids=["empty", "dots", "letters", "no text", "too large", "nested"],
)
def test_what_is_no_token_is_refused(tokens: Tokens, bad: bytes) -> None:
    assert refusal(tokens, bad)[0] == 401


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_no_bytes_break_the_reading_of_a_token(header: bytes, payload: bytes, signature: bytes) -> None:
    tokens = Tokens(Trust(NAME, AUDIENCE), _Published(), lambda: NOW)
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload, signature)]

    for bad in (b".".join(parts), b".".join((header, payload, signature)), header):
        assert refusal(tokens, bad)[0] == 401


class _Published(IssuerKeys):
    """The keys without a file: reading one for each example would be slow."""

    def __init__(self) -> None:
        super().__init__("https://login.example.com/keys", lambda: 0.0)
        self._asked = 0.0
        self._take(PUBLISHED)


@pytest.mark.parametrize(
    "keys",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [7, {}]}',
        b"[" * 100_000,
        key_set({"kty": "oct", "k": "c2VjcmV0", "kid": "a"}),
        key_set(public(RSA, kid="a", use="enc")),
        key_set(public(RSA, kid="a", alg="HS256")),
        key_set(public(RSA, kid=7)),
        key_set({**public(RSA, kid="a"), "n": "AQAB"}),
        key_set(public(rsa.generate_private_key(65537, 1024), kid="a")),  # noqa: S505 - what the test is about
    ],
)
def test_a_set_without_a_key_for_signatures_is_an_error(keys: bytes) -> None:
    with pytest.raises(ValueError, match=r"it |Expecting"):
        parse_key_set(keys)


def test_a_file_of_keys_that_cannot_be_read_is_an_error_at_the_start(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ResourceInvalid, match="cannot read the issuer's keys"):
            IssuerKeys(str(path))


def test_a_token_by_a_new_key_has_the_keys_read_again_but_not_again_and_again(jwks: Jwks, clock: Clock) -> None:
    async def story() -> None:
        keys = IssuerKeys(jwks.url, clock)
        tokens = Tokens(Trust(NAME, AUDIENCE), keys, lambda: NOW)
        old, new = token().encode(), token(OTHER_RSA, kid="new").encode()
        await tokens.identify(old)
        assert jwks.asked == 1

        jwks.content = key_set(public(OTHER_RSA, kid="new"))
        for _ in range(3):
            with pytest.raises(Refused, match="a key that its issuer does not publish"):
                await tokens.identify(new)
        assert jwks.asked == 1
        assert tokens.known(old) is not None

        clock.now += RETRY_SECONDS
        assert {caller.name for caller in await asyncio.gather(*[tokens.identify(new) for _ in range(5)])} == {
            "sub:ada"
        }
        assert jwks.asked == 2
        assert tokens.known(old) is None
        with pytest.raises(Refused, match="a key that its issuer does not publish"):
            await tokens.identify(old)

    asyncio.run(story())


def test_keys_stay_valid_for_a_day_while_no_others_can_be_read(jwks: Jwks, clock: Clock) -> None:
    async def story() -> None:
        keys = IssuerKeys(jwks.url, clock)
        await keys.refresh()
        jwks.status = 500

        clock.now += KEEP_SECONDS - 1
        await keys.refresh()
        assert keys.stale
        assert await keys.find("a") is not None

        clock.now += 1
        await keys.refresh()
        assert await keys.find("a") is None

        jwks.status = 200
        await keys.refresh()
        assert not keys.stale
        assert await keys.find("a") is not None

    asyncio.run(story())


def test_keys_are_not_looked_for_where_a_redirect_leads_nor_beyond_a_mebibyte(jwks: Jwks) -> None:
    async def unread() -> bool:
        keys = IssuerKeys(jwks.url)
        await keys.refresh()
        return keys.stale and not keys.known

    jwks.status, jwks.location = 302, jwks.url
    assert asyncio.run(unread())
    assert jwks.asked == 1
    jwks.status, jwks.location = 200, ""
    jwks.content += b" " * 2**20
    assert asyncio.run(unread())


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
