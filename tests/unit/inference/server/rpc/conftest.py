"""Servers with gRPC, each a process of its own: gRPC's server is one of a process."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from pynomaly_inference.server.rpc import open_inference_pb2 as messages

SERVICE = "/inference.GRPCInferenceService"
PROGRAM = """
import sys
from pathlib import Path
from pynomaly_inference.server.serve import serve
from pynomaly_inference.server.settings import JwtSettings, ServerSettings
from pynomaly_inference.server.table import ModelTable
settings = eval(sys.argv[1], {"PosixPath": Path, "JwtSettings": JwtSettings})
serve(
    ModelTable.load([Path(model) for model in sys.argv[2:]]),
    ServerSettings(port=0, grpc_port=0, **settings),
    on_ready=lambda addresses: print(addresses.url, addresses.grpc, flush=True),
)
print("stopped", flush=True)
"""


@dataclass(frozen=True)
class Rpc:
    """A client of one server, as gRPC's own library has it, with HTTP beside."""

    process: subprocess.Popen[str]
    channel: grpc.Channel
    http: httpx.Client
    address: str

    def call(self, name: str, request: Any, metadata: Sequence[tuple[str, str]] = (), timeout: float = 20) -> Any:
        """The response; raises grpc.RpcError."""
        response = getattr(messages, f"{name}Response")
        method: grpc.UnaryUnaryMultiCallable[Any, Any] = self.channel.unary_unary(
            f"{SERVICE}/{name}", lambda message: message.SerializeToString(), response.FromString
        )
        return method(request, metadata=tuple(metadata), timeout=timeout)

    def refusal(self, name: str, request: Any, metadata: Sequence[tuple[str, str]] = ()) -> tuple[str, str]:
        """The name of the status, and the sentence."""
        with pytest.raises(grpc.RpcError) as refused:
            self.call(name, request, metadata)
        error: Any = refused.value
        return error.code().name, error.details()

    def counted(self, name: str) -> dict[str, float]:
        """How many calls of this rpc are counted, by status."""
        lines = self.http.get("/metrics").text.splitlines()
        start = f'pynomaly_requests_total{{endpoint="{SERVICE}/{name}",method="POST",status_code="'
        counts = [line.removeprefix(start).split('"} ') for line in lines if line.startswith(start)]
        return {status: float(count) for status, count in counts}


Start = Callable[..., AbstractContextManager[Rpc]]


@contextmanager
def _started(*models: Path, **settings: Any) -> Iterator[Rpc]:
    command = [sys.executable, "-W", "error", "-c", PROGRAM, repr(settings), *map(str, models)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url, address = process.stdout.readline().split()
            with grpc.insecure_channel(address) as channel, httpx.Client(base_url=url) as http:
                yield Rpc(process, channel, http, address)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def started() -> Start:
    """A context manager: a real process that serves these model files with these settings."""
    return _started


@pytest.fixture(scope="session")
def rpc(write: Any, variant: Any, started: Start) -> Iterator[Rpc]:
    """A server with the models `plant` and `zones`, open to anyone, without limits."""
    zones = variant(name="zones", category=True, missing=True)
    with started(write(variant()), write(zones)) as rpc:
        yield rpc
