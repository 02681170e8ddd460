"""The operator with many detectors, on a real API server without nodes, beside a bare client.

    python -m tests.bench.operator                              100, 1,000 and 5,000 detectors: about an hour
    python -m tests.bench.operator --detectors 100 --idle 60    one of them, with one idle minute
    python -m tests.bench.operator --write                      also writes the table into docs/benchmarks.md
    python -m tests.bench.operator --profile FOLDER             profiles of the operators, which slow them down

The last lines are JSON, one for each number of detectors.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import document
from tests.bench.operator import creation, settled
from tests.bench.operator.figures import Figures, Memory
from tests.bench.operator.processes import Failed
from tests.bench.operator.stage import Stage, staged
from tests.cluster import bare

MARKER = "operator"
HEAD = ("detectors", "what", "measured", "goal")
COUNTS = (100, 1000, 5000)
IDLE_SECONDS = 600.0
TEXT = """## The operator with many detectors

`make bench-operator`: a kube-apiserver and etcd, the operator as a process of its own, and a stand-in for kubelet,
workload controllers and registry: Jobs end at once, Deployments get a pod. N detectors of 11 children each exist when
the operator starts, with its default settings. It takes turns of half a second with a bare asyncio client that writes
the same objects elsewhere, with the same HTTP library and as many requests at a time; the node works for both. Counts
and times of requests are those of the API server's audit log, the Lease excepted. All share {cores} cores."""


def main() -> int:
    """The command."""
    options = _options()
    reason = bare.unavailable()
    if reason is not None:
        _say(reason)
        return 2
    found = []
    for count in options.detectors:
        try:
            with staged(count, options.profile) as stage:
                found.append(_measured(stage, options.idle))
        except Failed as error:
            _say(f"{count} detectors: {error}")
            return 1
        if options.write:
            _write(found[-1:])
    for figures in found:
        for row in figures.rows().values():
            _say(row)
    for figures in found:
        print(json.dumps(figures.as_json()), flush=True)  # noqa: T201 - a command's output
    return 0


def _measured(stage: Stage, idle_seconds: float) -> Figures:
    load, _, _ = os.getloadavg()
    _say(f"{stage.count} detectors wait for an operator")
    with stage.bare_client() as client, stage.operator("first") as first:
        made = creation.create(stage, first, client)
        client.popen.kill()
        _say(f"all children exist after {made.seconds:.1f} s: {made.ratio:.2f} of the bare client's rate")
        settled.settle(stage, first)
        quiet = settled.latency(stage, first, hot=False)
        beside_hot = settled.latency(stage, first, hot=True)
        settled.settle(stage, first)
        created, most = first.process.memory_mb(), first.process.memory_mb("VmHWM")
        _say(f"edits arrive within {quiet.quantile(0.99):.2f} s; {created:.0f} MB")
        first.process.end()
    with stage.operator("second") as second:
        restart = settled.restart(stage, second)
        _say(f"restarted in {restart.seconds:.1f} s; {restart.writes} writes, {restart.reads}")
        idle = settled.idle(stage, second, idle_seconds, _say)
        memory = Memory(created, second.process.memory_mb(), max(most, second.process.memory_mb("VmHWM")))
        _say(f"idle: {idle.writes} writes, {100 * idle.cpu_share:.1f} % of a core, {memory.restarted:.0f} MB")
        second.process.end()
    return Figures(stage.count, load, made, quiet, beside_hot, restart, idle, memory)


def _write(found: Sequence[Figures]) -> None:
    rows = document.written(MARKER, 2)
    for figures in found:
        rows = {key: row for key, row in rows.items() if key[0] != f"{figures.detectors:,}"} | figures.rows()
    numbers = [(int(key[0].replace(",", "")), row) for key, row in rows.items() if key[0].replace(",", "").isdigit()]
    ordered = [row for _, row in sorted(numbers, key=lambda numbered: numbered[0])]
    text = TEXT.format(cores=os.cpu_count())
    document.write(MARKER, "\n".join([text, "", *document.head(HEAD), *ordered]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.operator", description=__doc__.partition("\n")[0])
    parser.add_argument("--detectors", type=int, nargs="+", default=COUNTS, metavar="N", help="how many, one run each")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, metavar="SECONDS", help="how long nothing happens")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    parser.add_argument("--profile", type=Path, metavar="FOLDER", help="write profiles of the operators there")
    return parser.parse_args()


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201 - a command's output


if __name__ == "__main__":
    sys.exit(main())
