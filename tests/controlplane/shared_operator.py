"""The operator that tests share, in all namespaces: it is at work only while no test has one of its own."""

from contextlib import ExitStack
from pathlib import Path

from tests.controlplane.running_operator import RunningOperator


class SharedOperator:
    """Started when a test wants it, and ended when one must be alone: two that run at once would fight."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._running = ExitStack()
        self._operator: RunningOperator | None = None

    def at_work(self) -> RunningOperator:
        """One that runs."""
        if self._operator is None:
            operator = RunningOperator(self._kubeconfig)
            self._running.enter_context(operator.running())
            self._operator = operator
        return self._operator

    def end(self) -> None:
        """No operator is at work any more; its error is raised."""
        self._operator = None
        self._running.close()
