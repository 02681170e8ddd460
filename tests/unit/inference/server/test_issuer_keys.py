"""An issuer's keys, published by a real server or in a file."""

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.unit.inference.server.access_issuer import (
    AUDIENCE,
    NAME,
    NOW,
    OTHER_RSA,
    RSA,
    Clock,
    Jwks,
    key_set,
    public,
    token,
)

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.server.access.caller import Refused
from pynomaly_inference.server.access.issuer_keys import KEEP_SECONDS, RETRY_SECONDS, IssuerKeys
from pynomaly_inference.server.access.key_set import parse_key_set
from pynomaly_inference.server.access.tokens import Tokens, Trust


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
