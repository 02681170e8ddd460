import json

from tests.cluster.polling import until
from tests.controlplane.detectors import CHILD_KINDS, WITHIN, Detector

COLLECTED_WITHIN = 120
"""The garbage collector looks for new kinds every 30 s: so much later it may learn of the definition's own."""


def test_a_detector_is_trained_and_served_and_says_so(detector: Detector) -> None:
    detector.apply()
    detector.await_condition("Trained", "Unknown", "Training")

    version = detector.train()
    detector.await_condition("Ready", "False", "RollingOut")
    detector.serve(version)

    detector.await_condition("Ready", "True", "Succeeded")
    detector.await_condition("Trained", "True", "Succeeded")
    detector.await_condition("Serving", "True", "Succeeded")
    detector.await_condition("Reconciling", "False", "Succeeded")
    detector.await_condition("Stalled", "False", "Succeeded")
    status = detector.read()["status"]
    assert (status["model"]["version"], status["replicas"]) == (1, 1)
    assert status["model"]["metrics"]["rocAuc"] == 0.95
    assert status["endpoint"] == f"http://shuttle.{detector.namespace}.svc"
    assert status["training"]["outcome"] == "Succeeded"
    assert [version["version"] for version in status["versions"]] == [1]


def test_kopf_leaves_neither_annotations_nor_finalizers(detector: Detector) -> None:
    detector.until_ready()

    for kind, name in (("ad", "shuttle"), ("deployment", "shuttle"), ("configmap", "shuttle-serving")):
        metadata = detector.get(kind, name)["metadata"]
        assert "kopf" not in json.dumps(metadata)
        assert "finalizers" not in metadata


def test_a_change_of_the_spec_trains_anew_and_the_old_model_serves_until_the_new_one_passes(detector: Detector) -> None:
    detector.until_ready()
    first_job = detector.job_name

    detector.apply(contamination=0.2)
    detector.await_condition("Ready", "False", "Training")
    detector.await_condition("Serving", "True", "Succeeded")
    assert detector.get("job", first_job) is None
    assert json.loads(_serving(detector))["stable"]["version"] == 1

    version = detector.train()
    until(lambda: json.loads(_serving(detector))["stable"]["version"] == 2, within=WITHIN, what="version 2")
    assert detector.read()["status"]["model"]["version"] == 1, "no pod serves version 2 yet"
    detector.operator.pods.serve(detector.address(0), version)

    detector.await_condition("Ready", "True", "Succeeded")
    assert detector.read()["status"]["model"]["version"] == 2
    assert [version["version"] for version in detector.read()["status"]["versions"]] == [2, 1]


def test_pods_that_serve_something_else_are_told_by_an_annotation_and_not_restarted(detector: Detector) -> None:
    detector.until_ready()
    before = detector.get("deployment", "shuttle")["metadata"]["generation"]

    detector.apply(contamination=0.2)
    detector.train()

    def told() -> bool:
        return "pynomaly.io/serving-hash" in detector.get("pod", "shuttle-0")["metadata"].get("annotations", {})

    until(told, within=WITHIN, what="the pod to be told")
    assert detector.get("deployment", "shuttle")["metadata"]["generation"] == before


def test_going_back_to_a_spec_that_was_trained_trains_nothing(detector: Detector) -> None:
    detector.until_ready()
    detector.apply(contamination=0.2)
    detector.operator.pods.serve(detector.address(0), detector.train())
    detector.await_condition("Ready", "True", "Succeeded")

    detector.apply()
    until(lambda: json.loads(_serving(detector))["stable"]["version"] == 1, within=WITHIN, what="version 1 again")
    detector.operator.pods.serve(detector.address(0), 1)

    detector.await_condition("Ready", "True", "Succeeded")
    assert detector.get("job", detector.job_name) is None
    assert len(detector.operator.registry.versions) >= 2


def test_a_running_job_that_is_superseded_is_deleted(detector: Detector) -> None:
    detector.apply()
    first = detector.await_job()["metadata"]["name"]

    detector.apply(contamination=0.2)
    detector.await_job()

    until(lambda: detector.get("job", first) is None, within=WITHIN, what="the first Job to be deleted")


def test_deleting_the_detector_leaves_nothing(detector: Detector) -> None:
    detector.until_ready()
    assert len(detector.children()) == 10

    detector.kubectl("delete", "ad", "shuttle", detector.here)

    until(lambda: not detector.children(), within=COLLECTED_WITHIN, what="the garbage collector to take the children")


def test_a_detector_made_again_under_its_name_starts_from_nothing(detector: Detector) -> None:
    detector.until_ready()
    old = detector.uid

    detector.kubectl("delete", "ad", "shuttle", detector.here)
    detector.apply()

    until(lambda: not _owned_by(detector, old), within=COLLECTED_WITHIN, what="the old one's children to be collected")
    detector.await_condition("Ready", "False", "Training")
    job = detector.await_job()
    assert detector.uid != old
    assert "model" not in detector.read()["status"]
    assert job["metadata"]["ownerReferences"][0]["uid"] == detector.uid


def test_kubectl_scale_changes_the_number_of_pods(detector: Detector) -> None:
    detector.until_ready()

    detector.kubectl("scale", "ad/shuttle", "--replicas=3", detector.here)

    until(lambda: detector.get("deployment", "shuttle")["spec"]["replicas"] == 3, within=WITHIN, what="3 replicas")
    detector.await_condition("Ready", "False", "RollingOut")
    detector.serve(1, pods=3)
    detector.await_condition("Ready", "True", "Succeeded")
    scale = json.loads(detector.kubectl("get", "--raw", _path(detector) + "/scale"))
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (3, 3)
    selected = detector.kubectl.read("pods", detector.here, f"--selector={scale['status']['selector']}")["items"]
    assert len(selected) == 3


def _serving(detector: Detector) -> str:
    found: str = detector.get("configmap", "shuttle-serving")["data"]["serving.json"]
    return found


def _path(detector: Detector) -> str:
    return f"/apis/pynomaly.io/v1alpha1/namespaces/{detector.namespace}/anomalydetectors/shuttle"


def _owned_by(detector: Detector, uid: str) -> bool:
    children = detector.kubectl.read(CHILD_KINDS, detector.here)["items"]
    return any(owner["uid"] == uid for child in children for owner in child["metadata"].get("ownerReferences", []))
