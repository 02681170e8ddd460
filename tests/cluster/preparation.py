"""Everything that takes minutes and is made once: packages, tools, base image, images."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.cluster import images, installation, own_node, packages, tools
from tests.cluster.errors import ClusterError
from tests.cluster.runtime import PAUSE_IMAGE

Step = tuple[str, Callable[[], object]]


def prepare() -> None:
    """Makes what is not there yet, and tells how long each step took.

    Raises:
        ClusterError: this machine lacks something, or a step failed.
    """
    reason = own_node.unavailable()
    if reason:
        raise ClusterError(reason)
    begun = time.monotonic()
    _take(("packages", packages.install))
    # Compilers fill the processors while the images wait for downloads and for dpkg.
    with ThreadPoolExecutor() as pool:
        compiled = pool.submit(_take_all, *_tool_steps())
        built = pool.submit(_take_all, *_image_steps())
        for done in (compiled, built):
            done.result()
    _say("altogether", time.monotonic() - begun)


def _tool_steps() -> list[Step]:
    kinds = (tools.CONTROL_PLANE, tools.RUNTIME, tools.POLICIES)
    return [(f"{kind.name} tools", partial(tools.built, kind)) for kind in kinds]


def _image_steps() -> list[Step]:
    return [
        ("base image", images.base),
        ("pause image", partial(images.pause_archive, PAUSE_IMAGE)),
        *((f"{program} image", partial(_build, program)) for program in installation.PROGRAMS),
    ]


def _build(program: str) -> None:
    installation.build(images.base(), program)


def _take_all(*steps: Step) -> None:
    for step in steps:
        _take(step)


def _take(step: Step) -> None:
    name, work = step
    begun = time.monotonic()
    work()
    _say(name, time.monotonic() - begun)


def _say(name: str, seconds: float) -> None:
    sys.stderr.write(f"{name:20} {seconds:7.1f} s\n")
