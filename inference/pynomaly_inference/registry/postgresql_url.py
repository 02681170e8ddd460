"""Where a PostgreSQL is: its URL, taken apart without ever showing the password."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from sqlalchemy import URL

from pynomaly_inference.errors import ResourceInvalid

ACCEPTED = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=PATH"
_PORT = 5432
_HOST = re.compile(r"[A-Za-z0-9._:-]+")
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})
_TLS = _FILES | {"sslmode", "ssl_min_protocol_version", "ssl_max_protocol_version"}


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a PostgreSQL, and who uses it. tls: libpq's options, by their names there."""

    host: str
    port: int
    database: str
    user: str
    password: str | None = field(repr=False)
    tls: Mapping[str, str]

    @classmethod
    def of(cls, url: URL) -> Self:
        """What the URL says; raises ResourceInvalid, without the password, when it does not say all."""
        parts = {"host": url.host, "database": url.database, "user": url.username}
        missing = [name for name, value in parts.items() if not value]
        if missing:
            raise ResourceInvalid(f"the database's URL names no {' and no '.join(missing)}: give {ACCEPTED}")
        if not _HOST.fullmatch(str(url.host)):
            # Not shown: it may be what follows an @ in the password.
            raise ResourceInvalid(f"the database's URL names no host; write @ in a password as %40: give {ACCEPTED}")
        unknown = sorted(set(url.query) - _TLS)
        if unknown:
            raise ResourceInvalid(
                f"the database's URL has `{'`, `'.join(unknown)}` in its query: only {', '.join(sorted(_TLS))} can be"
            )
        return cls(
            host=str(url.host),
            port=url.port or _PORT,
            database=str(url.database),
            user=str(url.username),
            password=url.password,
            tls={name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()},
        )

    def check_files(self) -> None:
        """Raises ResourceInvalid for a file that the URL names and that cannot be read: TLS would not say which."""
        for name in sorted(_FILES & set(self.tls)):
            try:
                with Path(self.tls[name]).open("rb"):
                    pass
            except OSError as error:
                path = self.tls[name]
                raise ResourceInvalid(f"the database's URL has {name}={path}: {error.strerror}") from error

    @property
    def options(self) -> str:
        """The TLS options as a URL of nothing else, as asyncpg takes them."""
        return f"postgresql://?{urlencode(self.tls)}" if self.tls else "postgresql://"

    def __str__(self) -> str:
        """The URL without its password and options."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"
