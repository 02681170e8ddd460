"""What it takes to be alive: somebody works, and every watch is heard."""

from collections.abc import Callable
from dataclasses import dataclass

from pynomaly_operator.watch_activity import WatchActivity
from pynomaly_operator.workqueue import WorkQueue


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds."""

    stuck: float = 300.0
    """A detector that waits longer than this for a worker, or for its pass to end, means that the workers hang."""
    silent: float = 240.0
    """Three bookmarks and a new connection should have come by then."""
    unanswered: float = 30.0
    """Without an answer of the API server for longer than this, its watches are silent for no fault of ours."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """Judges by these."""

    queue: WorkQueue
    watches: WatchActivity
    unanswered: Callable[[], float]
    """For how long the API server has not answered."""
    bounds: Bounds = Bounds()

    def complaint(self) -> str | None:
        """Why a new process is needed; None when none is."""
        bounds = self.bounds
        if self.queue.oldest > bounds.stuck:
            return f"a detector has waited {self.queue.oldest:.0f} s for a worker"
        if self.queue.longest > bounds.stuck:
            return f"the pass for a detector has run for {self.queue.longest:.0f} s"
        path, silence = self.watches.silence()
        if silence > bounds.silent and self.unanswered() < bounds.unanswered:
            return f"the watch of {path} has been silent for {silence:.0f} s, while the API server answers"
        return None
