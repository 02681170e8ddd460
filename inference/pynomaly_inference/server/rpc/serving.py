"""gRPC's server: starts, says where, and stops without losing a call."""

import socket

import grpc

from pynomaly_inference.errors import AddressUnavailable
from pynomaly_inference.server.front import Front
from pynomaly_inference.server.rpc.service import InferenceService

_UNLIMITED = -1
_ALWAYS = (
    ("grpc.max_send_message_length", _UNLIMITED),
    # Each process of a server listens on the same port; the one that keeps it never listens.
    ("grpc.so_reuseport", 1),
    # A connection whose other end is gone without a word is noticed, and closed, also when no call is under way.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Clients may ask likewise; without this, one that asks more often than every five minutes would be cut off.
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    # The calls that one connection may have under way, and so the messages that it may have in memory.
    ("grpc.max_concurrent_streams", 100),
)


class RpcServer:
    """The gRPC service of one process, on a port that is kept for it."""

    def __init__(self, front: Front, reserved: socket.socket) -> None:
        host, port = reserved.getsockname()[:2]
        self.address = f"[{host}]:{port}" if reserved.family is socket.AF_INET6 else f"{host}:{port}"
        """Host and port, as clients and gRPC itself write them."""
        self._front = front
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Answers from now on; raises AddressUnavailable."""
        most = self._front.most_bytes
        limit = ("grpc.max_receive_message_length", _UNLIMITED if most is None else most)
        server = grpc.aio.server(options=[limit, *_ALWAYS])
        server.add_generic_rpc_handlers((InferenceService(self._front).handler(),))
        try:
            server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise AddressUnavailable(f"cannot listen on {self.address}: choose another with --grpc-port") from error
        await server.start()
        self._server = server

    async def stop(self, seconds: float) -> None:
        """Takes no more calls, and ends when those under way are answered, or after so many seconds."""
        if self._server is not None:
            await self._server.stop(seconds)
