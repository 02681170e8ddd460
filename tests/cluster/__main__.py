"""The test cluster from the command line: `python -m tests.cluster COMMAND`, in the root of the checkout."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from tests.cluster import bare, cluster, images, installation, own_node, packages, preparation, tools
from tests.cluster.errors import ClusterError
from tests.cluster.images import Recipe

_TIERS = {"controlplane": bare.unavailable, "cluster": cluster.unavailable, "node": own_node.unavailable}


def main() -> int:
    """Runs one command; an error is a sentence on standard error and the exit code 1."""
    arguments = _parser().parse_args()
    command: Callable[[argparse.Namespace], int] = arguments.command
    try:
        return command(arguments)
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _up(_: argparse.Namespace) -> int:
    seconds = own_node.up()
    sys.stderr.write("It was up.\n" if seconds is None else f"Ready in {seconds:.1f} s.\n")
    _print(f"export KUBECONFIG={shlex.quote(str(own_node.kubeconfig()))}")
    _print(f"export PATH={shlex.quote(str(own_node.programs()))}:$PATH")
    return 0


def _down(_: argparse.Namespace) -> int:
    own_node.down()
    return 0


def _status(_: argparse.Namespace) -> int:
    up = own_node.is_up()
    _print(f"up: export KUBECONFIG={own_node.kubeconfig()}" if up else "down")
    return 0 if up else 3


def _prepare(_: argparse.Namespace) -> int:
    preparation.prepare()
    return 0


def _images(_: argparse.Namespace) -> int:
    own_node.verify_up()
    packages.install()
    installation.build(images.base(), *installation.PROGRAMS)
    for program in installation.PROGRAMS:
        own_node.load(installation.image(program))
        _print(installation.image(program))
    return 0


def _tools(_: argparse.Namespace) -> int:
    """Prints the folders with the binaries, for PATH and KUBEBUILDER_ASSETS."""
    packages.install()
    _print(tools.built(tools.CONTROL_PLANE))
    _print(tools.built(tools.RUNTIME))
    return 0


def _base(_: argparse.Namespace) -> int:
    packages.install()
    _print(images.python_image())
    return 0


def _image(arguments: argparse.Namespace) -> int:
    packages.install()
    base = {"PYTHON_IMAGE": images.base()}
    images.build(arguments.name, Recipe(arguments.context, arguments.file, arguments.target, base))
    return 0


def _load(arguments: argparse.Namespace) -> int:
    own_node.load(arguments.name)
    return 0


def _available(arguments: argparse.Namespace) -> int:
    reason = _TIERS[arguments.tier]()
    if reason:
        _print(reason)
    return 1 if reason else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="One Kubernetes node for tests.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command, told in (
        ("prepare", _prepare, "make what takes minutes and is made once, and tell how long each step took"),
        ("up", _up, "start the node, and print what a shell has to export to use it"),
        ("images", _images, "build the project's four images, and bring them to the node"),
        ("down", _down, "end it, and remove everything but its logs"),
        ("status", _status, "tell whether it is up (exit code 0) or not (3)"),
        ("tools", _tools, "compile what is not cached, and print the folders of the binaries"),
        ("base", _base, "make the base image of test images unless it is cached, and print its name"),
    ):
        commands.add_parser(name, help=told).set_defaults(command=command)
    image = commands.add_parser("image", help="build an image on the base image, or on PYTHON_IMAGE")
    image.add_argument("name", help="such as localhost/server:1")
    image.add_argument("--file", type=Path, required=True, help="the Dockerfile")
    image.add_argument("--target", help="the stage to build")
    image.add_argument("--context", type=Path, default=Path())
    image.set_defaults(command=_image)
    load = commands.add_parser("load", help="bring a built image to the node")
    load.add_argument("name")
    load.set_defaults(command=_load)
    available = commands.add_parser("available", help="tell why a tier of tests cannot run here (exit code 1)")
    available.add_argument("tier", choices=sorted(_TIERS))
    available.set_defaults(command=_available)
    return parser


def _print(line: object) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
