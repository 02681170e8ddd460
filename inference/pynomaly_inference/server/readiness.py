"""Whether the server wants more requests."""

from dataclasses import dataclass


@dataclass(slots=True)
class Readiness:
    """draining: the server is about to stop; it answers what still comes, and says that it is not ready."""

    draining: bool = False
