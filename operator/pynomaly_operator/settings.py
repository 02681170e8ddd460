"""What the operator is told when it starts, by its environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from pynomaly_inference.errors import ResourceInvalid
from pynomaly_operator.desired.commands import TOKEN_FILE
from pynomaly_operator.desired.wanted import Programs
from pynomaly_operator.scope import Scope

PREFIX = "PYNOMALY_"

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
SecretName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)]


def _names(given: object) -> object:
    """What stands between the commas."""
    return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, each once."""
    return tuple(dict.fromkeys(names))


def _with_port(url: str) -> str:
    """The URL; raises ValueError for a port that is none."""
    urlsplit(url).port  # noqa: B018 - a property that checks
    return url


class Settings(BaseModel):
    """Each field is read from the variable `PYNOMALY_` and its name in capitals."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    trainer_image: Annotated[str, Field(min_length=1)]
    """The image of the training Jobs."""
    server_image: Annotated[str, Field(min_length=1)]
    """The image of the serving Deployments."""
    registry_url: Annotated[str, Field(pattern=r"^https?://[^/]+(/.*)?$"), AfterValidator(_with_port)]
    """Where pods and the operator find the registry. Inside the cluster its Service's port must be the pods' own, for
    network policies know no Services."""
    namespace: Namespace | None = None
    """The operator's own namespace, which has its Lease, and from which serving pods let it ask for their state; unset:
    it runs elsewhere."""
    lease: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", max_length=253)] = "pynomaly-operator"
    """The name of the Lease: one is active of all operators that have the same."""
    pod_name: Annotated[str, Field(min_length=1, max_length=200)] = "pynomaly-operator"
    """What the operator is called in the Lease."""
    watch_namespaces: Annotated[tuple[Namespace, ...], BeforeValidator(_names), AfterValidator(_distinct)] = ()
    """The namespaces whose detectors it looks after, separated by commas; unset: all."""
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """Of the pods."""
    image_pull_secrets: Annotated[tuple[SecretName, ...], BeforeValidator(_names)] = ()
    """Secrets with the login of the images' registry, separated by commas: of the pods, so each Secret must exist in
    every namespace that has detectors. The operator copies none."""
    registry_token_file: Path = Path(TOKEN_FILE)
    """The operator's own token for the registry."""
    probes_host: str = "0.0.0.0"  # noqa: S104 - the kubelet probes the pod's address
    """Where /healthz, /readyz and /metrics listen."""
    probes_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """Their port; 0: any free one."""
    workers: Annotated[int, Field(ge=1, le=256)] = 16
    """Detectors that are reconciled at the same time."""
    max_concurrent_trainings: Annotated[int, Field(ge=1, le=1000)] = 10
    """Training Jobs that run at the same time, of all detectors together; the others wait in line."""
    max_concurrent_rollouts: Annotated[int, Field(ge=1, le=1000)] = 10
    """Deployments that roll at the same time because this operator, or a setting of it, is another than before."""
    audit_seconds: Annotated[float, Field(gt=0)] = 600
    """How often everything is listed to find what no watch told."""
    living_seconds: Annotated[float, Field(gt=0)] = 4 * 3600
    """How often the registry is told which detectors there are."""
    resync_seconds: Annotated[float, Field(gt=0)] = 60
    """How often a detector that changes nothing is looked at, by one GET of its key Secret, which is not watched."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important messages that are logged."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings; raises ResourceInvalid, naming the variable."""
        given = {
            name: environment[variable] for name in cls.model_fields if (variable := _variable(name)) in environment
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise ResourceInvalid(f"{_variable(str(first['loc'][0]))}: {first['msg']}") from error

    @property
    def scope(self) -> Scope:
        """Where it looks after detectors."""
        return Scope(self.watch_namespaces)

    @property
    def lease_namespace(self) -> str:
        """Where its Lease is."""
        return self.namespace or "default"

    @property
    def programs(self) -> Programs:
        """What runs in the pods."""
        return Programs(
            trainer_image=self.trainer_image,
            server_image=self.server_image,
            registry_url=self.registry_url,
            pull_policy=self.image_pull_policy,
            pull_secrets=self.image_pull_secrets,
            namespace=self.namespace,
        )


def _variable(field: str) -> str:
    return PREFIX + field.upper()
