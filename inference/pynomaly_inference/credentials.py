"""The variables of the environment by which sources are opened, and how their values stay unseen.

In a cluster they are entries of the Secret that `training.source.credentials` names.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from pynomaly_inference.errors import PynomalyError

_S3 = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
_GS = ("GOOGLE_CREDENTIALS", "STORAGE_EMULATOR_HOST")
_AZURE = (
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_CONNECTION_STRING",
)
_WEB = ("HTTP_USERNAME", "HTTP_PASSWORD")

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "s3": _S3,
    "gs": _GS,
    "azure": _AZURE,
    "abfs": _AZURE,
    "postgresql": ("PGUSER", "PGPASSWORD"),
    "http": _WEB,
    "https": _WEB,
}
"""By the scheme of the source's URI. GOOGLE_CREDENTIALS is the content of a service account's JSON key."""

_SECRET = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_CREDENTIALS",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_CONNECTION_STRING",
    "PGPASSWORD",
    "HTTP_PASSWORD",
)
_SHORTEST = 3
"""Shorter values would blacken half of every sentence, and protect nothing."""


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """The text with `***` for each secret, as it is and as URLs escape it."""
    for secret in sorted(_secrets(environment), key=len, reverse=True):
        for form in (secret, quote(secret), quote(secret, safe="")):
            text = text.replace(form, "***")
    return text


@contextmanager
def unseen(environment: Mapping[str, str]) -> Iterator[None]:
    """Errors that leave the context say none of the secrets."""
    try:
        yield
    except PynomalyError as error:
        shown = redacted(str(error), environment)
        if shown == str(error):
            raise
        raise type(error)(shown) from None  # the cause would say it
    except Exception as error:
        if redacted(repr(error), environment) == repr(error):
            raise
        raise PynomalyError(f"the source cannot be opened: {redacted(repr(error), environment)}") from None


def _secrets(environment: Mapping[str, str]) -> set[str]:
    values = {environment.get(name, "") for name in _SECRET}
    parts = {part.partition("=")[2] for value in values for part in value.split(";")}
    return {text for text in values | parts | _of_google(environment) if len(text) >= _SHORTEST}


def _of_google(environment: Mapping[str, str]) -> set[str]:
    try:
        content = json.loads(environment.get("GOOGLE_CREDENTIALS", ""))
    except ValueError:
        return set()
    return (
        {content["private_key"]} if isinstance(content, dict) and isinstance(content.get("private_key"), str) else set()
    )
