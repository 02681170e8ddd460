"""Every pod is to serve the target: pods are told of a new serving.json, and asked what they serve."""

import asyncio

from pynomaly_operator.api.status import ConditionType, DetectorStatus, ModelStatus
from pynomaly_operator.desired.config_maps import serving_hash
from pynomaly_operator.desired.labels import SERVING_HASH
from pynomaly_operator.desired.wanted import Wanted
from pynomaly_operator.notification import attempts
from pynomaly_operator.observed import PodFacts
from pynomaly_operator.pods import Pods
from pynomaly_operator.serving_pods import ServingPods
from pynomaly_operator.status.report import Seen
from pynomaly_operator.status.rollout import Rollout, ServingPod, rollout, settled


class Rollouts:
    """One look at the pods of one detector."""

    def __init__(self, pods: Pods, serving_pods: ServingPods) -> None:
        self._pods = pods
        self._serving_pods = serving_pods

    async def look(self, wanted: Wanted, seen: Seen, before: DetectorStatus) -> Rollout | None:
        """Where the rollout of the target stands; None without a target. Pods are asked only while it goes on."""
        target = wanted.target
        if target is None:
            return None
        if _was_served(before, target) and _goes_on(wanted, seen, before):
            return settled()
        content = serving_hash(wanted)
        alive = [] if _without_pods(seen) else await self._pods.alive(wanted.detector)
        pods = await asyncio.gather(*(self._asked(facts, content) for facts in alive))
        if not wanted.suspend:
            behind = [pod.facts for pod in pods if pod.is_behind(target)]
            await self._pods.notify(wanted.detector, behind, SERVING_HASH, content)
        return rollout(seen.deployment, pods, target)

    async def _asked(self, facts: PodFacts, content: str) -> ServingPod:
        report = None if facts.address is None else await self._serving_pods.report(facts.address)
        return ServingPod(facts, report, attempts(facts.notifications.get(SERVING_HASH), content))


def _was_served(before: DetectorStatus, target: ModelStatus) -> bool:
    """Whether an earlier pass found that all pods serve this target; pods that came since start with it."""
    if before.target is None or before.model is None:
        return False
    ready = before.condition(ConditionType.READY)
    same = _identity(before.target) == _identity(before.model) == _identity(target)
    return same and ready is not None and ready.status == "True"


def _goes_on(wanted: Wanted, seen: Seen, before: DetectorStatus) -> bool:
    """Whether all wanted pods are there, or only an autoscaler is at work: its changes are no rollouts."""
    if seen.deployment is None or seen.deployment.settled:
        return seen.deployment is not None
    nothing_asked_since = seen.generation == before.observed_generation
    return wanted.autoscaled and nothing_asked_since and seen.deployment.serves_with(_least(wanted))


def _without_pods(seen: Seen) -> bool:
    """Whether the Deployment has no pod yet, of which its status tells before they can serve."""
    return seen.deployment is not None and seen.deployment.replicas == 0


def _least(wanted: Wanted) -> int:
    """The pods that the resource itself asks for; somebody else's autoscaler says for itself how many it wants."""
    return 1 if wanted.scaled_by_other else wanted.serving.replicas.min


def _identity(model: ModelStatus) -> tuple[int, str]:
    """What an answer says of its model: two versions may be the same bytes."""
    return model.version, model.digest
