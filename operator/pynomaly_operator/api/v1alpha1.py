"""The whole resource `AnomalyDetector`: what the command line knows of it, and what only a cluster does.

The one source of the CustomResourceDefinition and of validation.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from pynomaly_inference import spec as shared
from pynomaly_operator.api.network import Network
from pynomaly_operator.api.quantities import Duration, Quantity, amount, seconds
from pynomaly_operator.api.status import DetectorStatus

GROUP = "pynomaly.io"
VERSION = "v1alpha1"
KIND = "AnomalyDetector"
PLURAL = "anomalydetectors"

DEFAULT_TIMEOUT = "30m"
DEFAULT_OVERLAP = "24h"
LEAST_ROTATION = timedelta(hours=1)
LEAST_OVERLAP = timedelta(minutes=1)

_CRON_FIELD = "[0-9A-Za-z*,/#-]+"
CRON_PATTERN = f"^{_CRON_FIELD}( {_CRON_FIELD}){{4}}$"
TIME_ZONE_PATTERN = "^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$"


class Amounts(shared.Part):
    """CPU and memory."""

    cpu: Quantity | None = None
    """Cores, such as 1 or 250m."""
    memory: Quantity | None = None
    """Bytes, such as 512Mi or 2Gi."""


class Resources(shared.Part):
    """What a pod asks of its node, and what it may use at most."""

    requests: Amounts = Field(default_factory=Amounts)
    """What the pod's node must have free."""
    limits: Amounts = Field(default_factory=Amounts)
    """What the pod may use at most."""

    @model_validator(mode="after")
    def _requests_fit_limits(self) -> Self:
        for name in ("cpu", "memory"):
            asked, most = getattr(self.requests, name), getattr(self.limits, name)
            if asked is not None and most is not None and amount(asked) > amount(most):
                raise ValueError(
                    f"requests.{name} {asked} is more than limits.{name} {most}: lower one or raise the other"
                )
        return self


class Schedule(shared.Part):
    """When the model is trained anew though the resource has not changed, because its data has."""

    cron: Annotated[str, Field(pattern=CRON_PATTERN, max_length=128)]
    """Minute, hour, day of month, month and day of week, as in crontab(5), such as `0 3 * * *`."""
    time_zone: Annotated[str, Field(pattern=TIME_ZONE_PATTERN, max_length=64)] | None = None
    """The time zone in which it is read, such as Europe/Berlin. Default: UTC."""

    @property
    def zone(self) -> str:
        """`timeZone`, or its default."""
        return self.time_zone or "UTC"


class Training(shared.Training):
    """How the model is trained and judged."""

    schedule: Schedule | None = None
    """When to train anew. Default: only when the resource changes, or its annotation pynomaly.io/retrain."""
    timeout: Duration | None = None
    """How long the training may take, such as 30m or 1h30m. Default: 30m."""
    resources: Resources = Field(default_factory=Resources)
    """Of the training pod. Default: requests cpu 500m and memory 512Mi, limits memory 2Gi."""

    @model_validator(mode="after")
    def _time_enough(self) -> Self:
        if self.timeout is not None and seconds(self.timeout) < 1:
            raise ValueError("timeout must be at least 1s")
        return self

    @property
    def timeout_seconds(self) -> int:
        """`timeout`, or its default, in seconds."""
        return seconds(self.timeout or DEFAULT_TIMEOUT)


class Replicas(shared.Part):
    """How many pods serve: `min` of them, or with a greater `max` as many as the load asks for."""

    min: Annotated[int, Field(ge=1, le=100)] = 1
    """The number of pods, or with `max` the least of them. `kubectl scale` sets it. Default: 1."""
    max: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The most pods. Above min, a HorizontalPodAutoscaler sets the number between the two, by the cluster's resource
    metrics. Leave it out where an autoscaler of your own scales the Deployment. Default: min."""
    cpu: Annotated[int, Field(ge=1, le=1000)] = 70
    """The CPU use that autoscaling aims at, in percent of what a pod requests. Default: 70."""
    memory: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The memory use that autoscaling aims at, in percent of what a pod requests. Default: memory does not matter."""

    @model_validator(mode="after")
    def _least_first(self) -> Self:
        if self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}: lower one or raise the other")
        return self

    @property
    def autoscaled(self) -> bool:
        """Whether an autoscaler of ours sets the number of pods."""
        return self.max is not None and self.max > self.min

    @property
    def measured(self) -> tuple[str, ...]:
        """What that autoscaler looks at."""
        if not self.autoscaled:
            return ()
        return ("cpu",) if self.memory is None else ("cpu", "memory")


class ApiKeys(shared.ApiKeys):
    """Callers present a key; the Secret NAME-api-keys holds it as `current`."""

    rotate_after: Duration | None = None
    """How long a key is current, at least 1h; then another takes its place, which servers accept from minutes before.
    Default: until the Secret is deleted."""
    overlap: Duration | None = None
    """How long a key is accepted after it was current, at least 1m and less than rotateAfter; the Secret holds it as
    `previous`. Default: 24h."""

    @model_validator(mode="after")
    def _two_keys_at_most(self) -> Self:
        if self.rotation_time is None:
            if self.overlap is not None:
                raise ValueError("overlap needs rotateAfter: add it, or remove overlap")
            return self
        if self.rotation_time < LEAST_ROTATION:
            raise ValueError("rotateAfter must be at least 1h")
        if not LEAST_OVERLAP <= self.overlap_time < self.rotation_time:
            raise ValueError(
                f"overlap is {self.overlap or DEFAULT_OVERLAP}: it must be at least 1m and less than rotateAfter"
            )
        return self

    @property
    def rotation_time(self) -> timedelta | None:
        """`rotateAfter`."""
        return None if self.rotate_after is None else timedelta(seconds=seconds(self.rotate_after))

    @property
    def overlap_time(self) -> timedelta:
        """`overlap`, or its default."""
        return timedelta(seconds=seconds(self.overlap or DEFAULT_OVERLAP))


class Access(shared.Access):
    """Who may score. Default: API keys."""

    api_keys: ApiKeys | None = None
    """Callers present a key in X-API-Key or as a Bearer token. With jwt and without this there are no keys."""


class Serving(shared.Serving):
    """How the model is served."""

    access: Access = Field(default_factory=Access)
    """Who may score."""
    replicas: Replicas = Field(default_factory=Replicas)
    """How many pods serve."""
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """The version to serve, whatever else is trained; it must pass the gates. Default: what this resource asks for."""
    resources: Resources = Field(default_factory=Resources)
    """Of each serving pod. Default: requests cpu 250m and memory 256Mi, limits memory 1Gi."""
    grpc: bool = False
    """True: the Open Inference Protocol is answered over gRPC too, on port 8001. Default: false."""

    @model_validator(mode="after")
    def _use_can_be_told_as_a_share(self) -> Self:
        requests, limits = self.resources.requests, self.resources.limits
        if requests == limits == Amounts():
            return self  # the defaults have both
        for name in self.replicas.measured:
            if getattr(requests, name) is None and getattr(limits, name) is None:
                raise ValueError(f"autoscaling measures a share of resources.requests.{name}: set it")
        return self


class DetectorSpec(shared.DetectorSpec):
    """What to train and how to serve it."""

    training: Training
    serving: Serving = Field(default_factory=Serving)
    network: Network = Field(default_factory=Network)
    suspend: bool = False
    """True: the operator leaves everything as it is; nothing is trained, switched or repaired. Default: false."""


class ServingSpec(shared.Part):
    """The part of a spec that running pods depend on: it can be read where what is to be trained is invalid."""

    model_config = ConfigDict(extra="ignore")

    serving: Serving = Field(default_factory=Serving)
    network: Network = Field(default_factory=Network)
    suspend: bool = False


class AnomalyDetector(shared.AnomalyDetector):
    """One anomaly detector: data in, scoring service out."""

    apiVersion: Literal["pynomaly.io/v1alpha1"]  # noqa: N815 - Kubernetes' spelling
    kind: Literal["AnomalyDetector"]
    spec: DetectorSpec
    status: DetectorStatus | None = None
    """What the operator reports; ignored where it is written by hand."""


CLUSTER_ONLY = (
    ("training", "schedule"),
    ("training", "timeout"),
    ("training", "resources"),
    ("training", "source", "credentials"),
    ("serving", "replicas"),
    ("serving", "version"),
    ("serving", "resources"),
    ("serving", "grpc"),
    ("serving", "access", "api_keys", "rotate_after"),
    ("serving", "access", "api_keys", "overlap"),
    ("network",),
    ("suspend",),
)
"""Paths below `spec` that have a meaning in a cluster only."""


def cluster_only_fields(resource: AnomalyDetector) -> tuple[str, ...]:
    """The fields that this resource sets and that mean nothing outside a cluster, such as `spec.training.timeout`."""
    return tuple(".".join(("spec", *map(to_camel, path))) for path in CLUSTER_ONLY if _is_set(resource.spec, path))


def _is_set(part: BaseModel | None, path: tuple[str, ...]) -> bool:
    first, *rest = path
    if part is None or first not in part.model_fields_set:
        return False
    return not rest or _is_set(getattr(part, first), tuple(rest))
