"""An issuer's keys, kept up to date: read from a file or a URL, again by time and when a token names an unknown one."""

import asyncio
import logging
import ssl
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from time import monotonic
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.server.access.key_set import IssuerKey, KeySet, parse_key_set

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 300.0
FILE_REFRESH_SECONDS = 5.0
RETRY_SECONDS = 10.0
"""The least time between two reads that tokens with unknown keys cause, and until a failed read is tried again."""
KEEP_SECONDS = 24 * 3600.0
"""How long keys stay valid while no others can be read."""
FETCH_SECONDS = 5.0
MOST_BYTES = 1024 * 1024


class IssuerKeys:
    """The keys at `source`: the URL, or the path, of a JSON Web Key Set. now: a clock that only goes forward."""

    def __init__(self, source: str, now: Callable[[], float] = monotonic) -> None:
        """Reads a file at once; raises ResourceInvalid when it has no keys."""
        self._source = source
        self._is_url = "://" in source
        self._now = now
        self._reading = asyncio.Lock()
        self._asked: float | None = None
        self._read_at: float | None = None
        self._content = b""
        self._set = KeySet({})
        self.changes = 0
        """Grows whenever the keys change."""
        self.stale = False
        """True while the source cannot be read."""
        if not self._is_url:
            try:
                self._take(read_source(source))
            except (OSError, ValueError) as error:
                raise ResourceInvalid(f"cannot read the issuer's keys in `{source}`: {error}") from error

    @property
    def known(self) -> bool:
        """Whether there are keys to judge a token by."""
        return len(self._set.keys) > 0

    async def find(self, kid: str | None) -> IssuerKey | None:
        """The key with this id; an unknown one has the keys read again, unless they just were."""
        found = self._set.find(kid)
        if found is not None:
            return found
        await self._reread_for(kid)
        return self._set.find(kid)

    async def watch(self) -> None:
        """Reads the keys again and again, until cancelled."""
        while True:
            await self.refresh()
            every = REFRESH_SECONDS if self._is_url else FILE_REFRESH_SECONDS
            await asyncio.sleep(min(every, RETRY_SECONDS) if self.stale else every)

    async def refresh(self) -> None:
        """Takes the keys as they are now; while they cannot be read, those read before stay valid for a day."""
        async with self._reading:
            await self._refresh()

    async def _reread_for(self, kid: str | None) -> None:
        async with self._reading:  # who waited for another's read need not read again
            if self._set.find(kid) is None and (self._asked is None or self._now() - self._asked >= RETRY_SECONDS):
                await self._refresh()

    async def _refresh(self) -> None:
        self._asked = self._now()
        try:
            self._take(await asyncio.to_thread(read_source, self._source))
        except (OSError, HTTPException, ValueError) as error:
            if not self.stale:
                _log.warning("cannot read the issuer's keys at %s: %s", self._source, error)
            self.stale = True
            if self._read_at is not None and self._now() - self._read_at >= KEEP_SECONDS:
                self._replace(KeySet({}))

    def _take(self, content: bytes) -> None:
        if content != self._content:
            self._replace(parse_key_set(content))
            self._content = content
            _log.info("read %d keys of the issuer from %s", len(self._set.keys), self._source)
        self._read_at = self._now()
        self.stale = False

    def _replace(self, keys: KeySet) -> None:
        self._set = keys
        self._content = b""
        self.changes += 1


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follows none: the keys are where the configuration says."""


def read_source(source: str) -> bytes:
    """The content of a URL, asked directly and without redirects, or of a file.

    Raises OSError, HTTPException or ValueError.
    """
    if "://" not in source:
        return Path(source).read_bytes()
    opener = build_opener(ProxyHandler({}), _NoRedirects())
    request = Request(source, headers={"Accept": "application/jwk-set+json, application/json"})  # noqa: S310 - the settings take http and https only
    until = monotonic() + FETCH_SECONDS
    content = b""
    try:
        with opener.open(request, timeout=FETCH_SECONDS) as response:
            while part := response.read1(MOST_BYTES):
                content += part
                if len(content) > MOST_BYTES:
                    raise ValueError("there is more than 1 MiB")
                if monotonic() > until:
                    raise TimeoutError(f"it takes longer than {FETCH_SECONDS:g} seconds")
    except (URLError, ssl.SSLError) as error:
        raise OSError(str(error)) from error
    return content
