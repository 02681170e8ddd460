"""What one benchmark came to, its goals, and how both are told."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.bench.document import Key, line
from tests.bench.operator.creation import Creation
from tests.bench.operator.settled import Idle, Latency, Restart

RATIO_GOAL = 0.7
IDLE_CPU_GOAL = 0.02
P99_GOAL = 1.0
RESTART_GOAL_SECONDS = {1000: 15.0}
MEMORY_GOAL_MB = {1000: 300.0, 5000: 700.0}


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident megabytes."""

    created: float
    """Of the operator that made everything, when nothing is left to do."""
    restarted: float
    """Of the one after it, after its idle minutes."""
    most: float
    """Of both, at any time."""

    @property
    def steady(self) -> float:
        """What it holds when nothing happens."""
        return max(self.created, self.restarted)


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is measured for one number of detectors."""

    detectors: int
    load: float
    """Of the machine before the run: its 1-minute average."""
    creation: Creation
    quiet: Latency
    beside_hot: Latency
    restart: Restart
    idle: Idle
    memory: Memory

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        creation, restart = self.creation, self.restart
        return {
            "detectors": self.detectors,
            "ratio_to_bare_client": round(creation.ratio, 3),
            "create_requests": creation.requests,
            "create_seconds": round(creation.seconds, 1),
            "children_per_second": round(creation.rate),
            "bare_children_per_second": round(creation.bare_rate),
            "cpu_ms_per_child": round(creation.cpu_ms, 3),
            "bare_cpu_ms_per_child": round(creation.bare_cpu_ms, 3),
            "edit_p50_seconds": round(self.quiet.quantile(0.5), 4),
            "edit_p99_seconds": round(self.quiet.quantile(0.99), 4),
            "edit_p99_beside_hot_seconds": round(self.beside_hot.quantile(0.99), 4),
            "restart_seconds": round(restart.seconds, 1),
            "restart_cpu_seconds": round(restart.cpu, 1),
            "restart_writes": restart.writes,
            "restart_reads": restart.reads,
            "idle_seconds": round(self.idle.seconds),
            "idle_writes": self.idle.writes,
            "idle_cpu": round(self.idle.cpu_share, 4),
            "memory_mb": round(self.memory.steady),
            "memory_most_mb": round(self.memory.most),
            "load": self.load,
        }

    def rows(self) -> dict[Key, str]:
        """Lines of the table, by detectors and measure."""
        count = f"{self.detectors:,}"
        return {(count, what): line(count, what, *told) for what, told in self._told()}

    def _told(self) -> Iterator[tuple[str, tuple[str, str]]]:
        creation, restart, idle = self.creation, self.restart, self.idle
        yield "load average of the machine before", (f"{self.load:.1f}", "")
        asked = f"{creation.children:,} children by {sum(creation.requests.values()):,} requests, statuses and events"
        yield "until all children exist", (f"{creation.seconds:.1f} s: {asked} included", "")
        rates = f"{creation.rate:.0f} / {creation.bare_rate:.0f} = **{creation.ratio:.2f}**"
        yield "children a second: operator / bare client", (rates, judged(creation.ratio >= RATIO_GOAL, ">= 0.7"))
        cpu = f"{creation.cpu_ms:.2f} / {creation.bare_cpu_ms:.2f} ms"
        yield "CPU of the client per child: operator, all its work / bare client", (cpu, "")
        yield "edit to children changed: p50, p99", self._edits(self.quiet)
        yield "the same beside a detector that is edited all the time", self._edits(self.beside_hot)
        goal = RESTART_GOAL_SECONDS.get(self.detectors)
        seconds = "" if goal is None else judged(restart.seconds <= goal, f"<= {goal:.0f} s")
        yield "restart to steady", (f"{restart.seconds:.1f} s, {restart.cpu:.1f} s of CPU", seconds)
        asked = f"{restart.writes}; {_reads(restart.reads)}"
        yield "writes of a restart; reads", (asked, judged(not restart.writes, "0"))
        minutes = f"{idle.writes} in {idle.seconds / 60:.1f} min; {idle.reads / idle.seconds:.1f} reads a second"
        yield "writes while idle", (minutes, judged(not idle.writes, "0"))
        share = judged(idle.cpu_share <= IDLE_CPU_GOAL, "<= 2 %")
        yield "CPU while idle", (f"{100 * idle.cpu_share:.1f} % of a core", share)
        most = MEMORY_GOAL_MB.get(self.detectors)
        held = "" if most is None else judged(self.memory.steady <= most, f"<= {most:.0f} MB")
        memory = f"{self.memory.created:.0f} MB, {self.memory.restarted:.0f} MB; {self.memory.most:.0f} MB"
        yield "memory (RSS) after creating, after a restart and idle; at most", (memory, held)

    def _edits(self, latency: Latency) -> tuple[str, str]:
        p50, p99 = latency.quantile(0.5), latency.quantile(0.99)
        goal = judged(p99 <= P99_GOAL, "p99 <= 1 s") if self.detectors <= 1000 else ""
        return f"{1000 * p50:.0f} ms, {1000 * p99:.0f} ms", goal


def judged(reached: bool, goal: str) -> str:
    """The goal and whether it was reached."""
    return f"{goal}: {'reached' if reached else 'missed'}"


def _reads(reads: dict[str, int]) -> str:
    by_verb: dict[str, int] = {}
    for what, count in reads.items():
        by_verb[what.split()[0]] = by_verb.get(what.split()[0], 0) + count
    return ", ".join(f"{count:,} {verb}" for verb, count in sorted(by_verb.items()))
