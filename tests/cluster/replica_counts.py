"""The numbers of pods that a Deployment was asked to have, one after the other."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.kubectl import Kubectl
from tests.cluster.polling import until

_WITHIN = 30
_COLUMNS = '--output=jsonpath={.metadata.resourceVersion} {.spec.replicas}{"\\n"}'


@contextmanager
def replica_counts(kubectl: Kubectl, namespace: str, name: str, folder: Path) -> Iterator[Callable[[], list[int]]]:
    """Tells of every number that the Deployment has while the context lasts; repetitions are left out.

    When the context has ended, all are told that were there until then.
    """
    where = (f"--kubeconfig={kubectl.kubeconfig}", f"--namespace={namespace}")
    command = [str(kubectl.program), *where, "get", "deployment", name, "--watch", _COLUMNS]
    path = folder / f"replicas-{name}"

    def read() -> list[int]:
        told = [int(line.split()[1]) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [number for place, number in enumerate(told) if place == 0 or number != told[place - 1]]

    with path.open("w") as output, subprocess.Popen(command, stdout=output) as watch:
        try:
            until(read, within=_WITHIN, what="the watch to begin")
            yield read
            last = _edited(kubectl, namespace, name)
            until(lambda: f"{last} " in path.read_text(), within=_WITHIN, what="the watch to catch up")
        finally:
            watch.terminate()


def _edited(kubectl: Kubectl, namespace: str, name: str) -> str:
    """The version of the Deployment after an edit, which comes after all others."""
    patch = json.dumps({"metadata": {"annotations": {"the-last": "edit"}}})
    options = ("--type=merge", f"--patch={patch}", "--output=json")
    edited = json.loads(kubectl("patch", "deployment", name, f"--namespace={namespace}", *options))
    return str(edited["metadata"]["resourceVersion"])
