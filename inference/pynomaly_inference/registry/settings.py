"""What the registry is told when it starts."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_inference.registry.contract import AUDIENCE, MAX_MODEL_BYTES, MODELS_A_REQUEST

_SERVICE_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?:[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """How to keep models.

    database: its URL, which may hold a password. operator: the service account that may read everything and tells
    which detectors live, `NAMESPACE:NAME`. audience: what tokens must be issued for. spool: the folder where an upload
    is held until it is whole, with room for `uploads` models; None: the system's. uploads, downloads: how many move at
    once, others wait. deletions: how many models of detectors that are gone one list deletes at most.
    transfer_seconds: how long one upload or download may take. drain_seconds: how long requests under way may
    take after SIGTERM.
    """

    database: str = field(repr=False)
    operator: str
    host: str = "127.0.0.1"
    port: int = 8000
    audience: str = AUDIENCE
    max_model_bytes: int = MAX_MODEL_BYTES
    spool: Path | None = None
    uploads: int = 4
    downloads: int = 32
    deletions: int = MODELS_A_REQUEST
    transfer_seconds: float = 300.0
    drain_seconds: int = 30

    def __post_init__(self) -> None:
        """Raises ResourceInvalid for an operator that is no service account."""
        if not _SERVICE_ACCOUNT.fullmatch(self.operator):
            raise ResourceInvalid(f"`{self.operator}` names no service account: write the operator's as NAMESPACE:NAME")
