"""What a training Job does: train once for a fingerprint, record it, and leave a message of how it ended."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.errors import PynomalyError
from pynomaly_inference.progress import Progress
from pynomaly_inference.registry.contract import ModelInfo, Recorded, TrainingKey
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.publish import Registry
from pynomaly_inference.training.train import train_resource

MAX_BYTES = 3500
"""Kubernetes keeps 4,096 bytes of all containers' termination messages together."""


class TerminationMessage(BaseModel):
    """How a Job ended, as its pod's status keeps it."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    fingerprint: str
    outcome: str
    """`Succeeded`, or the reason of an error."""
    message: str = ""
    version: int | None = None
    digest: str | None = None
    metrics: Evaluation | None = None

    @classmethod
    def succeeded(cls, recorded: Recorded) -> Self:
        """The registry has the model."""
        return cls(
            fingerprint=recorded.fingerprint,
            outcome="Succeeded",
            version=recorded.version,
            digest=recorded.digest,
            metrics=recorded.model.evaluation,
        )

    @classmethod
    def failed(cls, fingerprint: str, error: PynomalyError) -> Self:
        """There is no model, for this reason."""
        return cls(fingerprint=fingerprint, outcome=error.reason, message=str(error))

    def to_bytes(self) -> bytes:
        """JSON of at most `MAX_BYTES`; a longer message loses its end."""
        content = self.model_dump_json(by_alias=True, exclude_none=True).encode()
        if len(content) <= MAX_BYTES:
            return content
        # A character is at most six bytes of JSON: cutting a sixth of the excess never cuts too much.
        kept = len(self.message) - max(1, (len(content) - MAX_BYTES) // 6)
        return self.model_copy(update={"message": self.message[: max(0, kept)]}).to_bytes()


def run_job(
    resource: AnomalyDetector, places: Places, key: TrainingKey, registry: Registry, progress: Progress
) -> Recorded:
    """The registry's record of this fingerprint; trains and publishes only when there is none yet.

    Raises the errors of `train_resource`, and RegistryUnavailable.
    """
    recorded = registry.recorded(key)
    if recorded is not None:
        return recorded
    trained = train_resource(resource, places, progress)
    return registry.publish(key, trained.content, ModelInfo.of(trained.model.metadata))
