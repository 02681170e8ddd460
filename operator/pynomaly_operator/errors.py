"""What keeps a detector from its desired state, each with its published reason; and what the API server refuses.

The reasons of failed trainings come from `pynomaly_inference.errors`, by way of the trainer's termination message.
"""

from typing import ClassVar

from pynomaly_inference.errors import PynomalyError


class Hindrance(PynomalyError):
    """Something outside this operator is in the way; it looks again after `retry_after` seconds."""

    retry_after: ClassVar[float] = 15
    stalled: ClassVar[bool] = False
    """Whether a person must act before it can go on."""


class NameConflict(Hindrance):
    """An object that is not the detector's has the name of one of its children."""

    reason = "NameConflict"
    stalled = True


class NameReserved(Hindrance):
    """A child of a deleted detector of the same name is still being removed."""

    reason = "Waiting"
    retry_after = 1


class Appeared(Hindrance):
    """Somebody made an object of a child's name in this moment: whose it is must be looked at again."""

    reason = "Waiting"
    retry_after = 1


class FieldConflict(Hindrance):
    """Somebody else keeps changing what a child must be."""

    reason = "FieldConflict"
    retry_after = 10
    stalled = True


class Recreated(Hindrance):
    """A child was deleted to be made anew, for a field of it cannot be changed."""

    reason = "Waiting"
    retry_after = 1


class SourceNotAllowed(Hindrance):
    """A claim or config map lacks the label that lets detectors read it, or a private address is not opened."""

    reason = "SourceNotAllowed"
    stalled = True


class SourceMissing(Hindrance):
    """The claim or config map that the resource names is not there."""

    reason = "SourceUnreachable"
    stalled = True


class QuotaExceeded(Hindrance):
    """A quota of the namespace leaves no room for a child."""

    reason = "QuotaExceeded"
    retry_after = 30


class NamespaceEnding(Hindrance):
    """The detector's namespace is being deleted: nothing can be created in it, and the detector goes next."""

    reason = "Waiting"
    retry_after = 30


class Refused(Hindrance):
    """The API server, or a policy, does not accept a child."""

    reason = "Internal"
    retry_after = 30


class RegistryUnavailable(Hindrance):
    """The registry does not answer, or not as it should."""

    reason = "RegistryUnavailable"
    retry_after = 5


class HistoryWentBack(PynomalyError):
    """The API server's objects are older than they were: only a process that knows nothing of them can go on."""


class ApiError(Exception):
    """An answer of the API server that is no success; `status` 0 stands for none that is its own."""

    def __init__(self, status: int, message: str, retry_after: float | None = None) -> None:
        """`retry_after` is in seconds, as the server asked."""
        super().__init__(f"{status}: {message}" if status else message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    @property
    def quota(self) -> bool:
        """Whether a quota forbids the object."""
        return self.status == FORBIDDEN and "exceeded quota" in self.message

    @property
    def namespace_ending(self) -> bool:
        """Whether nothing can be created because the namespace is being deleted."""
        return self.status == FORBIDDEN and "because it is being terminated" in self.message

    @property
    def immutable(self) -> bool:
        """Whether a field would change that never may. What a policy denies, by whatever words, is no such thing."""
        denied = "denied request:" in self.message or "denied the request:" in self.message
        return self.status == INVALID and "field is immutable" in self.message and not denied


BAD_REQUEST = 400
FORBIDDEN = 403
NOT_FOUND = 404
CONFLICT = 409
INVALID = 422
