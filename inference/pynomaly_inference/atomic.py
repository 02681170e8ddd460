"""Files that are either whole or not there."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pynomaly_inference.errors import OutputUnwritable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary file beside `target` that takes its place when the block ends well, and vanishes when it does not.

    An interrupt counts as not well. Raises OutputUnwritable when the folder cannot be written.
    """
    if target.exists() and not target.is_file():
        raise OutputUnwritable(f"cannot write `{target}`: it is there, and is no regular file")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputUnwritable(f"cannot write `{target}`: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise OutputUnwritable(f"cannot write `{target}`: {error.strerror}") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
