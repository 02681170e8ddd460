"""`http(s)://` sources, streamed into a temporary file."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from pynomaly_inference.datasets.formats import (
    KNOWN_SUFFIXES,
    Compression,
    Format,
    SourceFile,
    format_from_content_type,
    format_from_name,
)
from pynomaly_inference.datasets.remote import Remote
from pynomaly_inference.errors import DataRejected, ResourceInvalid, SourceUnreachable

MAX_REDIRECTS = 5
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_ENCODINGS = {"": None, "identity": None, "gzip": Compression.GZIP, "zstd": Compression.ZSTD}


def fetch(remote: Remote, folder: Path, *, timeout: httpx.Timeout = TIMEOUT) -> tuple[SourceFile, ...]:
    """The one file behind the URL.

    The format is that of the URL's suffix, else of the Content-Type. Raises SourceUnreachable for everything that
    another try may cure, with the URL but not its credentials or query. Redirects to another host get no password.
    """
    shown = redacted(remote.uri)
    path = folder / "download"
    try:
        found = _download(remote, path, timeout)
    except httpx.TimeoutException as error:
        raise SourceUnreachable(f"`{shown}` timed out") from error
    except httpx.TooManyRedirects as error:
        raise SourceUnreachable(f"`{shown}` redirects more than {MAX_REDIRECTS} times") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ResourceInvalid(f"`{shown}` is no URL that can be fetched, or redirects to one: {error}") from error
    except httpx.HTTPError as error:
        raise SourceUnreachable(f"`{shown}` cannot be fetched: {error}") from error
    except OSError as error:
        raise SourceUnreachable(f"`{shown}` cannot be stored in `{folder}`: {error.strerror}") from error
    return (SourceFile(path, shown, found),)


def redacted(url: str) -> str:
    """The URL without user, password, query and fragment, which may all hold secrets."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ResourceInvalid(f"a source's URL cannot be parsed: {error}") from error
    host = parts.netloc.rpartition("@")[2]
    user = "***@" if "@" in parts.netloc else ""
    return urlunsplit((parts.scheme, user + host, parts.path, "***" if parts.query else "", ""))


def _download(remote: Remote, path: Path, timeout: httpx.Timeout) -> Format:
    # Raw bytes are stored: a server that labels `x.csv.gz` with `Content-Encoding: gzip` must not unpack it twice.
    headers = {"Accept-Encoding": "identity"}
    client = httpx.Client(follow_redirects=True, max_redirects=MAX_REDIRECTS, timeout=timeout, headers=headers)
    url = remote.uri
    with client, client.stream("GET", url, auth=_login(remote)) as response:
        if not response.is_success:
            status = f"{response.status_code} {response.reason_phrase}".strip()
            raise SourceUnreachable(f"`{redacted(url)}` answers {status}")
        found = _format(url, response.headers)
        with path.open("wb") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
    return found


def _login(remote: Remote) -> tuple[str, str] | None:
    user = remote.environment.get("HTTP_USERNAME")
    return None if user is None else (user, remote.environment.get("HTTP_PASSWORD", ""))


def _format(url: str, headers: httpx.Headers) -> Format:
    content_type = headers.get("Content-Type", "")
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    found = format_from_name(name) or format_from_content_type(content_type)
    if found is None:
        raise DataRejected(
            f"neither the suffix of `{redacted(url)}` nor its Content-Type `{content_type}` says a known format: "
            f"use {KNOWN_SUFFIXES}"
        )
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise DataRejected(f"`{redacted(url)}` is sent with Content-Encoding `{encoding}`: send it as it is")
    return found if found.compression else replace(found, compression=_ENCODINGS[encoding])
