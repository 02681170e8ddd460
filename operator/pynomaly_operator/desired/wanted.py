"""What the children are made from."""

from dataclasses import dataclass

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.api.v1alpha1 import DetectorSpec
from pynomaly_operator.desired.fingerprint import attempt, fingerprint


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that the children of one detector depend on."""

    detector: Identity
    spec: DetectorSpec
    programs: Programs
    train: bool = False
    """Whether the wanted model is still to be trained."""
    target: ModelStatus | None = None
    """The model to serve; None: there is none yet."""

    @property
    def fingerprint(self) -> str:
        """What is to be trained."""
        return fingerprint(self.spec)

    @property
    def attempt(self) -> str:
        """How it is to be trained."""
        return attempt(self.spec)
