"""An S3 server of the tests' own: VersityGW, which checks signatures, over a temporary folder."""

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.cluster import places
from tests.cluster.caching import cached, key
from tests.cluster.commands import run

ACCESS_KEY, SECRET_KEY = "trainer", "s3cr3t/with+signs="
_MODULE = Path(__file__).parent / "versitygw"
_START_SECONDS = 30


@dataclass(frozen=True)
class S3Server:
    """Where it listens, and the folder whose folders are its buckets."""

    port: int
    buckets: Path

    @property
    def environment(self) -> dict[str, str]:
        """By which the trainer finds it, and is let in."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
        }

    def put(self, path: str, content: bytes) -> None:
        """Stores an object: the server reads whatever lies in its folder."""
        target = self.buckets / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """The server, until the context ends; built on first use, which takes two minutes."""
    program = _program()
    with tempfile.TemporaryDirectory(prefix="s3-") as folder:
        port = _free_port()
        environment = {**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
        with (Path(folder) / "log").open("wb") as log:
            (Path(folder) / "buckets").mkdir()
            command = [str(program), "--port", f"127.0.0.1:{port}", "posix", f"{folder}/buckets"]
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            _await(process, port, Path(folder) / "log")
            yield S3Server(port, Path(folder) / "buckets")
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


def _program() -> Path:
    pins = [(_MODULE / name).read_text() for name in ("go.mod", "go.sum")]

    def build(folder: Path) -> None:
        environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
        flags = ("-mod=readonly", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
        package = "github.com/versity/versitygw/cmd/versitygw"
        run("nice", "-n", "15", "go", "build", *flags, "-o", folder, package, folder=_MODULE, environment=environment)

    version = run("go", "-C", _MODULE, "env", "GOVERSION", "GOARCH")
    return cached(places.cache() / "tools" / f"versitygw-{key(*pins, version)}", build) / "versitygw"


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"http://127.0.0.1:{port}/")
        except httpx.TransportError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
