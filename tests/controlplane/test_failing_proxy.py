"""Whatever answers in the API server's place, the operator goes on."""

from dataclasses import replace
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.polling import until
from tests.controlplane.detectors import WITHIN, Detector
from tests.controlplane.failing_proxy import FailingProxy


def test_an_operator_outlives_a_proxy_that_fails_at_its_start_and_while_it_works(
    unapplied: Detector, plane: ControlPlane, tmp_path: Path
) -> None:
    proxy = FailingProxy(plane)
    with proxy.running():
        unapplied.operator = replace(unapplied.operator, kubeconfig=proxy.kubeconfig(tmp_path))
        proxy.fail("page", "close")
        with unapplied.operator.running():
            assert proxy.failed == 2, "it started nevertheless"
            unapplied.until_ready()

            proxy.fail(*("page", "close") * 10)
            unapplied.kubectl("delete", "service", "shuttle", unapplied.here)

            until(lambda: proxy.failed == 22, within=60, what="all failures to be met")
            unapplied.await_child("service", "shuttle")
            passes = unapplied.operator.passes()
            until(lambda: unapplied.operator.passes() >= passes + 2, within=WITHIN, what="two more passes")
            assert unapplied.condition("Ready")["status"] == "True"
