"""A namespace that is being deleted takes nothing new, and its detectors go with it."""

from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.running_operator import RunningOperator

EVENTS = 2


def test_a_namespace_that_is_being_deleted_is_not_stormed(unapplied: Detector, own_operator: RunningOperator) -> None:
    detector = unapplied
    detector.apply()
    detector.kubectl("delete", "namespace", detector.namespace, "--wait=false")

    with own_operator.running():
        condition = detector.await_condition("Ready", "False", "Waiting")
        passes = own_operator.passes()
        until(lambda: own_operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
        refused = own_operator.refused()

    assert "being terminated" in condition["message"]
    assert 1 <= refused <= own_operator.passes() + EVENTS, "one try a pass, of the many children"
