"""An issuer's public keys: RFC 7517, and which algorithms each of them may be used with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt

_BY_TYPE = {
    "RSA": ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    "P-256": ("ES256",),
    "P-384": ("ES384",),
    "P-521": ("ES512",),
    "Ed25519": ("EdDSA",),
}
"""By the key's curve, or its type where it has none. A symmetric key is none that an issuer could publish."""
_LEAST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key as PyJWT takes it, and the names of the algorithms that a token may be signed with."""

    key: Any
    algorithms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys by `kid`; the one without is under None."""

    keys: Mapping[str | None, IssuerKey]

    def find(self, kid: str | None) -> IssuerKey | None:
        """The key with this id; a token that names none is by the only key."""
        if kid is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(kid)


def parse_key_set(content: bytes) -> KeySet:
    """The keys of a JWK set that tokens can be signed with, others left out; raises ValueError when there is none."""
    try:
        document = json.loads(content)
    except RecursionError as error:
        raise ValueError("it is no JSON Web Key Set") from error
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("it is no JSON Web Key Set: it has no list `keys`")  # noqa: TRY004 - of content, not of a call
    found: dict[str | None, IssuerKey] = {}
    for each in listed:
        key = _key(each) if isinstance(each, dict) else None
        if key is not None:
            found[each.get("kid")] = key
    if not found:
        raise ValueError("it has no key for signatures by RS, PS, ES or EdDSA; RSA keys need 2048 bits")
    return KeySet(found)


def _key(listed: dict[str, Any]) -> IssuerKey | None:
    possible = _BY_TYPE.get(str(listed.get("crv") or listed.get("kty")), ())
    stated = listed.get("alg")
    algorithms = possible if stated is None else tuple(name for name in possible if name == stated)
    kid = listed.get("kid")
    if not algorithms or listed.get("use", "sig") != "sig" or not (kid is None or isinstance(kid, str)):
        return None
    public = {name: value for name, value in listed.items() if name not in _PRIVATE}
    try:
        key = jwt.PyJWK(public, algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if listed["kty"] == "RSA" and key.key_size < _LEAST_RSA_BITS:
        return None
    return IssuerKey(key, algorithms)


_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
