"""Kubernetes and what it runs on, compiled from pinned Go modules into a cache."""

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import places
from tests.cluster.caching import cached, key
from tests.cluster.commands import run, succeeds
from tests.cluster.errors import ClusterError

_POLITELY = ("nice", "-n", "15")


@dataclass(frozen=True)
class ToolSet:
    """The `tool` directives of one Go module, and commands of its own."""

    name: str
    minutes: int
    """How long a first build takes on two cores."""
    own: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    cgo: bool = False

    @property
    def sources(self) -> Path:
        """The module's folder."""
        return places.SOURCES / self.name

    @property
    def pins(self) -> str:
        """The text of go.mod."""
        return (self.sources / "go.mod").read_text()


# Two modules: containerd and Kubernetes need different versions of client-go.
CONTROL_PLANE = ToolSet("controlplane", minutes=10, own=("./dns",))
KIND = ToolSet("kind", minutes=1)
POLICIES = ToolSet("policies", minutes=1)
RUNTIME = ToolSet("runtime", minutes=3, tags=("seccomp",), cgo=True)


def built(tools: ToolSet) -> Path:
    """The folder of the set's binaries, compiled now if the cache has none from exactly these sources and flags."""
    checksums = (tools.sources / "go.sum").read_text()
    commands = [(tools.sources / command / "main.go").read_text() for command in tools.own]
    version = run("go", "-C", tools.sources, "env", "GOVERSION", "GOARCH")
    name = key(tools.pins, checksums, *commands, version, *_flags(tools), str(tools.cgo))

    def build(folder: Path) -> None:
        _say(f"Compiling the {tools.name} tools into {places.cache()} (about {tools.minutes} minutes, once)")
        _build(tools, folder)

    return cached(places.cache() / "tools" / f"{tools.name}-{name}", build)


def pause() -> Path:
    """The folder with the static program that holds a pod's namespaces, compiled from C."""
    source = places.SOURCES / "pause" / "pause.c"

    def build(folder: Path) -> None:
        run("gcc", "-Os", "-static", "-s", "-o", folder / "pause", source)

    return cached(places.cache() / "tools" / f"pause-{key(source.read_bytes())}", build)


def kubernetes_version() -> str:
    """The version that go.mod pins, such as v1.36.3."""
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", CONTROL_PLANE.pins, re.MULTILINE)
    if found is None:
        raise ClusterError(f"{CONTROL_PLANE.sources / 'go.mod'} pins no k8s.io/kubernetes.")
    return found[1]


def unbuildable() -> str | None:
    """Why this machine cannot compile the tools, in one sentence; None when it can."""
    wanted = max(_go_directive(CONTROL_PLANE), _go_directive(RUNTIME))
    if shutil.which("go") is None:
        return f"Go is not installed; install Go {'.'.join(map(str, wanted))} or newer."
    # Asked inside the newest module, an old Go either fetches the toolchain it is allowed to fetch, or refuses.
    if not all(succeeds("go", "-C", tools.sources, "env", "GOVERSION") for tools in (CONTROL_PLANE, RUNTIME)):
        return f"The installed Go is too old; install Go {'.'.join(map(str, wanted))} or newer."
    return None


def _build(tools: ToolSet, folder: Path) -> None:
    environment = {**os.environ, "CGO_ENABLED": "1" if tools.cgo else "0", "GOWORK": "off"}
    packages = run("go", "list", "-f", "{{.ImportPath}}", "tool", folder=tools.sources).split()
    run(
        *_POLITELY,
        "go",
        "build",
        *_flags(tools),
        "-o",
        folder,
        *packages,
        *tools.own,
        folder=tools.sources,
        environment=environment,
    )
    etcd = folder / "server"  # etcd's main package lies in a folder of that name
    if etcd.exists():
        etcd.rename(folder / "etcd")


def _flags(tools: ToolSet) -> tuple[str, ...]:
    """The flags of `go build`. Unstamped, every client would be told Kubernetes v0.0.0.

    What `-s -w` strip, DWARF too, costs the compilers a seventh of their time if they make it.
    """
    version = kubernetes_version()
    major, minor, _ = version.removeprefix("v").split(".")
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    link = ["-s", "-w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamps.items())]
    tags, bare = f"-tags={','.join(tools.tags)}", "-gcflags=all=-dwarf=false"
    return ("-mod=readonly", "-trimpath", tags, bare, f"-ldflags={' '.join(link)}")


def _go_directive(tools: ToolSet) -> tuple[int, ...]:
    found = re.search(r"^go ([\d.]+)$", tools.pins, re.MULTILINE)
    if found is None:
        raise ClusterError(f"{tools.sources / 'go.mod'} names no Go version.")
    return tuple(int(part) for part in found[1].split("."))


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
