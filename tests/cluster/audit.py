"""The audit log of an API server: who asked for what, and when."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_LOG = "audit.log"
# Every request once, when it has been answered; a watch when it begins.
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
_READS = frozenset({"get", "list", "watch"})


@dataclass(frozen=True)
class Asked:
    """One request that was answered."""

    user: str
    verb: str
    group: str
    resource: str
    """With its subresource: `deployments/scale`."""
    namespace: str
    name: str
    code: int
    received: float
    """Seconds since the epoch."""
    message: str
    """Why it was refused."""

    @property
    def write(self) -> bool:
        """Whether it was to change something."""
        return self.verb not in _READS


def flags(folder: Path) -> tuple[str, ...]:
    """What makes kube-apiserver write its log into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    policy = folder / "audit-policy.json"
    policy.write_text(json.dumps(_POLICY))
    return f"--audit-policy-file={policy}", f"--audit-log-path={folder / _LOG}"


def asked(folder: Path, user: str) -> Iterator[Asked]:
    """The requests of a user for resources, in the order of their answers."""
    for line in (folder / _LOG).read_text().splitlines(keepends=True):
        if f'"username":"{user}"' not in line or not line.endswith("\n"):
            continue
        event = json.loads(line)
        if "objectRef" in event:
            yield _parsed(user, event)


def _parsed(user: str, event: dict[str, object]) -> Asked:
    where, status = event["objectRef"], event.get("responseStatus") or {}
    assert isinstance(where, dict)
    assert isinstance(status, dict)
    parts = (where.get("resource", ""), where.get("subresource", ""))
    return Asked(
        user=user,
        verb=str(event["verb"]),
        group=where.get("apiGroup", ""),
        resource="/".join(part for part in parts if part),
        namespace=where.get("namespace", ""),
        name=where.get("name", ""),
        code=int(status.get("code", 0)),
        received=datetime.fromisoformat(str(event["requestReceivedTimestamp"])).timestamp(),
        message=str(status.get("message", "")),
    )
