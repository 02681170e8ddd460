"""Requests and replies of the plain ASGI path, and the headers that every response carries."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

import orjson

from pynomaly_inference.server.access.caller import Caller
from pynomaly_inference.server.rejected import ClientLeft, Rejected

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
PROBLEM = b"application/problem+json"

_EVERYWHERE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_NOTHING_LOADS = b"default-src 'none'; frame-ancestors 'none'"
_PAGE_LOADS = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_LOAD = _PAGE_LOADS.replace(b"style-src 'self'", b"style-src 'self' 'unsafe-inline'")
"""Swagger UI sets styles from its script; scripts stay the server's own."""

API_HEADERS: Headers = [
    *_EVERYWHERE,
    (b"content-security-policy", _NOTHING_LOADS),
    (b"cache-control", b"no-store"),
]
PAGE_HEADERS: Headers = [*_EVERYWHERE, (b"content-security-policy", _PAGE_LOADS), (b"cache-control", b"no-cache")]
DOCS_HEADERS: Headers = [*_EVERYWHERE, (b"content-security-policy", _DOCS_LOAD), (b"cache-control", b"no-cache")]


def security_headers(path: str) -> Headers:
    """The headers that a response on this path carries besides its own."""
    if path == "/" or path.startswith("/static/"):
        return PAGE_HEADERS
    if path == "/docs" or path.startswith("/docs/"):
        return DOCS_HEADERS
    return API_HEADERS


class Head(NamedTuple):
    """What a scoring route sees of a request before its body. headers: by lower-case name, the last of each."""

    headers: Mapping[bytes, bytes]
    query: bytes
    caller: Caller


CALLER = "pynomaly.caller"
"""Where a scope tells who asks."""


def head_of(scope: Scope) -> Head:
    """The head of a request that came through ASGI."""
    return Head(dict(scope["headers"]), scope["query_string"], scope[CALLER])


def peer_of(scope: Scope) -> str:
    """The address of the connection's other end."""
    client = scope.get("client")
    return client[0] if client else ""


async def read_body(headers: Mapping[bytes, bytes], receive: Receive, most: int | None) -> bytes:
    """The whole body of at most so many bytes, declared or not.

    Raises Rejected 413 as soon as it is known to be larger, ClientLeft when the connection ends first.
    """
    check_length(headers, most)
    message = await receive()
    parts, size = [], 0
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if most is not None and size > most:
            raise too_large(most)
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)
        message = await receive()
    raise ClientLeft


def check_length(headers: Mapping[bytes, bytes], most: int | None) -> None:
    """Raises Rejected 413 when the declared length is beyond the limit."""
    declared = headers.get(b"content-length", b"0")
    if most is not None and declared.isdigit() and int(declared) > most:
        raise too_large(most)


class Reply(NamedTuple):
    """A response in one piece; `headers` are those besides the media type and the length."""

    status: int
    media: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send, extra: Headers) -> None:
        """Sends it with these headers besides its own."""
        headers = [(b"content-type", self.media), *self.headers, *extra, (b"content-length", b"%d" % len(self.body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def too_large(most: int) -> Rejected:
    """The body is beyond the limit."""
    return Rejected(413, f"the body is larger than {most / 2**20:g} MiB: send fewer rows in one request")


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    421: "Misdirected Request",
    422: "Unprocessable Content",
    431: "Request Header Fields Too Large",
    504: "Gateway Timeout",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_UNAUTHORIZED = (b"www-authenticate", b'Bearer realm="pynomaly"')


def failure(path: str, rejected: Rejected) -> Reply:
    """The answer to a request that cannot be answered, in the form of its protocol."""
    own = rejected.headers or ((_UNAUTHORIZED,) if rejected.status == 401 else ())  # noqa: PLR2004 - HTTP's own number
    if path.startswith(("/v2", "/v1/models")):
        return Reply(rejected.status, JSON, orjson.dumps({"error": rejected.detail}), own)
    return Reply(rejected.status, PROBLEM, problem(rejected), own)


def problem(rejected: Rejected) -> bytes:
    """RFC 9457; `row` and `feature` are extension members."""
    members = {
        "type": "about:blank",
        "title": TITLES.get(rejected.status, "Error"),
        "status": rejected.status,
        "detail": rejected.detail,
        "row": rejected.row,
        "feature": rejected.feature,
    }
    return orjson.dumps({name: value for name, value in members.items() if value is not None})
