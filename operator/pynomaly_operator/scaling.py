"""Who sets the number of serving pods, where the resource does not."""

from dataclasses import dataclass

from pynomaly_operator.api.v1alpha1 import Replicas
from pynomaly_operator.contention import Contention, Place, who
from pynomaly_operator.desired import names
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import ApiError, FieldConflict
from pynomaly_operator.handover import HANDOVER_MANAGER, Count, replicas_of
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import AUTOSCALER, DEPLOYMENT, Manifest
from pynomaly_operator.observed import DeploymentFacts
from pynomaly_operator.owned import REPLICAS, has_path
from pynomaly_operator.ownership import Belongs, belongs
from pynomaly_operator.refusals import raise_refusal
from pynomaly_operator.store import Child, Store

_LEAST = "least"


@dataclass(frozen=True, slots=True)
class _Known:
    child: Child
    facts: DeploymentFacts


class Scaling:
    """Autoscalers that are not ours, and the least number of pods, which holds whatever ours does."""

    def __init__(self, kube: Kube, store: Store, contention: Contention) -> None:
        self._kube = kube
        self._store = store
        self._contention = contention

    async def by_other(self, detector: Identity, replicas: Replicas) -> bool:
        """Whether another's autoscaler sets the number of pods: it is left to it, for we would never agree.

        Asked only where the number was taken from us as an autoscaler would take it.
        """
        known = self._known(detector)
        if replicas.autoscaled or known is None or not known.facts.scaled:
            return False
        fields = known.child.fields(detector.uid)
        if fields is not None and has_path(fields, *REPLICAS):
            return False
        autoscalers = await self._kube.list(AUTOSCALER, detector.namespace)
        return any(_scales(autoscaler, detector) for autoscaler in autoscalers)

    async def keep_least(self, detector: Identity, replicas: Replicas) -> None:
        """Raises an autoscaled Deployment to its least number of pods.

        A new one begins with 1, and one that was scaled to 0 is none that an autoscaler acts on. Raises a Hindrance.
        """
        known = self._known(detector)
        if not replicas.autoscaled or known is None:
            return
        count = Count(known.child.uid, str(known.child.resource_version), replicas.min)
        manifest = replicas_of(detector.namespace, names.deployment(detector), count)
        write = Place(detector.uid, DEPLOYMENT.name, names.deployment(detector), _LEAST), str(replicas.min)
        if known.facts.wanted >= replicas.min:
            if self._contention.is_fought_over(write[0]):
                raise await self._conflict(manifest)
            return
        if not self._contention.may_write(*write):
            raise await self._conflict(manifest)
        await self._set(manifest)
        self._contention.wrote(*write)

    async def _set(self, manifest: Manifest) -> None:
        try:
            live = await self._kube.apply(DEPLOYMENT, manifest, HANDOVER_MANAGER)
        except ApiError as error:
            raise_refusal(manifest, error)
            raise
        self._store.see_child(DEPLOYMENT.name, live)

    async def _conflict(self, manifest: Manifest) -> FieldConflict:
        metadata = manifest["metadata"]
        found = await self._kube.get(DEPLOYMENT, metadata["namespace"], metadata["name"])
        rival = "somebody" if found is None else who(found["metadata"], manifest)
        least = "spec.serving.replicas.min"
        return FieldConflict(f"{rival} keeps scaling Deployment {metadata['name']} below {least}: stop it")

    def _known(self, detector: Identity) -> _Known | None:
        place = DEPLOYMENT.name, names.deployment(detector)
        child = self._store.child((detector.namespace, detector.name), place)
        if child is None or child.owner != detector.uid or child.deleting:
            return None
        return _Known(child, child.facts) if isinstance(child.facts, DeploymentFacts) else None


def _scales(autoscaler: Manifest, detector: Identity) -> bool:
    """Whether it is not ours, and its target is our Deployment."""
    target = autoscaler["spec"]["scaleTargetRef"]
    ours = belongs(autoscaler["metadata"], detector.name, detector.uid) is Belongs.OURS
    group = target.get("apiVersion", "").rpartition("/")[0]
    named = (group, target["kind"], target["name"])
    return not ours and named == (DEPLOYMENT.group, DEPLOYMENT.name, names.deployment(detector))
