"""A child that is another's copy of what the operator wrote."""

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import RunningOperator

SERVING = "shuttle-serving"
DATA = {"serving.json": '{"format": 1, "registry": "http://evil.example"}'}


def test_a_copy_of_a_child_with_all_its_annotations_is_not_taken_for_what_was_written(
    unapplied: Detector, own_operator: RunningOperator
) -> None:
    with own_operator.running():
        unapplied.until_ready()
    written = unapplied.get("configmap", SERVING)
    metadata = {part: written["metadata"][part] for part in ("labels", "annotations", "ownerReferences")}
    named = {**metadata, "name": SERVING, "namespace": unapplied.namespace}
    unapplied.kubectl("delete", "configmap", SERVING, unapplied.here)
    unapplied.kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": DATA})
    assert unapplied.get("configmap", SERVING)["data"] == DATA

    with own_operator.running():
        until(lambda: unapplied.get("configmap", SERVING)["data"] == written["data"], within=WITHIN, what="our content")
