"""One resource on a real Kubernetes: from data on a claim to rows scored through the Service, whatever happens."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from pyod.models.iforest import IForest
from sklearn.model_selection import train_test_split
from tests.cluster import installation, namespaces
from tests.cluster.cluster import Cluster
from tests.cluster.detector import SECONDS, Detector, is_ready, load
from tests.cluster.installation import Helm
from tests.cluster.polling import until
from tests.cluster.volumes import Volumes

SAMPLES = Path(__file__).parents[2] / "manifests/samples"
DATA = SAMPLES / "data/shuttle.parquet"
RESTORED_WITHIN = 5.0
SWITCHED_WITHIN = 5.0


def sample(uri: str) -> dict[str, Any]:
    """The sample resource with two replicas, as many requests as there are, and its data elsewhere."""
    resource: dict[str, Any] = yaml.safe_load((SAMPLES / "shuttle.yaml").read_text())
    resource["spec"]["training"]["source"]["uri"] = uri
    resource["spec"]["serving"] = {"replicas": {"min": 2}, "limits": {"requestsPerMinute": 1_000_000}}
    return resource


@pytest.fixture(scope="module")
def applied(cluster: Cluster, cluster_volumes: Volumes, release: Helm) -> Iterator[Detector]:
    """The sample, its data on a claim that is opted in, Ready."""
    assert release.namespace
    with namespaces.restricted(cluster.kubectl, "plant") as namespace:
        cluster_volumes.claim(namespace, "telemetry", {"shuttle.parquet": DATA}, {"pynomaly.io/use": "training"})
        resource = sample("pvc://telemetry/shuttle.parquet")
        resource["metadata"]["namespace"] = namespace
        cluster.kubectl.apply(resource)
        made = Detector(cluster.kubectl, namespace, "shuttle")
        made.ready()
        yield made


@pytest.fixture
def detector(applied: Detector) -> Detector:
    """The same, as it was applied, whatever a test before has changed: going back trains nothing."""
    applied.change('{"contamination": 0.07, "training": {"gates": {"minRocAuc": 0.99, "maxAnomalyRate": null}}}')
    applied.ready()
    return applied


def test_every_row_scores_through_the_service_as_pyod_scores_it(detector: Detector) -> None:
    table = pq.read_table(DATA)
    label = table["is_anomaly"].to_numpy().astype(np.int64)
    X = np.column_stack([table[f"sensor_{index}"].to_numpy() for index in range(1, 10)]).astype(np.float64)
    train, _ = train_test_split(np.arange(len(X)), test_size=0.3, random_state=0, stratify=label)
    pyod = IForest(contamination=0.07, random_state=0).fit(X[train])
    theirs = pyod.decision_function(X)
    with detector.client() as client:
        answer = client.post("/v1/score", json={"rows": X.tolist()}).json()
    allowed = 1e-9 * np.maximum(np.abs(theirs), np.median(np.abs(pyod.decision_scores_)))
    assert len(X) == 49_097
    assert (np.abs(np.array(answer["scores"]) - theirs) <= allowed).all()
    np.testing.assert_array_equal(answer["labels"], pyod.predict(X))


def test_without_a_key_nobody_scores(detector: Detector) -> None:
    assert httpx.post(f"{detector.url}/v1/score", json={"rows": []}, timeout=SECONDS).status_code == 401


def test_the_resource_tells_what_serves(detector: Detector) -> None:
    status = detector.read("anomalydetector")["status"]
    assert status["model"]["algorithm"] == "IForest"
    assert status["replicas"] == 2
    assert status["endpoint"] == f"http://shuttle.{detector.namespace}.svc"
    assert detector.condition("Serving")["status"] == "True"


@pytest.mark.parametrize("kind", ["deployment", "service"])
def test_a_child_that_is_deleted_is_soon_back(detector: Detector, kind: str) -> None:
    before = detector.read(kind)["metadata"]["uid"]
    detector.kubectl("delete", kind, "shuttle", f"--namespace={detector.namespace}", "--wait=false")

    def is_back() -> bool:
        listed = detector.kubectl.read(kind, f"--namespace={detector.namespace}")["items"]
        return any(child["metadata"]["uid"] != before and child["metadata"]["name"] == "shuttle" for child in listed)

    until(is_back, within=RESTORED_WITHIN, what=f"another {kind}")
    detector.ready()


def test_an_image_that_is_edited_by_hand_is_put_back(detector: Detector) -> None:
    def image() -> str:
        return str(detector.read("deployment")["spec"]["template"]["spec"]["containers"][0]["image"])

    before = image()
    where = f"--namespace={detector.namespace}"
    detector.kubectl("set", "image", "deployment/shuttle", "server=localhost/another:1", where)
    until(lambda: image() == before, within=RESTORED_WITHIN, what="the image that was wanted")
    detector.ready()


def test_a_new_model_is_on_every_pod_soon_after_its_training_and_no_request_fails(detector: Detector) -> None:
    before, version = detector.restarts(), _served(detector)
    training = 0.0

    def is_switched() -> bool:
        nonlocal training
        if any(job["status"].get("active") for job in _jobs(detector)):
            training = time.monotonic()  # it ended later than this
        return _served(detector) != version

    with load(detector) as seen:
        detector.change('{"contamination": 0.05}')
        until(is_switched, within=SECONDS, what="another version on every pod")
        switched = time.monotonic()
        detector.ready()
        seen.goes_on()
    assert seen.failures == []
    assert set(seen.versions) == {version, _served(detector)}
    assert detector.restarts() == before
    assert training
    assert switched - training <= SWITCHED_WITHIN


def test_a_gate_that_fails_leaves_the_old_model_serving_and_says_by_how_much(detector: Detector) -> None:
    version = _served(detector)
    detector.change('{"contamination": 0.3, "training": {"gates": {"maxAnomalyRate": 0.1}}}')
    until(lambda: detector.condition("Stalled").get("status") == "True", within=SECONDS, what="Stalled")
    assert detector.condition("Stalled")["reason"] == "GateFailed"
    assert "maxAnomalyRate allows 0.1" in detector.condition("Ready")["message"]
    assert detector.condition("Ready")["status"] == "False"
    assert detector.condition("Serving")["status"] == "True"
    with detector.client() as client:
        assert client.post("/v1/score", json={"rows": [[0] * 9]}).json()["model"]["version"] == version
    detector.change('{"contamination": 0.07, "training": {"gates": {"maxAnomalyRate": null}}}')
    detector.ready()
    assert _served(detector) == version


def test_another_server_image_is_rolled_out_without_a_failed_request(
    detector: Detector, release: Helm, cluster: Cluster, python_image: str
) -> None:
    before = set(detector.restarts())
    installation.deliver(cluster, python_image, "server", tag="0.1.0-next")
    image = installation.image("server", "0.1.0-next")
    operator = f"--namespace={release.namespace}"
    with load(detector) as seen:
        cluster.kubectl("set", "env", "deployment/pynomaly-operator", f"PYNOMALY_SERVER_IMAGE={image}", operator)

        def is_rolled_out() -> bool:
            pods = detector.pods()
            return (
                len(pods) == 2 and not before & {pod["metadata"]["name"] for pod in pods} and all(map(is_ready, pods))
            )

        until(is_rolled_out, within=SECONDS, what="pods of the other image")
        # The last old pod still drains: the load goes on until it is gone.
        until(lambda: not before & detector.all_pods(), within=SECONDS, what="the end of the old pods")
        seen.goes_on()
    assert seen.failures == []


def test_scoring_goes_on_while_the_registry_is_away(detector: Detector, release: Helm, cluster: Cluster) -> None:
    with installation.without_registry(cluster, release), load(detector) as seen:
        seen.goes_on()
    assert seen.failures == []


def _served(detector: Detector) -> int:
    return int(detector.read("anomalydetector")["status"]["model"]["version"])


def _jobs(detector: Detector) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = detector.kubectl.read("jobs", f"--namespace={detector.namespace}")["items"]
    return jobs
