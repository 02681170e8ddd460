from typing import Any

import pytest

from pynomaly_operator.ownership import Belongs, belongs


def _owner(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "pynomaly.io/v1alpha1",
        "kind": "AnomalyDetector",
        "name": "mine",
        "uid": "1",
        "controller": True,
        **changes,
    }


MARK = {"pynomaly.io/detector-uid": "1"}


@pytest.mark.parametrize(
    ("metadata", "whose"),
    [
        ({"ownerReferences": [_owner()]}, Belongs.OURS),
        ({"ownerReferences": [_owner(uid="0")]}, Belongs.PREDECESSORS),
        ({"ownerReferences": [_owner(uid="0", name="other")]}, Belongs.FOREIGN),
        ({"ownerReferences": [_owner(controller=False)]}, Belongs.FOREIGN),
        ({"ownerReferences": [_owner(apiVersion="evil.io/v1")]}, Belongs.FOREIGN),
        ({"ownerReferences": [_owner(kind="Deployment")], "labels": MARK}, Belongs.FOREIGN),
        ({"labels": MARK}, Belongs.OURS),
        ({"labels": {"pynomaly.io/detector-uid": "2"}}, Belongs.FOREIGN),
        ({}, Belongs.FOREIGN),
    ],
    ids=[
        "controlled",
        "controlled by the deleted one of this name",
        "another's",
        "owned but not controlled",
        "another group",
        "controlled by another kind in spite of the label",
        "orphaned with our label",
        "orphaned with another's label",
        "unknown",
    ],
)
def test_the_controllers_uid_says_whose_an_object_is(metadata: dict[str, Any], whose: Belongs) -> None:
    assert belongs(metadata, "mine", "1") is whose
