"""The status of an AnomalyDetector: what the operator observed, never what a user asks for."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LONGEST_MESSAGE = 1000
"""Bytes of a condition's message; Kubernetes lists and events stay readable."""

Message = Annotated[str, Field(max_length=4096)]
Digest = Annotated[str, Field(max_length=128)]


class ConditionType(StrEnum):
    """What is reported as a condition; `Reconciling` and `Stalled` are kstatus'."""

    READY = "Ready"
    TRAINED = "Trained"
    SERVING = "Serving"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


class _Reported(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class Condition(_Reported):
    """One aspect of the detector's state."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Trained, Serving, Reconciling or Stalled."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024)]
    """Why, as one word that programs can rely on."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """Why, as a sentence."""
    observed_generation: int
    """The generation of the resource that this is about."""
    last_transition_time: datetime
    """When `status` last changed."""


class Metrics(_Reported):
    """How a model did on the held-out rows, or the training rows when none were held out."""

    rows: int
    """Rows that were evaluated."""
    held_out: bool
    """True when these rows were kept from training."""
    anomaly_rate: float
    """Share of the rows that the model calls anomalous."""
    anomalies: int | None = None
    """Rows that the label calls anomalous."""
    roc_auc: float | None = None
    """Area under the ROC curve."""
    average_precision: float | None = None
    """Average precision."""
    precision_at_n: float | None = None
    """Precision among as many rows as there are anomalies."""


class ModelStatus(_Reported):
    """A version of the detector's model."""

    version: int
    """1, 2, 3 and so on; a number is never used again."""
    digest: Digest
    """sha256 of the model file."""
    fingerprint: Annotated[str, Field(max_length=64)]
    """What was trained: sha256 of the part of the spec that decides the model, and of what asked for a retrain."""
    spec_fingerprint: Annotated[str, Field(max_length=64)] | None = None
    """The same without what asked for a retrain; unset: nothing did."""
    algorithm: Annotated[str, Field(max_length=64)]
    """PyOD's class name."""
    threshold: float
    """A score above it is an anomaly."""
    metrics: Metrics
    """How the model did."""


class VersionStatus(_Reported):
    """A version that was trained for this detector."""

    version: int
    """The version's number."""
    digest: Digest
    """sha256 of the model file."""
    algorithm: Annotated[str, Field(max_length=64)]
    """PyOD's class name."""


class TrainingStatus(_Reported):
    """The last training that ended."""

    fingerprint: Annotated[str, Field(max_length=64)]
    """What was trained: sha256 of the part of the spec that decides the model."""
    attempt: Annotated[str, Field(max_length=64)]
    """sha256 of the fingerprint, the timeout and the resources: an attempt that failed is not repeated."""
    outcome: Annotated[str, Field(max_length=64)]
    """Succeeded, or the reason of the failure."""
    message: Message = ""
    """The failure as a sentence."""


class TriggerStatus(_Reported):
    """What asked to train the same spec anew; it stays when the annotation or the schedule is removed."""

    retrain: Annotated[str, Field(max_length=64)] | None = None
    """The last value of the annotation pynomaly.io/retrain; of a long one its sha256."""
    tick: datetime | None = None
    """The schedule's last time that was due."""
    schedule: Annotated[str, Field(max_length=256)] | None = None
    """The schedule and its time zone."""
    since: datetime | None = None
    """When that schedule was first seen: what was due before does not count."""


class DetectorStatus(_Reported):
    """What the operator observed."""

    observed_generation: int = -1
    """The generation of the resource that this status is about; -1: not seen yet."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=32)] = ()
    """Ready, Trained, Serving, Reconciling and Stalled."""
    model: ModelStatus | None = None
    """The model that every ready pod serves."""
    target: ModelStatus | None = None
    """The model that the pods are told to serve."""
    training: TrainingStatus | None = None
    """The last training that ended."""
    trigger: TriggerStatus | None = None
    """What asked to train the same spec anew."""
    versions: Annotated[tuple[VersionStatus, ...], Field(max_length=10)] = ()
    """The last versions, the newest first."""
    endpoint: Annotated[str, Field(max_length=512)] | None = None
    """Where to send rows from inside the cluster."""
    replicas: int | None = None
    """Serving pods that exist."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of the serving pods."""

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type, if it was reported."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
