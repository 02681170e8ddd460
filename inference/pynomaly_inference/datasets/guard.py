"""Keeps what fetches a source from connecting to where it may not: after DNS, at every redirect, whatever the client.

The check sits where Python connects a socket. There the address is the one that the kernel is given: neither a name
that resolves to something else the next time, nor another spelling of an address, nor a redirect gets past it. Every
client of sources connects in Python for this reason.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, NoReturn

from pynomaly_inference.datasets.addresses import Destinations, literal, reached
from pynomaly_inference.errors import SourceNotAllowed


class _Guard:
    """Judges connections, and remembers the first that it refused."""

    def __init__(self, allowed: Destinations) -> None:
        self._allowed = allowed
        self.refusal: str | None = None

    def check(self, connecting: socket.socket, target: Any) -> None:
        """Raises for a target that is not allowed."""
        if connecting.family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse(connecting, f"the source leads to a socket of this machine, `{target!r}`: name a host")
        address = literal(target[0])
        if address is None:
            self._refuse(connecting, f"the source leads to `{target[0]}`, which was not resolved: name another host")
        if not self._allowed.allow(address, target[1]):
            end = reached(address)
            entry = f"{{cidr: {end}/{end.max_prefixlen}, port: {target[1]}}}"
            self._refuse(
                connecting,
                f"the source leads to {end}, port {target[1]}, which is not public: "
                f"if it is meant, add {entry} to spec.network.allowTo",
            )

    def _refuse(self, connecting: socket.socket, sentence: str) -> NoReturn:
        """Raises what no client takes for a failure of the network, which it would try again for minutes."""
        self.refusal = self.refusal or sentence
        connecting.close()  # nobody else would, after an error that is no OSError
        raise SourceNotAllowed(sentence)


class _Hook:
    """Python's audit hook: once in a process, as Python never takes one away; idle while there are no guards."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._installed = False
        self.guards: list[_Guard] = []

    def install(self) -> None:
        with self._lock:
            if not self._installed:
                sys.addaudithook(self._audit)
                self._installed = True

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            for guard in tuple(self.guards):
                guard.check(*arguments)


_HOOK = _Hook()


@contextmanager
def guarded(allowed: Destinations | None) -> Iterator[None]:
    """While the context is open, no connection of this process goes elsewhere; None forbids nothing.

    All threads are meant, for clients have theirs: nothing else may need the network meanwhile. Raises
    SourceNotAllowed in place of the error that a refused connection ended in.
    """
    if allowed is None:
        yield
        return
    guard = _Guard(allowed)
    _HOOK.install()
    _HOOK.guards.append(guard)
    try:
        yield
    except Exception as error:
        if guard.refusal is None:
            raise
        raise SourceNotAllowed(guard.refusal) from error
    finally:
        _HOOK.guards.remove(guard)
