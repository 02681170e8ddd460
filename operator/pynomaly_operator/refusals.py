"""What the API server, or a policy in it, does not let the operator do to a child."""

from pynomaly_operator.errors import (
    BAD_REQUEST,
    FORBIDDEN,
    INVALID,
    ApiError,
    NamespaceEnding,
    QuotaExceeded,
    Refused,
)
from pynomaly_operator.manifest import Manifest

REFUSALS = (BAD_REQUEST, FORBIDDEN, INVALID)


def raise_refusal(manifest: Manifest, error: ApiError) -> None:
    """Raises the hindrance that an answer to a write stands for, if it stands for one."""
    what = f"{manifest['kind']} {manifest['metadata']['name']}"
    if error.quota:
        raise QuotaExceeded(f"{what}: {error.message}") from error
    if error.namespace_ending:
        raise NamespaceEnding(f"{what}: {error.message}") from error
    if error.status in REFUSALS:
        raise Refused(f"the API server refuses {what}: {error.message}") from error
