"""Every pod is to serve the target: pods are told of a new serving.json, and asked what they serve."""

import asyncio

from pynomaly_operator.api.status import ConditionType, DetectorStatus, ModelStatus
from pynomaly_operator.desired import labels
from pynomaly_operator.desired.config_maps import serving_hash
from pynomaly_operator.desired.wanted import Identity, Wanted
from pynomaly_operator.errors import NOT_FOUND, ApiError
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import POD
from pynomaly_operator.observed import DeploymentFacts, PodFacts, pod_facts
from pynomaly_operator.serving_pods import ServingPods
from pynomaly_operator.status.rollout import Rollout, ServingPod, rollout, settled


class Rollouts:
    """One look at the pods of one detector."""

    def __init__(self, kube: Kube, serving_pods: ServingPods) -> None:
        self._kube = kube
        self._serving_pods = serving_pods

    async def look(self, wanted: Wanted, deployment: DeploymentFacts | None, before: DetectorStatus) -> Rollout | None:
        """Where the rollout of the target stands; None without a target. Pods are asked only while it goes on."""
        target = wanted.target
        if target is None:
            return None
        if deployment is not None and deployment.settled and _was_served(before, target):
            return settled()
        pods = await self._pods(wanted.detector)
        if not wanted.suspend:
            await self._tell(wanted, target, pods)
        return rollout(deployment, pods, target)

    async def _pods(self, detector: Identity) -> list[ServingPod]:
        selector = labels.selector_text(detector, labels.SERVER)
        bodies = await self._kube.list(POD, detector.namespace, labelSelector=selector)
        alive = [facts for facts in map(pod_facts, bodies) if not facts.ending and not facts.ended]
        return list(await asyncio.gather(*map(self._asked, alive)))

    async def _asked(self, facts: PodFacts) -> ServingPod:
        report = None if facts.address is None else await self._serving_pods.report(facts.address)
        return ServingPod(facts, report)

    async def _tell(self, wanted: Wanted, target: ModelStatus, pods: list[ServingPod]) -> None:
        """Annotates the pods that serve something else: the kubelet then refreshes their serving.json at once."""
        current = serving_hash(wanted)
        behind = [pod for pod in pods if pod.report is not None and not pod.serves(target)]
        for pod in behind:
            if pod.facts.serving_hash != current:
                await self._annotate(wanted.detector, pod.facts.name, current)

    async def _annotate(self, detector: Identity, pod: str, current: str) -> None:
        body = {"metadata": {"annotations": {labels.SERVING_HASH: current}}}
        try:
            await self._kube.merge(POD, detector.namespace, pod, body)
        except ApiError as error:
            if error.status != NOT_FOUND:  # a pod that is gone needs no telling
                raise


def _was_served(before: DetectorStatus, target: ModelStatus) -> bool:
    """Whether an earlier pass found that all pods serve this target; pods that came since start with it."""
    if before.target is None or before.model is None:
        return False
    ready = before.condition(ConditionType.READY)
    same = _identity(before.target) == _identity(before.model) == _identity(target)
    return same and ready is not None and ready.status == "True"


def _identity(model: ModelStatus) -> tuple[int, str]:
    """What an answer says of its model: two versions may be the same bytes."""
    return model.version, model.digest
