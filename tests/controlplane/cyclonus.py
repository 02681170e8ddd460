"""What NetworkPolicies let through, as cyclonus reads them: others wrote it, to test the engines of clusters.

See https://github.com/mattfenwick/cyclonus.
"""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster import tools
from tests.cluster.commands import run

_VERDICT = re.compile(r"^\| IS ALLOWED\? \|\s*(TRUE|FALSE)\s*\|", re.MULTILINE)


@dataclass(frozen=True)
class Peer:
    """An end of a connection: a pod with these labels, or what is outside the cluster when it has no namespace."""

    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Connection:
    """Who connects to which port of whom."""

    source: Peer
    destination: Peer
    port: int
    protocol: str = "TCP"


def let_through(policies: Sequence[Mapping[str, Any]], *asked: Connection) -> list[bool]:
    """Of each connection: whether the policies of both its ends let it through."""
    known = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": list(policies)}
    with tempfile.TemporaryDirectory(prefix="cyclonus-") as folder:
        policy, traffic = Path(folder) / "policies.json", Path(folder) / "traffic.json"
        policy.write_text(json.dumps(known))
        traffic.write_text(json.dumps([_traffic(connection) for connection in asked]))
        program = tools.built(tools.POLICIES) / "cyclonus"
        options = (f"--policy-path={policy}", f"--traffic-path={traffic}", "--mode=query-traffic")
        said = run(program, "analyze", *options)
    verdicts = [verdict == "TRUE" for verdict in _VERDICT.findall(said)]
    assert len(verdicts) == len(asked), said
    return verdicts


def _traffic(connection: Connection) -> dict[str, Any]:
    return {
        "Source": _end(connection.source),
        "Destination": _end(connection.destination),
        "ResolvedPort": connection.port,
        "Protocol": connection.protocol,
    }


def _end(peer: Peer) -> dict[str, Any]:
    if peer.namespace is None:
        return {"IP": peer.address}
    # The label that every API server sets on its namespaces.
    own = {"kubernetes.io/metadata.name": peer.namespace}
    inside = {"Namespace": peer.namespace, "NamespaceLabels": own, "PodLabels": dict(peer.labels)}
    return {"IP": peer.address, "Internal": inside}
