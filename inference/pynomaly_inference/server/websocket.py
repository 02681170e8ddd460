"""Whom a WebSocket is opened for."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from pynomaly_inference.server.http import API_HEADERS, Reply, Send
from pynomaly_inference.server.rejected import Rejected

FOREIGN_ORIGIN = Rejected(403, "a page of another origin may not open a WebSocket here")


def is_own_origin(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a handshake comes from no page, or from one of this server.

    Browsers send any page's WebSocket to any server, without the questions that they ask before other requests.
    Source: RFC 6455, section 10.2.
    """
    origin = headers.get(b"origin")
    if origin is None:
        return True
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()
    except ValueError:
        return False


async def refuse_handshake(send: Send, reply: Reply) -> None:
    """Answers a handshake as a request, by ASGI's extension for it."""
    headers = [
        (b"content-type", reply.media),
        *reply.headers,
        *API_HEADERS,
        (b"content-length", b"%d" % len(reply.body)),
    ]
    await send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": reply.body})
