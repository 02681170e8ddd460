"""The pods that serve a detector: listed, and told of new content in the files that they mount."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from pynomaly_operator.desired import labels
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import NOT_FOUND, ApiError
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import POD
from pynomaly_operator.notification import due
from pynomaly_operator.observed import PodFacts, pod_facts
from pynomaly_operator.refusals import REFUSALS

log = logging.getLogger(__name__)

REFUSED_FOR = timedelta(minutes=5)


class Pods:
    """The serving pods as the API server knows them."""

    def __init__(self, kube: Kube, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._now = now
        self._refused: dict[str, datetime] = {}
        """When a policy last refused to annotate a pod, by namespace."""

    async def alive(self, detector: Identity) -> list[PodFacts]:
        """Those that neither end nor have ended."""
        selector = labels.selector_text(detector, labels.SERVER)
        bodies = await self._kube.list(POD, detector.namespace, labelSelector=selector)
        return [facts for facts in map(pod_facts, bodies) if not facts.ending and not facts.ended]

    async def notify(self, detector: Identity, pods: Iterable[PodFacts], topic: str, content: str) -> None:
        """Tells each of the pods, all of which are behind, of the content, unless it was told a moment ago.

        `topic` is the annotation: one a file. To be told only makes a pod faster: where no pod may be annotated, all
        are left to the kubelet's own pace.
        """
        for pod in pods:
            if self._is_refused(detector.namespace):
                return
            notification = due(pod.notifications.get(topic), content, self._now())
            if notification is not None:
                await self._annotate(detector, pod.name, {topic: str(notification)})

    async def _annotate(self, detector: Identity, pod: str, annotations: dict[str, str]) -> None:
        try:
            await self._kube.merge(POD, detector.namespace, pod, {"metadata": {"annotations": annotations}})
        except ApiError as error:
            if error.status in REFUSALS:
                self._let_go(detector, pod, error)
            elif error.status != NOT_FOUND:  # a pod that is gone needs no telling
                raise
        else:
            self._refused.pop(detector.namespace, None)

    def _is_refused(self, namespace: str) -> bool:
        refused = self._refused.get(namespace)
        return refused is not None and abs(self._now() - refused) < REFUSED_FOR

    def _let_go(self, detector: Identity, pod: str, error: ApiError) -> None:
        if detector.namespace not in self._refused:
            text = "%s/%s: pod %s may not be annotated, so it reads new files a minute later: %s"
            log.warning(text, detector.namespace, detector.name, pod, error)
        self._refused[detector.namespace] = self._now()
