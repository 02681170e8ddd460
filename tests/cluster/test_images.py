"""The server's image holds what serving needs, and nothing that trains or compiles."""

import json

from tests.cluster import installation, pods
from tests.cluster.cluster import Cluster

MOST_BYTES = 450_000_000
LOOK = """
import importlib.util, json, os, shutil
seen = sum(
    os.lstat(os.path.join(folder, name)).st_size
    for top in os.listdir("/") if top not in ("proc", "sys", "dev", "tmp") and not os.path.islink("/" + top)
    for folder, _, names in os.walk(os.path.join("/", top))
    for name in names
)
modules = ["pyod", "sklearn", "torch", "onnx", "polars", "onnxruntime"]
found = [name for name in modules if importlib.util.find_spec(name)]
tools = [tool for tool in ("gcc", "cc", "make", "uv") if shutil.which(tool)]
print(json.dumps({"bytes": seen, "modules": found, "tools": tools, "user": os.getuid()}))
"""


def test_the_server_image_is_small_and_can_only_serve(cluster: Cluster, namespace: str, python_image: str) -> None:
    installation.deliver(cluster, python_image, "server")
    look = pods.script("look", installation.image("server"), LOOK)
    look["metadata"]["namespace"] = namespace
    look["spec"]["securityContext"]["runAsUser"] = 1000
    look["spec"]["containers"][0]["command"][0] = "/opt/pynomaly/bin/python3"
    cluster.kubectl.apply(look)
    where = f"--namespace={namespace}"
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/look", where, "--timeout=60s")
    seen = json.loads(cluster.kubectl("logs", "look", where))
    assert seen["bytes"] <= MOST_BYTES
    assert seen["modules"] == ["onnxruntime"]
    assert (seen["tools"], seen["user"]) == ([], 1000)
