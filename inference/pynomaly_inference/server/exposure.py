"""Which hosts a server answers as, and which other origins' pages may ask it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware

from pynomaly_inference.server.http import Asgi
from pynomaly_inference.server.rejected import Rejected

_ASKED_WITH = ("Authorization", "Content-Encoding", "Content-Type", "Inference-Header-Content-Length", "X-API-Key")
_TOLD = ("Inference-Header-Content-Length", "RateLimit", "RateLimit-Policy", "Retry-After")


@dataclass(frozen=True, slots=True)
class Exposure:
    """hosts: names by which the server may be addressed, `*.example.com` for all below one; none: by any.

    origins: of pages, besides the server's own, that may ask, as browsers write them; `*` for any.
    """

    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    def is_plain(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether a request is no page's of an origin to be told apart, and for a host of this server."""
        return not (self.origins and b"origin" in headers) and self.is_host(headers)

    def is_host(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the request is for a host of this server."""
        return not self.hosts or _is_named(headers.get(b"host", b""), self.hosts)

    def is_allowed_origin(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the page that asks is of an origin that may."""
        return "*" in self.origins or headers.get(b"origin", b"").decode("latin-1") in self.origins


@lru_cache(maxsize=1024)
def _is_named(given: bytes, hosts: tuple[str, ...]) -> bool:
    try:
        found = urlsplit(b"//" + given).hostname
    except ValueError:
        return False
    if found is None:
        return False
    name = found.decode("latin-1")
    return any(name.endswith(host[1:]) if host.startswith("*.") else name == host for host in hosts)


def not_this_host() -> Rejected:
    """The answer to a request for another host."""
    return Rejected(421, "the server does not go by this name: address it by one that it is configured with")


def cross_origin(app: Asgi, origins: tuple[str, ...]) -> Asgi:
    """The application; before it, what answers browsers' questions about requests of pages of these origins."""
    return CORSMiddleware(app, origins, allow_methods=("GET", "POST"), allow_headers=_ASKED_WITH, expose_headers=_TOLD)
