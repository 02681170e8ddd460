"""A namespace that is being deleted takes nothing new, and its detectors go with it."""

from tests.cluster.errors import ClusterError
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.policies import Policy
from tests.controlplane.running_operator import RunningOperator

EVENTS = 2
KEPT = Policy("DELETE", "anomalydetectors", "it is kept for now", ("delete", "ad", "shuttle"))
"""Without it the moment in which a namespace that ends still has a live detector would be short."""


def test_a_namespace_that_is_being_deleted_is_not_stormed(unapplied: Detector, own_operator: RunningOperator) -> None:
    detector = unapplied
    detector.apply()
    with KEPT.in_force(detector):
        detector.kubectl("delete", "namespace", detector.namespace, "--wait=false")
        with own_operator.running():
            condition = detector.await_condition("Ready", "False", "Waiting")
            passes = own_operator.passes()
            until(lambda: own_operator.passes() >= passes + 3, within=WITHIN, what="three more passes")
            refused = own_operator.refused()
    until(lambda: _let_go(detector), within=30, what="the policy to be in force no longer")

    assert "being terminated" in condition["message"]
    assert 1 <= refused <= own_operator.passes() + EVENTS, "one try a pass, of the many children"


def _let_go(detector: Detector) -> bool:
    try:
        detector.kubectl("delete", "ad", "--all", "--wait=false", detector.here)
    except ClusterError as error:
        if KEPT.words not in str(error):
            raise
        return False
    return True
