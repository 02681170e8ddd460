"""API keys: read from where they are mounted, kept as hashes, compared in constant time."""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping
from pathlib import Path

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.server.access.caller import ALL_SCOPES, Caller

_log = logging.getLogger(__name__)
_BEARER = b"bearer "
POLL_SECONDS = 1.0
_Fingerprint = tuple[tuple[str, int, int, int], ...]

OPEN_PATHS = frozenset({"/", "/docs", "/openapi.json", "/health"})
OPEN_FOLDERS = ("/health/", "/v2/health/", "/static/", "/docs/")


def is_open(path: str) -> bool:
    """Whether a path is answered without a key: health, and pages that hold nothing of a model."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


class Keys:
    """The keys that are valid now. source: see `ServerSettings.keys`. scopes: what a key is good for."""

    def __init__(self, source: Path | None, scopes: frozenset[str] = ALL_SCOPES) -> None:
        """Reads the keys; raises ResourceInvalid when there are none to read."""
        self._source = source
        self._scopes = scopes
        self._hashes: tuple[bytes, ...] = ()
        self._callers: tuple[Caller, ...] = ()
        self._seen: _Fingerprint = ()
        self.stale = False
        """True while the source cannot be read and the keys read before stay valid."""
        if source is not None:
            self._seen = _fingerprint(source)
            self._take(_read(source))

    @property
    def required(self) -> bool:
        """Whether a request must carry a key."""
        return self._source is not None

    def find(self, headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whose key these request headers carry, in `X-API-Key` or as a bearer token; None for no valid one."""
        key = headers.get(b"x-api-key")
        if key is None:
            key = bearer_of(headers)
            if key is None:
                return None
        given = _hash(key)
        # Every stored key is compared, so that the time tells nothing of which one fits.
        found = [hmac.compare_digest(given, stored) for stored in self._hashes]
        return self._callers[found.index(True)] if True in found else None

    async def watch(self) -> None:
        """Rereads the keys whenever they change, until cancelled; a mounted Secret changes by a swapped symlink."""
        while self._source is not None:
            await asyncio.sleep(POLL_SECONDS)
            self.reread()

    def reread(self) -> None:
        """Takes the keys as they are now; keys that cannot be read leave the old ones valid, with a warning."""
        if self._source is None:
            return
        try:
            seen = _fingerprint(self._source)
            if seen == self._seen and not self.stale:
                return
            self._take(_read(self._source))
        except ResourceInvalid as error:
            if not self.stale:
                _log.warning("the keys read before stay valid: %s", error)
            self.stale = True
            return
        self._seen = seen
        self.stale = False
        _log.info("read %d keys from %s", len(self._hashes), self._source)

    def _take(self, hashes: tuple[bytes, ...]) -> None:
        self._hashes = hashes
        self._callers = tuple(Caller(f"key:{each[:8].hex()}", self._scopes) for each in hashes)


def bearer_of(headers: Mapping[bytes, bytes]) -> bytes | None:
    """What `Authorization: Bearer` carries."""
    authorization = headers.get(b"authorization", b"")
    return authorization[len(_BEARER) :].strip() if authorization[: len(_BEARER)].lower() == _BEARER else None


def _hash(key: bytes) -> bytes:
    # Keys are random and long; BLAKE2 is the cheapest hash of the standard library for a single one.
    return hashlib.blake2b(key, digest_size=32).digest()


def _files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    # A mounted Secret keeps its data in hidden folders beside the links.
    return sorted(path for path in source.iterdir() if not path.name.startswith(".") and path.is_file())


def _fingerprint(source: Path) -> _Fingerprint:
    try:
        stats = [(path.name, path.stat()) for path in _files(source)]
    except OSError as error:
        raise _unreadable(source, error) from error
    return tuple((name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for name, stat in stats)


def _read(source: Path) -> tuple[bytes, ...]:
    try:
        contents = [path.read_bytes() for path in _files(source)]
    except OSError as error:
        raise _unreadable(source, error) from error
    lines = [line.strip() for content in contents for line in content.splitlines()]
    keys = [line for line in lines if line and not line.startswith(b"#")]
    if not keys:
        raise ResourceInvalid(f"`{source}` holds no key: write one key a line, or one a file in a folder")
    return tuple(_hash(key) for key in keys)


def _unreadable(source: Path, error: OSError) -> ResourceInvalid:
    return ResourceInvalid(f"cannot read the keys in `{source}`: {error.strerror}")
