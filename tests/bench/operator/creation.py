"""All children of N detectors, beside a bare client that writes the same objects in turns with the operator."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.bench.operator.audited import Answered
from tests.bench.operator.detectors import CHILDREN
from tests.bench.operator.processes import Failed, Operator, Process
from tests.bench.operator.stage import Stage

SLICE_SECONDS = 0.5
DRAIN_SECONDS = 0.05
"""For what was under way when the one was stopped, before the other goes on."""
WARM_WRITES = 100
FIRST_SECONDS = 120
MOST_SECONDS = 600
"""And as many as there are detectors: then it is given up."""


@dataclass(frozen=True, slots=True)
class Creation:
    """What the operator did until every child existed, and what the bare client did in its turns."""

    seconds: float
    """Of the operator's turns, from its first child write to the last child that was missing."""
    children: int
    """Those that were missing: what is applied twice counts once."""
    requests: dict[str, int]
    """All of the operator's, by verb and resource."""
    cpu: float
    """Of the operator since its first child write."""
    bare_seconds: float
    bare_children: int
    bare_cpu: float

    @property
    def rate(self) -> float:
        """Children a second."""
        return self.children / self.seconds

    @property
    def bare_rate(self) -> float:
        """The bare client's."""
        return self.bare_children / self.bare_seconds

    @property
    def ratio(self) -> float:
        """The operator's rate to the bare client's."""
        return self.rate / self.bare_rate

    @property
    def cpu_ms(self) -> float:
        """CPU of the operator for one child, all that it does beside included."""
        return 1000 * self.cpu / self.children

    @property
    def bare_cpu_ms(self) -> float:
        """CPU of the bare client for one child."""
        return 1000 * self.bare_cpu / self.bare_children


@dataclass
class _Turn:
    """A process that takes turns, and what it did in them."""

    process: Process
    seconds: float = 0.0
    cpu: float = 0.0

    def take(self, seconds: float) -> None:
        """Goes on for so long."""
        cpu, began = self.process.cpu(), time.monotonic()
        self.process.signal(signal.SIGCONT)
        time.sleep(seconds)
        self.process.signal(signal.SIGSTOP)
        self.seconds += time.monotonic() - began
        time.sleep(DRAIN_SECONDS)
        self.cpu += self.process.cpu() - cpu


@dataclass
class _Account:
    """What the audit log tells of the two."""

    stage: Stage
    user: str
    requests: list[Answered] = field(default_factory=list)
    bare: int = 0
    children: set[tuple[str, tuple[str, str]]] = field(default_factory=set)

    def read(self) -> None:
        """Reads on."""
        for request in self.stage.audit.news():
            if request.user == self.user:
                self.requests.append(request)
                if request.child:
                    self.children.add((request.resource, request.place))
            elif request.user == "bare" and request.child:
                self.bare += 1

    @property
    def complete(self) -> bool:
        """Whether every child has been written."""
        return len(self.children) >= CHILDREN * self.stage.count

    @property
    def applies(self) -> list[Answered]:
        """The operator's child writes."""
        return [request for request in self.requests if request.child]


def create(stage: Stage, operator: Operator, bare: Process) -> Creation:
    """Runs the two in turns until every child exists. The bare client has begun, and the operator has just started."""
    account = _Account(stage, operator.user)
    _until(account, lambda: account.bare >= WARM_WRITES, "the bare client to write")
    bare.signal(signal.SIGSTOP)
    _until(account, lambda: bool(account.children), "the operator to write its first child")
    account.bare, first, spent = 0, account.applies[0].received, operator.process.cpu()
    ours, theirs = _Turn(operator.process), _Turn(bare)
    deadline = time.monotonic() + MOST_SECONDS + stage.count
    began = time.time()
    slice_ended = began
    while not account.complete:
        if time.monotonic() > deadline:
            raise Failed(f"{len(account.children)} of {CHILDREN * stage.count} children exist, and the time is over")
        ours.take(SLICE_SECONDS)
        slice_ended = time.time()
        account.read()
        if not account.complete:
            theirs.take(SLICE_SECONDS)
            account.read()
    operator.process.signal(signal.SIGCONT)
    applies = account.applies
    last = max(request.answered for request in applies)
    unused = max(0.0, slice_ended - last - DRAIN_SECONDS)
    return Creation(
        seconds=(began - first) + ours.seconds - unused,
        children=len(account.children),
        requests=dict(Counter(f"{request.verb} {request.resource}" for request in account.requests)),
        cpu=operator.process.cpu() - spent,
        bare_seconds=theirs.seconds,
        bare_children=account.bare,
        bare_cpu=theirs.cpu,
    )


def _until(account: _Account, check: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + FIRST_SECONDS
    while not check():
        if time.monotonic() > deadline:
            raise Failed(f"waited {FIRST_SECONDS} s in vain for {what}")
        time.sleep(0.02)
        account.read()
