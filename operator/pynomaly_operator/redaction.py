"""Texts as they may be shown: drivers and servers put credentials into their errors."""

import re

_SHOWN = "***"
_IN_URL = re.compile(r"(?<=://)[^/@\s]+@")
_HEADER = re.compile(r"\b(bearer|basic)(\s+)[\w.~+/=-]{6,}", re.IGNORECASE)
_JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
_NAMED = re.compile(
    r"((?:\b|[-_])(?:sig|signature|pwd)|"
    r"(?:password|passwd|secret|token|api[-_]?key(?!s: )|access[-_]?key|account[-_]?key|credential)s?)"
    r"([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text without credentials in URLs, tokens, and what is called a password, secret, token or key."""
    text = _IN_URL.sub(f"{_SHOWN}@", text)
    text = _HEADER.sub(rf"\1\2{_SHOWN}", text)
    text = _JSON_WEB_TOKEN.sub(_SHOWN, text)
    return _NAMED.sub(rf"\1\2{_SHOWN}", text)
