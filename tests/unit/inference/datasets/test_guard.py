"""No client of a source connects to where it may not: not by a redirect, a name or another spelling."""

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pynomaly_inference.datasets.addresses import parse_destinations
from pynomaly_inference.datasets.guard import guarded
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import PynomalyError, SourceNotAllowed, SourceUnreachable

ALLOWED, FORBIDDEN = "127.0.0.1", "127.0.0.2"


class Listener(ThreadingHTTPServer):
    """Answers with a table, or where `target` says; counts connections, whatever becomes of them."""

    connections = 0
    target: str | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        self.connections += 1
        connection, address = super().get_request()
        return connection, address


class Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.send_response(200 if self.server.target is None else 302)
        if self.server.target is not None:
            self.send_header("Location", self.server.target)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"a,b\n1,2\n")

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@contextmanager
def listening(address: str, port: int = 0) -> Iterator[Listener]:
    with Listener((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def pair() -> Iterator[tuple[Listener, Listener]]:
    """Two servers on one port: to the first alone connections are allowed."""
    with ExitStack() as stack:
        first = stack.enter_context(listening(ALLOWED))
        yield first, stack.enter_context(listening(FORBIDDEN, first.server_port))


def read(url: str, *allowed: str, **environment: str) -> None:
    with located(url, Places(Path("/nowhere"), environment=environment, destinations=parse_destinations(allowed))):
        pass


def test_a_redirect_is_followed_to_where_connections_are_allowed(pair: tuple[Listener, Listener]) -> None:
    first, second = pair
    first.target = f"http://{FORBIDDEN}:{first.server_port}/a.csv"
    read(f"http://{ALLOWED}:{first.server_port}/a.csv", f"127.0.0.0/30:{first.server_port}")
    assert (first.connections, second.connections) == (1, 1)


def test_a_redirect_to_another_address_is_refused_before_it_connects(pair: tuple[Listener, Listener]) -> None:
    first, second = pair
    port = first.server_port
    first.target = f"http://{FORBIDDEN}:{port}/latest/meta-data"
    with pytest.raises(SourceNotAllowed) as raised:
        read(f"http://{ALLOWED}:{port}/a.csv", "public", f"{ALLOWED}/32:{port}")
    assert str(raised.value) == (
        f"the source leads to {FORBIDDEN}, port {port}, which is not public: "
        f"if it is meant, add {{cidr: {FORBIDDEN}/32, port: {port}}} to spec.network.allowTo"
    )
    assert (first.connections, second.connections) == (1, 0)


def test_a_name_that_resolves_to_something_else_the_second_time_is_refused(
    pair: tuple[Listener, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    port = first.server_port
    answers = iter([ALLOWED, FORBIDDEN])
    resolve = socket.getaddrinfo

    def rebinding(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve(next(answers) if host == "rebinding.example" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    first.target = f"http://rebinding.example:{port}/b.csv"
    with httpx.Client() as client, guarded(parse_destinations([f"{ALLOWED}/32:{port}"])):
        answer = client.get(f"http://rebinding.example:{port}/a.csv", headers={"Connection": "close"})
        assert answer.headers["Location"] == first.target
        with pytest.raises(SourceNotAllowed):
            client.get(first.target)
    assert (first.connections, second.connections) == (1, 0)


SPELLINGS: list[Callable[[IPv4Address], str]] = [
    str,
    lambda address: str(int(address)),
    lambda address: hex(int(address)),
    lambda address: f"0{int(address):o}",
    lambda address: ".".join(f"0{octet:o}" for octet in address.packed),
    lambda address: ".".join(hex(octet) for octet in address.packed),
    lambda address: f"{address.packed[0]}.{int(address) & 0xFFFFFF}",
    lambda address: f"[::ffff:{address}]",
    lambda address: f"[::ffff:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}]",
    lambda address: f"[64:ff9b::{address}]",
    lambda address: f"[2002:{int(address) >> 16:x}:{int(address) & 0xFFFF:x}::1]",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spelling=st.sampled_from(SPELLINGS))
def test_no_spelling_of_an_address_gets_past(pair: tuple[Listener, Listener], spelling: Any) -> None:
    _, forbidden = pair
    with pytest.raises(PynomalyError):
        read(f"http://{spelling(IPv4Address(FORBIDDEN))}:{forbidden.server_port}/a.csv", "public", "private")
    assert forbidden.connections == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", "[::1]", "[::]", "127.1"])  # noqa: S104 - nothing is bound
def test_this_machine_is_refused_by_every_name(pair: tuple[Listener, Listener], host: str) -> None:
    with pytest.raises(SourceNotAllowed):
        read(f"http://{host}:{pair[0].server_port}/a.csv", "public", "private")
    assert pair[0].connections == 0


AZURE_KEY = base64.b64encode(b"0123456789abcdef").decode()
CLIENTS: dict[str, Callable[[str], dict[str, str]]] = {
    "s3://data/a.csv": lambda url: {"AWS_ENDPOINT_URL": url},
    "gs://data/a.csv": lambda url: {"STORAGE_EMULATOR_HOST": url},
    "azure://data/a.csv": lambda url: {
        "AZURE_STORAGE_CONNECTION_STRING": f"AccountName=plant;AccountKey={AZURE_KEY};BlobEndpoint={url}/plant;"
    },
    "http://{}/a.csv": lambda _: {},
}


@pytest.mark.parametrize("uri", CLIENTS)
def test_every_client_is_held_back(pair: tuple[Listener, Listener], uri: str) -> None:
    server = pair[0]
    address = f"{ALLOWED}:{server.server_port}"
    with pytest.raises(SourceNotAllowed, match=f"the source leads to {ALLOWED}, port {server.server_port}"):
        read(uri.format(address), "public", "private", **CLIENTS[uri](f"http://{address}"))
    assert server.connections == 0


def test_a_database_is_held_back_too(pair: tuple[Listener, Listener]) -> None:
    places = Places(Path("/nowhere"), destinations=parse_destinations(["public"]))
    uri = f"postgresql://{ALLOWED}:{pair[0].server_port}/plant"
    with pytest.raises(SourceNotAllowed), located(uri, places, "SELECT 1"):
        pass
    assert pair[0].connections == 0


def test_sockets_of_this_machine_are_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client, guarded(parse_destinations(["public"])):  # noqa: SIM117
        with pytest.raises(SourceNotAllowed, match="a socket of this machine"):
            client.connect(str(tmp_path / "socket"))


def test_a_name_that_nobody_resolved_is_refused() -> None:
    with socket.socket() as client, guarded(parse_destinations(["public"])):  # noqa: SIM117
        with pytest.raises(SourceNotAllowed, match="`localhost`, which was not resolved"):
            client.connect(("localhost", 1))


def test_without_rules_and_afterwards_every_address_may_be_reached(pair: tuple[Listener, Listener]) -> None:
    url = f"http://{FORBIDDEN}:{pair[1].server_port}/a.csv"
    with pytest.raises(SourceNotAllowed):
        read(url, "public")
    read(url)
    assert pair[1].connections == 1


def test_an_error_of_another_kind_stays_what_it_is(pair: tuple[Listener, Listener]) -> None:
    port = pair[0].server_port
    pair[0].shutdown()
    pair[0].server_close()
    with pytest.raises(SourceUnreachable):
        read(f"http://{ALLOWED}:{port}/a.csv", f"{ALLOWED}/32:{port}")
