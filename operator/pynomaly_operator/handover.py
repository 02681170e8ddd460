"""Letting go of the number of pods without resetting it.

A field that nobody holds any more falls back to its default: 1 pod. So before we stop naming the number, a second field
manager names it, as it is; the autoscaler's first change then takes it from there.
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership.
"""

from dataclasses import dataclass

from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import ApiError
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DEPLOYMENT, Manifest
from pynomaly_operator.observed import DeploymentFacts
from pynomaly_operator.owned import REPLICAS, Fields, applied_fields, has_path
from pynomaly_operator.refusals import raise_refusal
from pynomaly_operator.store import FIELD_MANAGER, Child

HANDOVER_MANAGER = "pynomaly-handover"


@dataclass(frozen=True, slots=True)
class Count:
    """A Deployment's number of pods at one of its versions."""

    uid: str
    resource_version: str
    replicas: int


class Handover:
    """The step before a manifest is applied that no longer names the number of pods."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def of_child(self, manifest: Manifest, child: Child, detector: Identity) -> None:
        """Hands over what we hold of a known child and what the manifest leaves out."""
        if isinstance(child.facts, DeploymentFacts) and _lets_go(manifest, child.fields(detector.uid)):
            count = Count(child.uid, str(child.resource_version), child.facts.wanted)
            await self._hand_over(manifest, count)

    async def of_object(self, manifest: Manifest, found: Manifest) -> None:
        """The same for an object that was just read."""
        metadata = found["metadata"]
        if _lets_go(manifest, applied_fields(metadata, FIELD_MANAGER)):
            count = Count(metadata["uid"], metadata["resourceVersion"], found["spec"]["replicas"])
            await self._hand_over(manifest, count)

    async def _hand_over(self, manifest: Manifest, count: Count) -> None:
        metadata = manifest["metadata"]
        body = replicas_of(metadata["namespace"], metadata["name"], count)
        try:
            await self._kube.apply(DEPLOYMENT, body, HANDOVER_MANAGER)
        except ApiError as error:
            raise_refusal(manifest, error)
            raise


def replicas_of(namespace: str, name: str, count: Count) -> Manifest:
    """The manifest of the number of pods alone, for exactly this version: 409 when somebody changed it meanwhile."""
    metadata = {"namespace": namespace, "name": name, "uid": count.uid, "resourceVersion": count.resource_version}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.name,
        "metadata": metadata,
        "spec": {"replicas": count.replicas},
    }


def _lets_go(manifest: Manifest, fields: Fields | None) -> bool:
    """Whether we hold the number of pods, and the manifest does not name it."""
    if manifest["kind"] != DEPLOYMENT.name or "replicas" in manifest["spec"]:
        return False
    return fields is not None and has_path(fields, *REPLICAS)
