"""A PostgreSQL of the tests' own: an unprivileged server on a free loopback port, its data in a temporary folder."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASSWORD = "p:w/o@r%d"  # noqa: S105 - of a server that lives as long as the tests; every character that URLs escape
ESCAPED = "p%3Aw%2Fo%40r%25d"
CONNECTIONS = """SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'pynomaly-registry' AND datname = current_database()"""
"""Those of registries to the database that is asked."""
STORING = f"{CONNECTIONS} AND xact_start IS NOT NULL AND query LIKE 'INSERT INTO chunks%'"
"""Those that are in the middle of a model."""
_DEBIAN = Path("/usr/lib/postgresql")
_START_SECONDS = 60
# Nothing here has to survive a loss of power; all that a test asks of the server stays as it is delivered.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "unix_socket_directories=")


def program(name: str) -> str:
    """The program's path; Debian keeps them out of PATH."""
    found = shutil.which(name) or next((str(path) for path in sorted(_DEBIAN.glob(f"*/bin/{name}"))), None)
    assert found is not None, "PostgreSQL is needed: on Debian, apt-get install postgresql"
    return found


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to be run by root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@dataclass
class Postgres:
    """A server that can be stopped, killed, frozen and started again; it keeps its port and its data."""

    folder: Path
    port: int
    settings: tuple[str, ...] = ()
    _popen: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def url(self, database: str, query: str = "") -> str:
        return f"postgresql://registry:{ESCAPED}@127.0.0.1:{self.port}/{database}{query}"

    def sql(self, statement: str, database: str = "postgres") -> list[list[str]]:
        """The answer's rows, as psql prints them."""
        command = [program("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "registry", "-d", database]
        options = ["-X", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-c", statement]
        environment = {**os.environ, "PGPASSWORD": PASSWORD, "PGCONNECT_TIMEOUT": "5"}
        done = subprocess.run(
            command + options, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def start(self) -> None:
        """Until it answers."""
        self.launch()
        deadline = time.monotonic() + _START_SECONDS
        command = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(command, check=False).returncode != 0:
            assert self._popen is not None
            assert self._popen.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "PostgreSQL does not start"
            time.sleep(0.05)

    def launch(self) -> None:
        """Without waiting."""
        options = [part for setting in (*_SETTINGS, *self.settings) for part in ("-c", setting)]
        command = [program("postgres"), "-D", str(self.folder / "data"), "-h", "127.0.0.1", "-p", str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self._popen = subprocess.Popen(command + options, stderr=log, cwd=self.folder, **_unprivileged())

    def stop(self) -> None:
        """Breaks off every connection; returns when it is gone."""
        if self._popen is None:
            return
        self._popen.send_signal(signal.SIGINT)
        self._popen.wait(_START_SECONDS)
        self._popen = None

    def secure(self, certificate: Path, key: Path) -> None:
        """From now on it offers TLS."""
        for source, name in ((certificate, "server.crt"), (key, "server.key")):
            shutil.copy(source, self.folder / "data" / name)
            (self.folder / "data" / name).chmod(0o600)
            _give_away(self.folder / "data" / name)
        self.stop()
        self.settings = (*self.settings, "ssl=on")
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It accepts connections and says nothing, on new ones and on those that are open."""
        assert self._popen is not None
        children = Path(f"/proc/{self._popen.pid}/task/{self._popen.pid}/children").read_text().split()
        everyone = [self._popen.pid, *map(int, children)]
        for process in everyone:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in everyone:
                os.kill(process, signal.SIGCONT)


@contextmanager
def postgres(*settings: str) -> Iterator[Postgres]:
    """A new server with these settings of postgresql.conf."""
    folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
    try:
        server = Postgres(folder, _free_port(), settings)
        _initialize(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _give_away(*paths: Path) -> None:
    """To whom the server runs as."""
    if os.getuid() == 0:
        account = pwd.getpwnam("nobody")
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _initialize(folder: Path) -> None:
    (folder / "password").write_text(PASSWORD)
    _give_away(folder, folder / "password")
    command = [program("initdb"), "-D", str(folder / "data"), "-U", "registry", "--no-sync", "--encoding=UTF8"]
    options = ["--locale=C", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}"]
    subprocess.run(command + options, check=True, capture_output=True, cwd=folder, **_unprivileged())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
