"""The published reasons, and the sentences that go with them."""

from dataclasses import dataclass
from enum import StrEnum

from pynomaly_inference.errors import PynomalyError
from pynomaly_operator.api.status import LONGEST_MESSAGE
from pynomaly_operator.errors import Hindrance
from pynomaly_operator.redaction import redacted


class Reason(StrEnum):
    """Why a condition is as it is. Programs rely on these words."""

    SUCCEEDED = "Succeeded"
    TRAINING = "Training"
    WAITING = "Waiting"
    ROLLING_OUT = "RollingOut"
    PODS_NOT_READY = "PodsNotReady"
    SUSPENDED = "Suspended"
    RESOURCE_INVALID = "ResourceInvalid"
    SOURCE_UNREACHABLE = "SourceUnreachable"
    SOURCE_NOT_ALLOWED = "SourceNotAllowed"
    DATA_REJECTED = "DataRejected"
    FIT_FAILED = "FitFailed"
    NOT_CONVERTIBLE = "NotConvertible"
    PARITY_FAILED = "ParityFailed"
    GATE_FAILED = "GateFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    EVICTED = "Evicted"
    QUOTA_EXCEEDED = "QuotaExceeded"
    UNSCHEDULABLE = "Unschedulable"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    REGISTRY_UNAVAILABLE = "RegistryUnavailable"
    MODEL_LOAD_FAILED = "ModelLoadFailed"
    NAME_CONFLICT = "NameConflict"
    FIELD_CONFLICT = "FieldConflict"
    INTERNAL = "Internal"


def published(reason: str) -> Reason:
    """The reason of this name; Internal for a word that was never published."""
    return Reason(reason) if reason in set(Reason) else Reason.INTERNAL


@dataclass(frozen=True, slots=True)
class Finding:
    """What stands between the resource and its being served."""

    reason: Reason
    message: str
    stalled: bool = False
    """True: a person must act. False: it goes on by itself."""


def finding_of(error: PynomalyError) -> Finding:
    """The error as a finding: an invalid resource stalls, a hindrance says itself whether it does."""
    stalled = error.stalled if isinstance(error, Hindrance) else True
    return Finding(published(error.reason), str(error), stalled)


def shown(message: str) -> str:
    """The message as it may be shown: without credentials, at most `LONGEST_MESSAGE` bytes of UTF-8."""
    clean = redacted(message)
    encoded = clean.encode(errors="replace")
    if len(encoded) <= LONGEST_MESSAGE:
        return clean
    return encoded[: LONGEST_MESSAGE - len("…".encode())].decode(errors="ignore") + "…"
