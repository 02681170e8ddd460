from typing import Any

import pytest

from pynomaly_operator.store import Store

UID = "00000000-0000-4000-8000-000000000001"
KEY = ("ns", "mine")


def _detector(version: int, **changes: Any) -> dict[str, Any]:
    metadata = {
        "namespace": "ns",
        "name": "mine",
        "uid": UID,
        "generation": 1,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-05-01T00:00:00Z",
    }
    return {"metadata": {**metadata, **changes.pop("metadata", {})}, "spec": {}, "status": {}, **changes}


def _owner(name: str, uid: str) -> dict[str, Any]:
    kind = {"apiVersion": "pynomaly.io/v1alpha1", "kind": "AnomalyDetector"}
    return {**kind, "name": name, "uid": uid, "controller": True}


def _child(version: int, uid: str = "c", **metadata: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"f:metadata": {"f:ownerReferences": {f'k:{{"uid":"{UID}"}}': {}}}}
    return {
        "metadata": {
            "namespace": "ns",
            "name": "mine-training",
            "uid": uid,
            "resourceVersion": str(version),
            "creationTimestamp": "2026-05-01T00:00:00Z",
            "annotations": {"pynomaly.io/desired-hash": "h"},
            "ownerReferences": [_owner("mine", UID)],
            "managedFields": [{"manager": "pynomaly", "operation": "Apply", "fieldsV1": fields}],
            **metadata,
        }
    }


def test_a_detector_matters_when_it_is_new_or_changed_and_not_when_only_its_version_moved() -> None:
    store = Store()

    assert store.see_detector(_detector(5)) == KEY
    assert store.see_detector(_detector(6)) is None
    assert store.see_detector(_detector(7, spec={"suspend": True})) == KEY
    assert store.see_detector(_detector(8, metadata={"deletionTimestamp": "2026-05-02T00:00:00Z"})) == KEY


def test_an_event_from_before_our_own_write_changes_nothing() -> None:
    store = Store()
    store.see_detector(_detector(9, status={"replicas": 1}))
    store.see_child("ConfigMap", _child(9))

    assert store.see_detector(_detector(8, status={})) is None
    assert store.see_child("ConfigMap", _child(8, annotations={})) == ()
    assert store.detectors[KEY].status == {"replicas": 1}
    child = store.child(KEY, ("ConfigMap", "mine-training"))
    assert child is not None
    assert child.hash == "h"


def test_what_we_applied_is_given_back_with_the_detectors_uid_in_place() -> None:
    store = Store()
    store.see_child("ConfigMap", _child(1))

    child = store.child(KEY, ("ConfigMap", "mine-training"))

    assert child is not None
    assert child.fields(UID) == {"f:metadata": {"f:ownerReferences": {f'k:{{"uid":"{UID}"}}': {}}}}


def test_what_a_child_was_made_with_by_a_plain_request_counts_as_applied_while_nothing_was() -> None:
    store, child = Store(), _child(1)
    made = {"manager": "pynomaly", "operation": "Update", "fieldsV1": {"f:data": {"f:current": {}}}}
    key_status = {**made, "subresource": "status", "fieldsV1": {"f:status": {}}}
    child["metadata"]["managedFields"] = [key_status, {**made, "manager": "kubectl"}, made]
    store.see_child("Secret", child)
    applied = _child(2)
    applied["metadata"]["managedFields"].append(made)

    found = store.child(KEY, ("Secret", "mine-training"))
    assert found is not None
    assert found.fields(UID) == {"f:data": {"f:current": {}}}

    store.see_child("Secret", applied)
    found = store.child(KEY, ("Secret", "mine-training"))
    assert found is not None
    assert found.fields(UID) == {"f:metadata": {"f:ownerReferences": {f'k:{{"uid":"{UID}"}}': {}}}}


def test_a_child_that_is_deleted_is_forgotten_and_a_late_word_of_an_earlier_one_is_not_taken_for_it() -> None:
    store = Store()
    store.see_child("ConfigMap", _child(1, uid="old"))
    store.see_child("ConfigMap", _child(5, uid="new"))

    assert store.forget_child("old") is None
    assert set(store.children(KEY)) == {("ConfigMap", "mine-training")}
    assert store.forget_child("new") == KEY
    assert store.children(KEY) == {}


def test_what_is_told_late_of_an_object_that_was_deleted_does_not_make_a_ghost_of_it() -> None:
    store = Store()
    store.see_child("ConfigMap", _child(2))
    store.see_detector(_detector(3))

    assert store.child_deleted(_child(5)["metadata"]) == KEY
    store.detector_deleted(_detector(6)["metadata"])
    assert store.see_child("ConfigMap", _child(2)) == ()
    assert store.see_detector(_detector(3)) is None

    assert (store.children(KEY), store.detectors) == ({}, {})


def test_a_child_that_was_told_to_be_gone_before_it_was_listed_is_no_ghost_either() -> None:
    store = Store()

    assert store.child_deleted(_child(5)["metadata"]) is None
    assert store.see_child("ConfigMap", _child(2)) == ()

    assert store.children(KEY) == {}


def test_a_child_that_lost_its_labels_and_got_them_back_is_a_child_again() -> None:
    store = Store()
    store.see_child("ConfigMap", _child(2))
    store.child_deleted(_child(5)["metadata"])

    assert store.see_child("ConfigMap", _child(6)) == (KEY,)
    assert set(store.children(KEY)) == {("ConfigMap", "mine-training")}


def test_the_secret_of_a_detector_that_was_deleted_is_forgotten_for_no_watch_tells_of_it() -> None:
    store = Store()
    store.see_detector(_detector(3))
    store.see_child("Secret", _child(4, "s"))
    store.see_child("ConfigMap", _child(5))

    store.detector_deleted(_detector(6)["metadata"])

    assert set(store.children(KEY)) == {("ConfigMap", "mine-training")}
    assert not store.knows("s")


def test_a_detector_of_the_same_name_as_one_that_was_deleted_stays() -> None:
    store = Store()
    store.see_detector(_detector(9, metadata={"uid": "another"}))

    store.detector_deleted(_detector(8)["metadata"])

    assert store.detectors[KEY].uid == "another"


def test_how_far_each_object_is_known_is_told_by_uid_also_of_what_went() -> None:
    store = Store()
    store.see_detector(_detector(3))
    store.see_child("ConfigMap", _child(4))
    store.child_deleted(_child(5, uid="went")["metadata"])

    assert store.latest() == {UID: 3, "c": 4, "went": 5}


def test_a_child_without_its_owner_is_looked_at_afresh() -> None:
    store = Store()
    store.see_child("ConfigMap", _child(1))

    assert store.see_child("ConfigMap", _child(2, ownerReferences=[])) == (KEY,)
    assert store.children(KEY) == {}


def test_a_child_that_is_given_to_another_detector_matters_to_both_and_is_the_others_alone() -> None:
    store, theirs = Store(), [_owner("theirs", "another")]
    store.see_child("ConfigMap", _child(1))

    assert set(store.see_child("ConfigMap", _child(2, ownerReferences=theirs))) == {KEY, ("ns", "theirs")}

    assert store.children(KEY) == {}
    assert store.see_child("ConfigMap", _child(1)) == (), "an event from before"
    assert set(store.children(("ns", "theirs"))) == {("ConfigMap", "mine-training")}
    assert store.forget_child("c") == ("ns", "theirs")
    assert store.children(("ns", "theirs")) == {}


def test_a_detector_is_no_longer_busy_with_a_job_that_was_given_to_another() -> None:
    store = Store()
    store.see_child("Job", _child(1))

    store.see_child("Job", _child(2, ownerReferences=[_owner("theirs", "another")]))

    assert store.busy("Job") == {("ns", "theirs")}


@pytest.mark.parametrize("change", [{"annotations": {}}, {"managedFields": []}, {"deletionTimestamp": "x"}])
def test_a_change_that_could_need_repair_matters(change: dict[str, Any]) -> None:
    store = Store()
    store.see_child("ConfigMap", _child(1))

    assert store.see_child("ConfigMap", _child(2, labels={"foreign": "label"})) == ()
    assert store.see_child("ConfigMap", _child(3, **change)) == (KEY,)


def test_a_detector_is_busy_while_its_job_runs_and_no_longer_when_that_ends_or_goes() -> None:
    store, ended = Store(), {"status": {"conditions": [{"type": "Failed", "status": "True"}]}}
    store.see_child("Job", _child(1))
    assert store.busy("Job") == {KEY}

    store.see_child("Job", {**_child(2), **ended})
    assert store.busy("Job") == set()

    store.see_child("Job", _child(3, uid="next"))
    store.forget_child("next")
    assert store.busy("Job") == set()


@pytest.mark.parametrize(
    ("status", "busy"),
    [
        ({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}, True),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "readyReplicas": 3}, True),
        ({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "readyReplicas": 3}, True),
        ({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 1}, False),
        (
            {
                "observedGeneration": 2,
                "replicas": 3,
                "updatedReplicas": 1,
                "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}],
            },
            False,
        ),
    ],
    ids=["not seen yet", "one of two", "an old one is left", "all are new", "stuck"],
)
def test_a_detector_is_busy_while_its_deployment_rolls(status: dict[str, Any], busy: bool) -> None:
    store = Store()

    store.see_child("Deployment", {**_child(1, generation=2), "spec": {"replicas": 2}, "status": status})

    assert store.busy("Deployment") == ({KEY} if busy else set())
