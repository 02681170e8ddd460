import gzip
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from pynomaly_inference.datasets import remote, web
from pynomaly_inference.datasets.formats import Compression, Format, Kind, SourceFile
from pynomaly_inference.datasets.location import located
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import DataRejected, ResourceInvalid, SourceUnreachable

CONTENT = b"a,b\n1,2\n"
PLACES = Places(Path("/nowhere"))


class Handler(BaseHTTPRequestHandler):
    """Answers by path; `released` lets go of a request that hangs."""

    released: threading.Event

    def do_GET(self) -> None:
        route, _, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        getattr(self, f"_{route}", self._plain)(name)

    def _plain(self, _name: str) -> None:
        self._answer(200)

    def _redirect(self, name: str) -> None:
        left, _, file = name.partition("/")
        self._answer(302, Location=f"/{file}" if left == "1" else f"/redirect/{int(left) - 1}/{file}")

    def _to(self, name: str) -> None:
        self._answer(302, Location=f"http://{name.partition('/')[0]}/private/a.csv")

    def _status(self, name: str) -> None:
        self._answer(int(name.partition("/")[0]))

    def _ftp(self, _name: str) -> None:
        self._answer(302, Location="ftp://127.0.0.1/a.csv")

    def _hang(self, _name: str) -> None:
        self.released.wait(20)

    def _stall(self, _name: str) -> None:
        self._answer(200, length=1000)
        self.wfile.flush()
        self.released.wait(20)

    def _truncated(self, _name: str) -> None:
        self._answer(200, length=1000)

    def _typed(self, _name: str) -> None:
        self._answer(200, Content_Type="text/csv; charset=utf-8")

    def _gzipped(self, _name: str) -> None:
        self._answer(200, body=gzip.compress(CONTENT), Content_Encoding="gzip")

    def _brotli(self, _name: str) -> None:
        self._answer(200, Content_Encoding="br")

    def _private(self, _name: str) -> None:
        self._answer(200 if self.headers["Authorization"] == "Basic YW5uOnMzY3JldA==" else 401)

    def _answer(self, status: int, *, body: bytes = CONTENT, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests print nothing."""


@pytest.fixture
def host() -> Iterator[str]:
    class Own(Handler):
        released = threading.Event()

    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        Own.released.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test ends with an empty temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert list(tmp_path.iterdir()) == []


@contextmanager
def fetched(url: str) -> Iterator[SourceFile]:
    with located(url, PLACES) as (file,):
        yield file


@pytest.mark.parametrize("path", ["a.csv", "deep/a.csv?token=x", "redirect/5/a.csv", "a%2Ecsv"])
def test_a_url_becomes_a_file_while_the_context_is_open(host: str, path: str) -> None:
    with fetched(f"http://{host}/{path}") as file:
        assert file.path.read_bytes() == CONTENT
        assert file.format == Format(Kind.CSV)
    assert not file.path.exists()


def test_the_file_goes_when_the_reader_fails(host: str) -> None:
    seen = []

    def fail() -> None:
        with fetched(f"http://{host}/a.csv") as file:
            seen.append(file.path)
            raise DataRejected("bad rows")

    with pytest.raises(DataRejected, match="bad rows"):
        fail()
    assert not seen[0].exists()


def test_without_a_suffix_the_content_type_says_the_format(host: str) -> None:
    with fetched(f"http://{host}/typed/export") as file:
        assert file.format == Format(Kind.CSV)
    with fetched(f"http://{host}/typed/export.php") as file:
        assert file.format == Format(Kind.CSV)


def test_without_suffix_and_content_type_the_data_is_refused(host: str) -> None:
    with pytest.raises(DataRejected, match="neither the suffix of"), fetched(f"http://{host}/export"):
        pass


def test_a_compressed_file_is_stored_as_it_is(host: str) -> None:
    with fetched(f"http://{host}/gzipped/a.csv.gz") as file:
        assert file.format == Format(Kind.CSV, Compression.GZIP)
        assert gzip.decompress(file.path.read_bytes()) == CONTENT


def test_a_server_that_compresses_unasked_is_understood(host: str) -> None:
    with fetched(f"http://{host}/gzipped/a.csv") as file:
        assert file.format == Format(Kind.CSV, Compression.GZIP)


def test_a_content_encoding_that_cannot_be_read_is_refused(host: str) -> None:
    with (
        pytest.raises(DataRejected, match="is sent with Content-Encoding `br`"),
        fetched(f"http://{host}/brotli/a.csv"),
    ):
        pass


def test_the_sixth_redirect_is_not_followed(host: str) -> None:
    with pytest.raises(SourceUnreachable) as raised, fetched(f"http://{host}/redirect/6/a.csv"):
        pass
    assert str(raised.value) == f"`http://{host}/redirect/6/a.csv` redirects more than 5 times"


def test_a_redirect_to_another_protocol_is_refused(host: str) -> None:
    with pytest.raises(ResourceInvalid, match="redirects to one"), fetched(f"http://{host}/ftp/a.csv"):
        pass


@pytest.mark.parametrize(
    ("status", "phrase"), [(404, "Not Found"), (500, "Internal Server Error"), (304, "Not Modified")]
)
def test_an_error_status_is_reported_with_the_url(host: str, status: int, phrase: str) -> None:
    with pytest.raises(SourceUnreachable) as raised, fetched(f"http://{host}/status/{status}/a.csv"):
        pass
    assert str(raised.value) == f"`http://{host}/status/{status}/a.csv` answers {status} {phrase}"


def test_credentials_are_used_and_never_shown(host: str) -> None:
    with fetched(f"http://ann:s3cret@{host}/private/a.csv?sig=s3cret") as file:
        assert file.name == f"http://***@{host}/private/a.csv?***"
    with pytest.raises(SourceUnreachable) as raised, fetched(f"http://ann:wr0ng@{host}/private/a.csv?sig=s3cret"):
        pass
    assert str(raised.value) == f"`http://***@{host}/private/a.csv?***` answers 401 Unauthorized"


def test_user_and_password_come_from_the_environment_and_go_to_no_other_host(host: str) -> None:
    known = Places(Path("/nowhere"), environment={"HTTP_USERNAME": "ann", "HTTP_PASSWORD": "s3cret"})
    with located(f"http://{host}/private/a.csv", known) as (file,):
        assert file.path.read_bytes() == CONTENT
    elsewhere = host.replace("127.0.0.1", "localhost")
    with pytest.raises(SourceUnreachable, match="answers 401"), located(f"http://{host}/to/{elsewhere}/a.csv", known):
        pass


def test_a_body_that_is_cut_off_is_unreachable(host: str) -> None:
    cut_off = pytest.raises(SourceUnreachable, match="cannot be fetched: peer closed connection")
    with cut_off, fetched(f"http://{host}/truncated/a.csv"):
        pass


@pytest.mark.parametrize("path", ["hang", "stall"])
def test_a_server_that_is_silent_times_out(host: str, path: str) -> None:
    url = f"http://{host}/{path}/a.csv"
    impatient = partial(web.fetch, timeout=httpx.Timeout(0.2))
    with pytest.raises(SourceUnreachable) as raised, remote.fetched(impatient, remote.Remote(url), PLACES):
        pass
    assert str(raised.value) == f"`{url}` timed out"


def test_a_host_that_refuses_is_unreachable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.csv"
        with pytest.raises(SourceUnreachable, match=r"cannot be fetched: .*Connection refused"), fetched(url):
            pass


@pytest.mark.parametrize("url", ["http://[", "http://", "http://h:port/a.csv"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ResourceInvalid), fetched(url):
        pass
