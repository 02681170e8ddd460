"""JSON Web Tokens (RFC 7519) of one issuer as access tokens, in the spirit of RFC 9068 and RFC 8725."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import jwt

from pynomaly_inference.server.access.caller import ALL_SCOPES, Caller, Refused
from pynomaly_inference.server.access.issuer_keys import RETRY_SECONDS, IssuerKeys
from pynomaly_inference.server.access.key_set import IssuerKey

LEEWAY_SECONDS = 30
MOST_CHARACTERS = 16 * 1024
_REMEMBERED = 4096
_REQUIRED = ["exp", "iss", "aud", "sub"]
_SENTENCES: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "the token is expired: get a new one"),
    (jwt.ImmatureSignatureError, "the token is not valid yet: check the clocks"),
    (jwt.InvalidAlgorithmError, "the token is signed by an algorithm that its key is not for"),
    (jwt.InvalidSignatureError, "the token's signature is not its issuer's"),
)
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose tokens are taken (`iss`), and for whom they must be (`aud`)."""

    issuer: str
    audience: str


class Tokens:
    """Tells callers by their tokens. now: seconds since 1970, which tokens' times are compared with."""

    def __init__(self, trust: Trust, keys: IssuerKeys, now: Clock = time) -> None:
        self.trust = trust
        self.keys = keys
        self._now = now
        self._callers: dict[bytes, Caller] = {}
        self._changes = keys.changes

    def known(self, token: bytes) -> Caller | None:
        """The caller of a token that was verified before, by keys that are still the issuer's."""
        self._forget_old()
        caller = self._callers.get(_digest(token))
        return caller if caller is not None and self._now() < caller.until else None

    async def identify(self, token: bytes) -> Caller:
        """The caller of this token; raises Refused, with a sentence that says what is wrong with it."""
        known = self.known(token)
        if known is not None:
            return known
        if len(token) > MOST_CHARACTERS:
            raise _invalid("the token is larger than 16 KiB")
        key = await self._key(_header(token))
        self._forget_old()
        caller = _caller(self._verified(token, key))
        if len(self._callers) >= _REMEMBERED:
            self._callers.pop(next(iter(self._callers)))
        self._callers[_digest(token)] = caller
        return caller

    def _forget_old(self) -> None:
        """What was verified by keys that may be the issuer's no more must be verified anew."""
        if self._changes != self.keys.changes:
            self._callers.clear()
            self._changes = self.keys.changes

    async def _key(self, header: Mapping[str, Any]) -> IssuerKey:
        key = await self.keys.find(header.get("kid"))
        if key is not None:
            return key
        if not self.keys.known:
            wait = (b"retry-after", b"%d" % RETRY_SECONDS)
            raise Refused(503, f"the keys of {self.trust.issuer} cannot be read now: try again", (wait,))
        raise _invalid("the token is signed by a key that its issuer does not publish: get a new one")

    def _verified(self, token: bytes, key: IssuerKey) -> Mapping[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=key.algorithms,
                audience=self.trust.audience,
                issuer=self.trust.issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            self._check_times(claims)
        except jwt.InvalidAudienceError as error:
            raise _invalid(f"the token is not for `{self.trust.audience}`, which its claim aud must name") from error
        except jwt.InvalidIssuerError as error:
            raise _invalid(f"the token's claim iss is not `{self.trust.issuer}`") from error
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(f"the token lacks the claim {error.claim}") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise _invalid(_sentence(error)) from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        """By this object's clock, which PyJWT's own checks do not take."""
        now = self._now()
        if now >= _seconds(claims["exp"]) + LEEWAY_SECONDS:
            raise jwt.ExpiredSignatureError
        if now < _seconds(claims.get("nbf", 0)) - LEEWAY_SECONDS:
            raise jwt.ImmatureSignatureError


def _header(token: bytes) -> Mapping[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _invalid("the token is no JSON Web Token") from error


def _seconds(claim: object) -> float:
    if isinstance(claim, bool) or not isinstance(claim, int | float):
        raise jwt.DecodeError
    return claim


def _caller(claims: Mapping[str, Any]) -> Caller:
    return Caller(f"sub:{claims['sub']}", _scopes(claims) & ALL_SCOPES, claims["exp"] + LEEWAY_SECONDS)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Of `scope` (RFC 8693: separated by spaces) and `scp`, which some issuers write instead, also as a list."""
    found: set[str] = set()
    for claim in (claims.get("scope"), claims.get("scp")):
        if isinstance(claim, str):
            found.update(claim.split())
        elif isinstance(claim, list):
            found.update(each for each in claim if isinstance(each, str))
    return frozenset(found)


def _sentence(error: Exception) -> str:
    return next((sentence for kind, sentence in _SENTENCES if isinstance(error, kind)), "the token is no valid one")


def _invalid(sentence: str) -> Refused:
    return Refused(401, sentence, ((b"www-authenticate", b'Bearer realm="pynomaly", error="invalid_token"'),))


def _digest(token: bytes) -> bytes:
    return hashlib.blake2b(token, digest_size=32).digest()
