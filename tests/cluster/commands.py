"""Running a command to its end, with an error that shows what the command said."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.cluster.errors import ClusterError

_SHOWN = 4000


def run(
    *argv: str | Path,
    given: str | bytes | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """The standard output of a command that has to succeed.

    Raises:
        ClusterError: the command is missing or failed; the message carries the end of its output.
    """
    text = [str(part) for part in argv]
    stdin = given.encode() if isinstance(given, str) else given
    try:
        done = subprocess.run(text, input=stdin, cwd=folder, env=environment, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError(f"The command {text[0]!r} is not installed.") from error
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace")[-_SHOWN:].strip()
        raise ClusterError(f"`{_shortened(text)}` ended with {done.returncode}:\n{said}")
    return done.stdout.decode(errors="replace")


def succeeds(*argv: str | Path) -> bool:
    """Whether a command that may fail ended with 0."""
    try:
        run(*argv)
    except ClusterError:
        return False
    return True


def _shortened(argv: Sequence[str]) -> str:
    line = " ".join(argv)
    return line if len(line) <= 200 else f"{line[:200]}..."
