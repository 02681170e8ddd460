"""Tokens signed by real keys."""

import asyncio
import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
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
    PUBLISHED,
    RSA,
    Clock,
    claims,
    key_set,
    public,
    token,
)

from pynomaly_inference.server.access.caller import Caller, Refused
from pynomaly_inference.server.access.issuer_keys import IssuerKeys
from pynomaly_inference.server.access.tokens import Tokens, Trust


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
