"""JSON with one spelling: what hashes and fingerprints are made of."""

import hashlib
import json
from typing import Any


def canonical(content: Any) -> str:
    """The content as JSON: keys sorted, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256(content: Any) -> str:
    """sha256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()
