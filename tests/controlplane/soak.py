"""`make soak`: every point of the sweeps, on a control plane of its own, into docs/reliability.md.

Usage: python -m tests.controlplane.soak [crash]
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import bare
from tests.cluster.control_plane import ControlPlane
from tests.controlplane import crash_sweep
from tests.controlplane.conftest import CRD
from tests.controlplane.crash_sweep import CrashSweep
from tests.controlplane.lives import Worlds, worlds
from tests.controlplane.reliability import Table, write
from tests.unit.inference.registry.harness import running, settings_for

PARALLEL = 6


async def crash(made: Worlds) -> Table:
    """The operator is killed at every request of a life, on both sides of it."""
    reference = await crash_sweep.uninterrupted(made)
    started, points = time.monotonic(), crash_sweep.every(len(reference.asked))
    survived = await CrashSweep(made, reference.children, PARALLEL).over(points)
    hit = [life for life in survived if life.hit is not None]
    text = (
        f"N = {len(reference.asked)}: {len(hit)} lives whose operator was killed at its N-th request and started "
        f"again, {len(survived) - len(hit)} that ended before it; {time.monotonic() - started:.0f} s, "
        f"{PARALLEL} lives at a time."
    )
    return Table(text, ("request", "killed before it", "killed after it"), crash_sweep.summary(survived))


SWEEPS: dict[str, Callable[[Worlds], Awaitable[Table]]] = {"crash": crash}


@contextmanager
def _plane(folder: Path) -> Iterator[ControlPlane]:
    with bare.running(folder) as plane:
        plane.kubectl("apply", "--server-side", f"--filename={CRD}")
        plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"--filename={CRD}")
        yield plane


async def _soak(plane: ControlPlane, folder: Path, names: list[str]) -> None:
    with running(settings_for(folder / "registry.db")) as registry:
        async with worlds(plane, registry, folder) as made:
            for name in names:
                table = await SWEEPS[name](made)
                write(name, table)
                print(f"{name}: {table.text}")  # noqa: T201 - a command's output


def main() -> None:
    """Runs the sweeps that are named, or all."""
    names = sys.argv[1:] or list(SWEEPS)
    with tempfile.TemporaryDirectory(prefix="pynomaly-soak-") as folder:
        (Path(folder) / "plane").mkdir()
        with _plane(Path(folder) / "plane") as plane:
            asyncio.run(_soak(plane, Path(folder), names))


if __name__ == "__main__":
    main()
