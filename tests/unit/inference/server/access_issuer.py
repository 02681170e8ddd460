"""An issuer of tokens: real keys, a real HTTP server for their public halves, real signatures."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

NAME = "https://login.example.com/"
AUDIENCE = "scores"
NOW = 1_800_000_000

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
P384 = ec.generate_private_key(ec.SECP384R1())
ED25519 = ed25519.Ed25519PrivateKey.generate()


def public(key: Any, **members: Any) -> dict[str, Any]:
    """The public half as a JWK."""
    made = next(
        algorithm
        for kind, algorithm in (
            (rsa.RSAPrivateKey, RSAAlgorithm),
            (ec.EllipticCurvePrivateKey, ECAlgorithm),
            (ed25519.Ed25519PrivateKey, OKPAlgorithm),
        )
        if isinstance(key, kind)
    ).to_jwk(key.public_key(), as_dict=True)
    return {**{name: value for name, value in made.items() if name != "key_ops"}, **members}


def key_set(*keys: dict[str, Any]) -> bytes:
    """The document that publishes these keys."""
    return json.dumps({"keys": keys}).encode()


def claims(**changed: Any) -> dict[str, Any]:
    """Claims that are in order; one that is set to None is left out."""
    whole = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "exp": NOW + 600, "scope": "score", **changed}
    return {name: value for name, value in whole.items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "a", **changed: Any) -> str:
    """A signed token with these claims."""
    return jwt.encode(claims(**changed), key, algorithm, headers=None if kid is None else {"kid": kid})


class Jwks:
    """What the server answers, and how often it was asked."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.status = 200
        self.location = ""
        self.asked = 0
        self.url = ""


@contextmanager
def published(content: bytes) -> Iterator[Jwks]:
    """An HTTP server on loopback that publishes keys."""
    jwks = Jwks(content)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            jwks.asked += 1
            self.send_response(jwks.status)
            if jwks.location:
                self.send_header("Location", jwks.location)
            self.send_header("Content-Length", str(len(jwks.content)))
            self.end_headers()
            self.wfile.write(jwks.content)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        jwks.url = f"http://127.0.0.1:{server.server_address[1]}/jwks"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield jwks
        finally:
            server.shutdown()
            thread.join(10)


PUBLISHED = key_set(
    public(RSA, kid="a"), public(P256, kid="b"), public(P384, kid="c"), public(ED25519, kid="d"),
    public(OTHER_RSA, kid="e", alg="PS256"),
)  # fmt: skip


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now
