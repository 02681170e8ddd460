"""Asking a component whether it is ready, over HTTP."""

import http.client
import ssl
from pathlib import Path
from urllib.parse import urlsplit


def answers(url: str, context: ssl.SSLContext | None = None) -> bool:
    """Whether a GET is answered with 200; a refused or broken connection is a no."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if context is None:
        connection = http.client.HTTPConnection(host, port, timeout=5)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=5, context=context)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def client_context(authority: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS that trusts one authority and shows one client certificate."""
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(certificate, key)
    return context
