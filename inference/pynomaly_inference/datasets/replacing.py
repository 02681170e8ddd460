"""Files that appear whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pynomaly_inference.errors import ResourceInvalid


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path in the target's folder that takes the target's place when the context ends well, and else vanishes."""
    if not target.parent.is_dir():
        raise ResourceInvalid(f"cannot write `{target}`: there is no folder `{target.parent}`")
    if target.exists() and not target.is_file():
        raise ResourceInvalid(f"cannot write `{target}`: it is there, and is no regular file")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
