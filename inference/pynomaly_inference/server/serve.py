"""Runs the server: proves the models, listens, answers, and stops without losing a request."""

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, NamedTuple

import uvicorn

from pynomaly_inference.errors import AddressUnavailable
from pynomaly_inference.server.access.build import build_admission
from pynomaly_inference.server.app import create_app
from pynomaly_inference.server.front import Front
from pynomaly_inference.server.protocol import ScoringProtocol
from pynomaly_inference.server.readiness import Readiness
from pynomaly_inference.server.settings import MEBIBYTE, ServerSettings, check_binding
from pynomaly_inference.server.table import ModelTable

if TYPE_CHECKING:
    from pynomaly_inference.server.rpc.serving import RpcServer

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
"""Longer than the usual 60 s of a balancer in front, so that it is the balancer that closes idle connections."""
_FINISH_SECONDS = 30
"""How long requests under way may take after the listener is closed; within Kubernetes' grace of 45 s."""

_INTERRUPTED_SECONDS = 1
"""The same after SIGINT: whoever interrupts a server at a terminal does not want to wait."""


_MESSAGE_BYTES = 16 * MEBIBYTE
"""The largest message of a WebSocket where bodies may be larger: each connection may hold one in memory."""


class Addresses(NamedTuple):
    """Where a server answers. url: HTTP. grpc: host and port of the gRPC service, None where it is off."""

    url: str
    grpc: str | None


def _nobody(_: Addresses) -> None:
    """Tells nobody that the server is ready."""


def serve(models: ModelTable, settings: ServerSettings, on_ready: Callable[[Addresses], None] = _nobody) -> None:
    """Serves until SIGTERM or SIGINT. Runs in the main thread; `on_ready` gets the server's addresses.

    Raises ModelLoadFailed when a model's golden rows do not agree on this machine, ResourceInvalid when the settings
    would answer strangers or name keys that cannot be read, AddressUnavailable when the address cannot be had.
    """
    for served in models:
        served.model.check_golden()
    run(models, settings, lambda _: None, on_ready)


def check_settings(settings: ServerSettings) -> None:
    """Raises what `serve` would raise for these settings, before the work of making a model."""
    check_binding(settings)
    build_admission(settings)
    listener(settings.host, settings.port).close()
    if settings.grpc_port is not None:
        reserve(settings.host, settings.grpc_port).close()


def run(
    models: ModelTable,
    settings: ServerSettings,
    prepare: Callable[[Front], None],
    on_ready: Callable[[Addresses], None] = _nobody,
) -> None:
    """`serve` for proven models; `prepare` may have things run beside the requests."""
    check_binding(settings)
    with listener(settings.host, settings.port) as listening, _reserved(settings) as reserved:
        readiness = Readiness()
        server: _Server | None = None
        app = create_app(models, settings, readiness=readiness, connections=lambda: server.connections if server else 0)
        prepare(app)
        config = uvicorn.Config(
            app,
            http=ScoringProtocol,
            loop="uvloop",
            ws="websockets-sansio",
            ws_max_size=min(_MESSAGE_BYTES, settings.body_bytes or _MESSAGE_BYTES),
            ws_per_message_deflate=False,
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_FINISH_SECONDS,
        )
        server = _Server(config, readiness, settings.drain_seconds)
        rpc = None if reserved is None else _rpc_server(app, reserved)
        server.rpc = rpc
        server.on_ready = lambda: on_ready(Addresses(_url(listening), None if rpc is None else rpc.address))
        # What is loaded now stays: the collector need not walk it again and again while requests come and go.
        gc.collect()
        gc.freeze()
        server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn with the stopping that a load balancer needs: not ready first, then deaf, then gone."""

    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_seconds: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self.on_ready: Callable[[], None] = lambda: None
        self.rpc: RpcServer | None = None

    @property
    def connections(self) -> int:
        """Open connections."""
        return len(self.server_state.connections)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.rpc is not None:
            await self.rpc.start()
        self.on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.rpc is None:
            await super().shutdown(sockets)
            return
        seconds = self.config.timeout_graceful_shutdown or 0
        await asyncio.gather(super().shutdown(sockets), self.rpc.stop(seconds))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn's own raises the signals anew once it has stopped, which ends the process with their exit code.
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._stop_now)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    def _drain(self) -> None:
        self._readiness.draining = True
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop)

    def _stop(self) -> None:
        self.should_exit = True

    def _stop_now(self) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
        self.config.timeout_graceful_shutdown = _INTERRUPTED_SECONDS


def _reserved(settings: ServerSettings) -> AbstractContextManager[socket.socket | None]:
    return nullcontext() if settings.grpc_port is None else reserve(settings.host, settings.grpc_port)


def _rpc_server(front: Front, reserved: socket.socket) -> "RpcServer":
    from pynomaly_inference.server.rpc.serving import RpcServer  # noqa: PLC0415 - gRPC costs memory: only where it is on

    return RpcServer(front, reserved)


def reserve(host: str, port: int) -> socket.socket:
    """A socket that keeps a free port for gRPC, which can listen on no socket of ours; raises AddressUnavailable.

    It is bound and never listens: whoever sets SO_REUSEPORT may listen there, as gRPC does in each process of ours.
    """
    with listener(host, port, "--grpc-port") as free:  # without SO_REUSEPORT: nobody else listens there
        family, address = free.family, free.getsockname()
    kept = socket.socket(family, socket.SOCK_STREAM)
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    kept.bind(address)
    return kept


def listener(host: str, port: int, port_option: str = "--port") -> socket.socket:
    """A bound socket; raises AddressUnavailable, which names the option that would give another port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise AddressUnavailable(f"cannot listen on `{host}`: {error.strerror}; choose another with --host") from error
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        option = port_option if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
        raise AddressUnavailable(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with {option}"
        ) from error
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - shown
    return f"http://{shown}:{port}"
