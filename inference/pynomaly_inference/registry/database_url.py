"""Where the database's URL is told: it may hold a password, which a command line would show to everyone."""

from collections.abc import Mapping
from pathlib import Path

from pynomaly_inference.errors import ResourceInvalid

VARIABLE = "PYNOMALY_REGISTRY_DATABASE"
_LONGEST = 8192


def database_url(option: str | None, file: Path | None, environment: Mapping[str, str]) -> str:
    """The URL from the one place that tells it.

    Raises ResourceInvalid when none does or several do, and for an option with anything but SQLite.
    """
    told = {"--database": option, "--database-file": file, VARIABLE: environment.get(VARIABLE) or None}
    given = [name for name, value in told.items() if value is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise ResourceInvalid(f"give the database by one of {', '.join(told)}; found {found}")
    if option is not None:
        return _without_password(option)
    return environment[VARIABLE].strip() if file is None else _read(file)


def _without_password(option: str) -> str:
    if not option.startswith("sqlite:"):
        raise ResourceInvalid(
            f"--database takes sqlite:///PATH alone: the list of processes shows it. "
            f"Give another URL by --database-file or {VARIABLE}"
        )
    return option


def _read(file: Path) -> str:
    try:
        with file.open() as opened:
            return opened.read(_LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ResourceInvalid(f"the database's URL cannot be read from `{file}`: {reason}") from None
