from typing import Any

import pytest
from tests.cluster import pods
from tests.cluster.cluster import Cluster
from tests.cluster.errors import ClusterError
from tests.cluster.fixtures import ClaimMaker
from tests.cluster.polling import until

# A Service reaches a pod some time after the pod is ready, so a client tries again.
FETCH = """
import time, urllib.request
for attempt in range(100):
    try:
        print(urllib.request.urlopen("http://probe/greeting.txt", timeout=10).read().decode())
        break
    except OSError as error:
        print(error)
        time.sleep(0.2)
"""


def test_every_node_is_ready(cluster: Cluster) -> None:
    nodes = cluster.kubectl.read("nodes")["items"]

    states = {condition["status"] for node in nodes for condition in _conditions(node) if condition["type"] == "Ready"}

    assert states == {"True"}


def test_a_restricted_pod_serves_a_claims_file_to_another_pod_through_a_service_found_by_name(
    cluster: Cluster, namespace: str, probe_image: str, claim_with: ClaimMaker
) -> None:
    where = f"--namespace={namespace}"
    claim = claim_with({"greeting.txt": b"hello from a claim"})
    _create(cluster, namespace, pods.server(probe_image, claim), pods.service())
    cluster.kubectl("wait", "--for=condition=Ready", "pod/probe", where, "--timeout=60s")

    _create(cluster, namespace, pods.script("client", probe_image, FETCH))
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", where, "--timeout=60s")

    assert cluster.kubectl("logs", "client", where).splitlines()[-1] == "hello from a claim"
    assert '"GET /greeting.txt HTTP/1.1" 200' in cluster.kubectl("logs", "probe", where)


def test_a_pod_that_may_gain_privileges_is_refused_in_a_test_namespace(
    cluster: Cluster, namespace: str, probe_image: str
) -> None:
    pod = pods.server(probe_image)
    del pod["spec"]["containers"][0]["securityContext"]

    with pytest.raises(ClusterError, match="violates PodSecurity"):
        _create(cluster, namespace, pod)


def test_the_metrics_api_tells_what_a_pod_uses(cluster: Cluster, namespace: str, probe_image: str) -> None:
    _create(cluster, namespace, pods.server(probe_image))
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods"

    def containers() -> list[str]:
        listed = cluster.kubectl.raw(path)["items"]
        return [container["usage"]["memory"] for pod in listed for container in pod["containers"]]

    (memory,) = until(containers, within=90, what="metrics of the pod")

    assert memory.endswith("Ki")
    assert int(memory.removesuffix("Ki")) > 1000


def _create(cluster: Cluster, namespace: str, *manifests: dict[str, Any]) -> None:
    for manifest in manifests:
        manifest["metadata"]["namespace"] = namespace
    cluster.kubectl.apply(*manifests)


def _conditions(node: dict[str, Any]) -> list[dict[str, str]]:
    conditions: list[dict[str, str]] = node["status"]["conditions"]
    return conditions
