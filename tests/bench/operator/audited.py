"""The API server's own account of who wrote what and when, read on while it grows."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from pynomaly_operator.manifest import CHILDREN

READS = frozenset({"get", "list", "watch"})
_CHILD_RESOURCES = frozenset(kind.plural for kind in CHILDREN.values())


@dataclass(frozen=True, slots=True)
class Answered:
    """One request for a resource that was answered."""

    user: str
    verb: str
    resource: str
    """With its subresource: `deployments/status`."""
    place: tuple[str, str]
    code: int
    received: float
    """Seconds since the epoch."""
    answered: float

    @property
    def write(self) -> bool:
        """Whether it was to change something; to renew a Lease is not counted."""
        return self.verb not in READS and self.resource != "leases"

    @property
    def child(self) -> bool:
        """Whether it wrote a detector's child, and succeeded."""
        return self.write and self.resource in _CHILD_RESOURCES and self.verb != "delete" and self.code < 300


@dataclass
class AuditLog:
    """Reads each line once, whether or not the file has been put aside meanwhile for being long."""

    path: Path
    _file: BinaryIO | None = None
    _rest: bytes = field(default=b"")

    def news(self) -> Iterator[Answered]:
        """What was answered since the last call."""
        for line in self._lines():
            event = orjson.loads(line)
            if "objectRef" in event and event["stage"] != "Panic":
                yield _parsed(event)

    def _lines(self) -> Iterator[bytes]:
        while True:
            if self._file is None:
                self._file = self.path.open("rb")
            put_aside = self.path.exists() and not os.path.samestat(self.path.stat(), os.fstat(self._file.fileno()))
            *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
            yield from lines
            if not put_aside:
                return
            self._file.close()
            self._file = None

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def _parsed(event: dict[str, Any]) -> Answered:
    where = event["objectRef"]
    parts = (where.get("resource", ""), where.get("subresource", ""))
    return Answered(
        user=event["user"]["username"],
        verb=event["verb"],
        resource="/".join(part for part in parts if part),
        place=(where.get("namespace", ""), where.get("name", "")),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        received=_seconds(event["requestReceivedTimestamp"]),
        answered=_seconds(event["stageTimestamp"]),
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
