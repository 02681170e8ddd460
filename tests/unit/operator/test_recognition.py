from tests.unit.operator.resources import full

from pynomaly_operator.children import recognition
from pynomaly_operator.desired.children import children

JOB = next(manifest for manifest in children(full()) if manifest["kind"] == "Job")


def test_an_object_that_lost_its_owner_and_labels_gets_ours_back_beside_those_of_others() -> None:
    team = {"apiVersion": "v1", "kind": "ConfigMap", "name": "team", "uid": "1"}

    found = recognition(JOB["metadata"], {"ownerReferences": [team], "labels": {"team": "blue"}})

    assert found["ownerReferences"] == [team, *JOB["metadata"]["ownerReferences"]]
    assert found["labels"] == JOB["metadata"]["labels"]


def test_our_reference_is_there_once_and_as_we_write_it() -> None:
    (ours,) = JOB["metadata"]["ownerReferences"]

    found = recognition(JOB["metadata"], {"ownerReferences": [{**ours, "controller": False}]})

    assert found["ownerReferences"] == [ours]
