import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.commands import run
from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import until


def test_it_reports_the_version_that_its_binary_was_stamped_with(control_plane: ControlPlane) -> None:
    stamped = run(control_plane.kubectl.program.parent / "kube-apiserver", "--version").split()[-1]

    version = json.loads(control_plane.kubectl("version", "--output=json"))

    assert version["serverVersion"]["gitVersion"] == stamped
    assert not stamped.startswith("v0.0.0")


def test_a_watch_sees_a_config_map_that_is_created_after_it_began(control_plane: ControlPlane) -> None:
    before, after = _config_map("watched"), _config_map("watched")
    control_plane.kubectl.apply(before)
    with _watched(control_plane, "purpose=watched") as names:
        assert next(names) == before["metadata"]["name"]

        control_plane.kubectl.apply(after)

        assert next(names) == after["metadata"]["name"]


def test_what_an_object_owns_is_collected_when_the_object_is_deleted(control_plane: ControlPlane) -> None:
    owner, owned = _config_map("owner"), _config_map("owned")
    control_plane.kubectl.apply(owner)
    name = owner["metadata"]["name"]
    uid = control_plane.kubectl.read("configmap", name)["metadata"]["uid"]
    owned["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}]
    control_plane.kubectl.apply(owned)

    control_plane.kubectl("delete", "configmap", name)

    gone = ("get", "configmap", owned["metadata"]["name"], "--ignore-not-found", "--output=name")
    until(lambda: not control_plane.kubectl(*gone), within=30, what="the owned object to be collected")


def _config_map(purpose: str) -> dict[str, Any]:
    name = f"{purpose}-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "namespace": "default", "labels": {"purpose": purpose}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


@contextmanager
def _watched(plane: ControlPlane, selector: str) -> Iterator[Iterator[str]]:
    """The names of watched config maps, one by one as the server tells them."""
    program, kubeconfig = str(plane.kubectl.program), f"--kubeconfig={plane.kubeconfig}"
    listing = [program, kubeconfig, "get", "configmaps", f"--selector={selector}", "--watch"]
    form = ["--output=jsonpath={.metadata.name}{'\\n'}", "--request-timeout=60s"]
    with subprocess.Popen([*listing, *form], stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        try:
            yield (line.strip() for line in watch.stdout)
        finally:
            watch.terminate()
