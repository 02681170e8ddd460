"""A bare asyncio client that writes the children of detectors: what the operator's applies are measured against.

    python -m tests.bench.operator.bare ACCESS NAMESPACES WORKERS

The same HTTP library, as many writes at a time, in the same order, and nothing else: bodies are rendered beforehand, no
answer is parsed, and nobody owns what is written. It writes one detector's children after another's until it is killed.
"""

import asyncio
import base64
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
from tests.bench.operator.access import APPLY, Access
from tests.bench.operator.detectors import SPEC
from tests.bench.operator.node import recorded

from pynomaly_operator.api.parse import parse_spec
from pynomaly_operator.api.status import Metrics, ModelStatus
from pynomaly_operator.desired.children import children
from pynomaly_operator.desired.labels import MANAGED_BY
from pynomaly_operator.desired.wanted import Identity, Programs, Wanted, WantedTraining
from pynomaly_operator.kube import JSON, METADATA_ONLY
from pynomaly_operator.manifest import CHILDREN, SECRET

NAMESPACE, NAME, UID = "bare-namespace", "bare-detector", "00000000-0000-0000-0000-000000000000"
"""What stands in the templates for what differs from one detector to the next."""


@dataclass(frozen=True)
class Template:
    """One child's write."""

    method: str
    path: str
    body: str
    headers: dict[str, str]

    def of(self, number: int, namespace: str) -> tuple[str, bytes]:
        """The path and the body for one detector."""
        path, body = (_filled(text, number, namespace) for text in (self.path, self.body))
        return path, body.encode()


def _filled(text: str, number: int, namespace: str) -> str:
    uid = f"{number:08x}{UID[8:]}"
    return text.replace(NAMESPACE, namespace).replace(NAME, f"detector-{number}").replace(UID, uid)


def templates() -> list[Template]:
    """All children of a detector that is trained and served, as the operator renders them."""
    spec = parse_spec(SPEC)
    model = recorded("0" * 64)
    target = ModelStatus(
        version=model.version,
        digest=model.digest,
        fingerprint=model.fingerprint,
        algorithm="IForest",
        threshold=0.5,
        metrics=Metrics.model_validate(model.model.evaluation.model_dump()),
    )
    programs = Programs("registry.example/trainer:1", "registry.example/server:1", "http://registry.pynomaly.svc:8000")
    training = WantedTraining(spec, due=True)
    wanted = Wanted(Identity(NAMESPACE, NAME, UID), spec.serving, programs, training, target, network=spec.network)
    return [_template(manifest) for manifest in children(wanted)]


def _template(manifest: Any) -> Template:
    kind, metadata = CHILDREN[manifest["kind"]], dict(manifest["metadata"])
    del metadata["ownerReferences"]  # the garbage collector would take what nobody owns
    metadata["labels"] = {**metadata["labels"], MANAGED_BY[0]: "bench"}  # no business of the operator's
    body = {**manifest, "metadata": metadata}
    headers = {"Content-Type": APPLY, "Accept": JSON if kind.whole else METADATA_ONLY}
    path = kind.path(NAMESPACE, metadata["name"]) + "?fieldManager=pynomaly&force=true"
    if kind is not SECRET:
        return Template("PATCH", path, json.dumps(body), headers)
    body |= {"data": {"current": base64.b64encode(b"a key of this length, more or less").decode()}}
    path = kind.path(NAMESPACE) + "?fieldManager=pynomaly"
    return Template("POST", path, json.dumps(body), {**headers, "Content-Type": JSON})


async def _write(session: aiohttp.ClientSession, numbers: Iterator[int], namespaces: int) -> None:
    wanted = templates()
    for number in numbers:
        for template in wanted:
            path, body = template.of(number, f"bare-{number % namespaces}")
            async with session.request(template.method, path, data=body, headers=template.headers) as answer:
                raw = await answer.read()
                if not answer.ok:
                    raise RuntimeError(f"{template.method} {path}: {answer.status} {raw[:500].decode()}")


async def main(access: Access, namespaces: int, workers: int) -> None:
    """The process."""
    numbers = itertools.count()
    async with access.session(workers) as session, asyncio.TaskGroup() as tasks:
        for _ in range(workers):
            tasks.create_task(_write(session, numbers, namespaces))


if __name__ == "__main__":
    asyncio.run(main(Access.model_validate_json(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
