"""What the children are made from."""

from dataclasses import dataclass, field
from functools import cached_property

from pynomaly_operator.api.network import Network
from pynomaly_operator.api.status import ModelStatus, TriggerStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec, Serving
from pynomaly_operator.desired.fingerprint import attempt, fingerprint
from pynomaly_operator.desired.sources import ClusterSource, cluster_source


@dataclass(frozen=True, slots=True)
class Identity:
    """One detector: the name may come back with another uid, which is another detector."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs in the pods, from the operator's settings."""

    trainer_image: str
    server_image: str
    registry_url: str
    pull_policy: str = "IfNotPresent"
    pull_secrets: tuple[str, ...] = ()
    """Names of Secrets with the login of the images' registry; each detector's namespace needs them."""
    namespace: str | None = None
    """The operator's own namespace, from which it asks the serving pods; None: it runs outside the cluster."""


@dataclass(frozen=True)
class WantedTraining:
    """The model that this generation asks for."""

    spec: DetectorSpec
    due: bool = False
    """Whether it is still to be trained."""
    trigger: TriggerStatus | None = None
    """What asks to train it anew."""

    @cached_property
    def fingerprint(self) -> str:
        """What is to be trained."""
        return fingerprint(self.spec, self.trigger)

    @cached_property
    def attempt(self) -> str:
        """How it is to be trained."""
        return attempt(self.spec, self.trigger)

    @property
    def source(self) -> ClusterSource:
        """Where its rows come from; raises ResourceInvalid for a place that no pod can reach."""
        return cluster_source(self.spec.training.source.uri)


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that the children of one detector depend on."""

    detector: Identity
    serving: Serving
    programs: Programs
    training: WantedTraining | None = None
    """None: nobody can tell, for that part of the resource is invalid; what serves goes on."""
    target: ModelStatus | None = None
    """The model to serve; None: there is none yet."""
    suspend: bool = False
    """Whether everything is left as it is."""
    network: Network = field(default_factory=Network)
    """Which connections are let through."""
    scaled_by_other: bool = False
    """Whether somebody else's autoscaler sets the number of serving pods."""

    @property
    def autoscaled(self) -> bool:
        """Whether any autoscaler sets the number of serving pods."""
        return self.scaled_by_other or self.serving.replicas.autoscaled
