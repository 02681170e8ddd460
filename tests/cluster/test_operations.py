"""What may befall a detector that serves: scaled, suspended, drained, without its key, its operator or its registry."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from pyod.models.iforest import IForest
from tests.cluster import installation, namespaces, pods
from tests.cluster.cluster import Cluster
from tests.cluster.detector import SECONDS, Detector, is_ready, load
from tests.cluster.draining import draining
from tests.cluster.installation import Helm
from tests.cluster.polling import until
from tests.cluster.volumes import Volumes

ROWS = np.random.default_rng(7).normal(size=(300, 3)).round(6)
NOTICED_WITHIN = 90.0
"""Secrets are not watched: the operator looks at each once in 40 to 80 s."""
ACCEPTED_WITHIN = 30.0
"""The kubelet by itself would refresh the mounted Secret once a minute or so.

If it tried to while there was none, it waits before it tries again, twice as long each time: for up to as long as the
Secret was away."""


def resource(namespace: str) -> dict[str, Any]:
    training = {"source": {"uri": f"http://probe.{namespace}.svc/pumps.csv"}}
    network = {"allowTo": [{"namespace": namespace, "port": pods.PORT}]}
    return {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "metadata": {"name": "pumps", "namespace": namespace},
        "spec": {
            "algorithm": {"name": "IForest"},
            "contamination": 0.1,
            "training": training,
            "serving": {"limits": {"requestsPerMinute": 1_000_000}},
            "network": network,
        },
    }


@pytest.fixture(scope="module")
def applied(cluster: Cluster, cluster_volumes: Volumes, probe_image: str, release: Helm) -> Iterator[Detector]:
    """A detector on the cluster's own web server, Ready."""
    assert release.namespace
    with namespaces.restricted(cluster.kubectl, "plant") as namespace:
        table = "\n".join(["a,b,c", *(",".join(map(str, row)) for row in ROWS.tolist())])
        cluster_volumes.claim(namespace, "files", {"pumps.csv": table.encode()})
        where = f"--namespace={namespace}"
        for manifest in (pods.server(probe_image, "files"), pods.service()):
            manifest["metadata"]["namespace"] = namespace
            cluster.kubectl.apply(manifest)
        cluster.kubectl("wait", "--for=condition=Ready", "pod/probe", where, "--timeout=60s")
        cluster.kubectl.apply(resource(namespace))
        made = Detector(cluster.kubectl, namespace, "pumps")
        made.ready()
        yield made


@pytest.fixture
def pumps(applied: Detector) -> Detector:
    """The same with its one pod, whatever a test before has changed: going back trains nothing."""
    applied.change('{"contamination": 0.1, "suspend": null, "serving": {"replicas": {"min": 1}}}')
    applied.ready()
    until(lambda: len(applied.all_pods()) == 1, within=SECONDS, what="one pod")
    return applied


def test_rows_of_a_web_server_in_the_cluster_are_scored_as_pyod_scores_them(pumps: Detector) -> None:
    theirs = IForest(contamination=0.1, random_state=0).fit(ROWS)
    with pumps.client() as client:
        answer = client.post("/v1/score", json={"rows": ROWS.tolist()}).json()
    np.testing.assert_allclose(answer["scores"], theirs.decision_scores_, rtol=1e-9, atol=1e-12)
    requests = pumps.kubectl("logs", "probe", f"--namespace={pumps.namespace}")
    assert '"GET /pumps.csv HTTP/1.1" 200' in requests


def test_what_is_suspended_serves_on_and_changes_when_it_is_resumed(pumps: Detector) -> None:
    jobs, version, pod = _jobs(pumps), _served(pumps), pumps.restarts()
    pumps.change('{"suspend": true, "contamination": 0.2}')

    def is_suspended() -> bool:
        ready, generation = pumps.condition("Ready"), pumps.read("anomalydetector")["metadata"]["generation"]
        return bool(ready["reason"] == "Suspended" and ready["observedGeneration"] == generation)

    until(is_suspended, within=SECONDS, what="Suspended")
    assert pumps.condition("Ready")["status"] == "False"
    assert pumps.condition("Serving")["status"] == "True"
    assert _answer(pumps, pumps.key) == httpx.codes.OK
    assert _jobs(pumps) == jobs

    pumps.change('{"suspend": false}')
    pumps.ready()
    assert _served(pumps) > version
    assert pumps.restarts() == pod


def test_kubectl_scale_brings_pods_and_takes_them_away(pumps: Detector) -> None:
    for wanted in (2, 1):
        pumps.kubectl("scale", "ad/pumps", f"--replicas={wanted}", f"--namespace={pumps.namespace}")
        pumps.ready()
        assert pumps.read("anomalydetector")["status"]["replicas"] == wanted
        assert [is_ready(pod) for pod in pumps.pods()] == [True] * wanted


def test_a_single_pod_does_not_keep_its_node_from_being_drained_and_is_replaced(pumps: Detector) -> None:
    before = pumps.all_pods()
    with draining(pumps) as drain:
        drain.end()
        assert drain.refusals() == []
    pumps.ready()
    assert not before & pumps.all_pods()


def test_of_two_pods_a_drain_takes_one_at_a_time_and_no_request_fails(pumps: Detector) -> None:
    pumps.change('{"serving": {"replicas": {"min": 2}}}')
    pumps.ready()
    before = pumps.all_pods()
    with load(pumps, rows={"rows": ROWS[:1].tolist()}) as seen:
        with draining(pumps) as drain:
            until(drain.refusals, within=SECONDS, what="the second pod to be kept")
            # While nothing replaces the first one, the second is kept, and serves.
            until(lambda: len(before & pumps.all_pods()) == 1, within=SECONDS, what="the first pod to be gone")
            seen.goes_on()
            assert [is_ready(pod) for pod in pumps.pods() if pod["metadata"]["name"] in before] == [True]
            drain.go_elsewhere()
            drain.end()
        pumps.ready()
        seen.goes_on()
    assert not before & pumps.all_pods()
    assert seen.failures == []


def test_a_key_whose_secret_is_deleted_gives_way_to_another(
    pumps: Detector, capsys: pytest.CaptureFixture[str]
) -> None:
    old, where = pumps.key, f"--namespace={pumps.namespace}"
    assert _answer(pumps, f"{old}x") == httpx.codes.UNAUTHORIZED
    assert _answer(pumps, old) == httpx.codes.OK
    before = pumps.read("secret", "pumps-api-keys")["metadata"]["uid"]
    begun = time.monotonic()
    pumps.kubectl("delete", "secret", "pumps-api-keys", where)

    def is_replaced() -> bool:
        listed = pumps.kubectl.read("secret", where)["items"]
        return any(s["metadata"]["name"] == "pumps-api-keys" and s["metadata"]["uid"] != before for s in listed)

    until(is_replaced, within=NOTICED_WITHIN, what="another Secret")
    away, new = time.monotonic() - begun, pumps.key
    assert new != old
    accepted_within = away + ACCEPTED_WITHIN
    until(lambda: _answer(pumps, new) == httpx.codes.OK, within=accepted_within, what="the new key to be accepted")
    with capsys.disabled():
        print(f"\nSecret deleted to the new key accepted: {time.monotonic() - begun:.1f} s")  # noqa: T201 - a figure to watch
    assert _answer(pumps, old) == httpx.codes.UNAUTHORIZED


def test_a_pod_that_starts_without_the_registry_waits_for_it(pumps: Detector, release: Helm, cluster: Cluster) -> None:
    (gone,) = pumps.all_pods()
    with installation.without_registry(cluster, release):
        pumps.kubectl("delete", "pod", gone, f"--namespace={pumps.namespace}", "--wait=false")

        def problem() -> Any:
            return next((_asked(pod, "/status").get("problem") for pod in _new(pumps, gone)), None)

        told = until(problem, within=SECONDS, what="the new pod to say what it lacks")
        assert told["reason"] == "RegistryUnavailable"
        (waiting,) = _new(pumps, gone)
        # What the kubelet asks before it restarts a container, and before it calls it ready.
        assert _status(waiting, "/health/live") == httpx.codes.OK
        assert _status(waiting, "/health/ready") == httpx.codes.SERVICE_UNAVAILABLE
        assert not is_ready(waiting)
    name = waiting["metadata"]["name"]
    until(lambda: all(map(is_ready, _new(pumps, gone))), within=SECONDS, what="the pod to be ready")
    assert pumps.restarts() == {name: 0}


def test_an_upgrade_rolls_what_it_changes_and_nothing_else(pumps: Detector, release: Helm) -> None:
    def of_release() -> dict[str, str]:
        listed = pumps.kubectl.read("pods", f"--namespace={release.namespace}")["items"]
        alive = [pod["metadata"] for pod in listed if "deletionTimestamp" not in pod["metadata"]]
        return {metadata["labels"]["app.kubernetes.io/component"]: metadata["uid"] for metadata in alive}

    def serves_by_the_chart() -> bool:
        images = {pod["spec"]["containers"][0]["image"] for pod in pumps.pods()}
        return images == {installation.image("server")} and len(pumps.all_pods()) == 1

    release.install()
    until(serves_by_the_chart, within=SECONDS, what="the chart's own server image")
    pumps.ready()
    before, serving = of_release(), pumps.restarts()

    release.install()
    assert of_release() == before

    release.install("operator.logLevel=DEBUG")
    after = of_release()
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"operator"}
    pumps.change('{"serving": {"replicas": {"min": 2}}}')
    pumps.ready()  # the new operator is at work
    assert serving.items() <= pumps.restarts().items()


def _answer(detector: Detector, key: str) -> int:
    request = {"rows": ROWS[:1].tolist()}
    return httpx.post(f"{detector.url}/v1/score", json=request, headers={"X-API-Key": key}, timeout=SECONDS).status_code


def _new(detector: Detector, gone: str) -> list[dict[str, Any]]:
    return [pod for pod in detector.pods() if pod["metadata"]["name"] != gone]


def _asked(pod: dict[str, Any], path: str) -> dict[str, Any]:
    """What the pod says on its management port; nothing while it does not listen."""
    try:
        answer: dict[str, Any] = httpx.get(_management(pod, path)).json()
    except httpx.TransportError:
        return {}
    return answer


def _status(pod: dict[str, Any], path: str) -> int:
    return httpx.get(_management(pod, path)).status_code


def _management(pod: dict[str, Any], path: str) -> str:
    return f"http://{pod['status'].get('podIP', 'localhost')}:9090{path}"


def _served(detector: Detector) -> int:
    return int(detector.read("anomalydetector")["status"]["model"]["version"])


def _jobs(detector: Detector) -> set[str]:
    jobs = detector.kubectl.read("jobs", f"--namespace={detector.namespace}")["items"]
    return {job["metadata"]["name"] for job in jobs}
