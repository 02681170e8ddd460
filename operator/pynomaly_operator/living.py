"""Telling the registry every few hours which detectors there are, so that it can forget the models of those that went.

What is sent, when, and what it does: `pynomaly_inference.registry.contract`.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from pynomaly_inference.registry.contract import MAX_LIVING, Forgetting, LivingDetectors
from pynomaly_operator.errors import ApiError, RegistryUnavailable
from pynomaly_operator.kube import Kube
from pynomaly_operator.manifest import DETECTOR
from pynomaly_operator.scope import Scope

log = logging.getLogger(__name__)

GONE = 410
MOST_REPEATS = 1000
"""Of one list: each deletes up to 100 models. What is left then is deleted after the next list."""


class Forgetful(Protocol):
    """A registry that forgets."""

    async def tell_living(self, living: LivingDetectors) -> Forgetting:
        """What the list came to. Raises RegistryUnavailable."""
        ...


class Living:
    """Makes the list, of what the API server says at the moment and of nothing that is remembered, and sends it."""

    def __init__(self, kube: Kube, registry: Forgetful, scope: Scope, leading: Callable[[], bool]) -> None:
        """`leading`: whether this process may still send."""
        self._kube = kube
        self._registry = registry
        self._scope = scope
        self._leading = leading

    async def tell(self) -> bool:
        """One list, repeated while the registry has more to delete. Whether the registry has all that it needs."""
        try:
            living = await self._listed()
            return living is None or await self._send(living)
        except (ApiError, RegistryUnavailable) as error:
            log.warning("the registry was not told which detectors there are: %s", error)
            return False

    async def _send(self, living: LivingDetectors) -> bool:
        for _ in range(MOST_REPEATS):
            if not self._leading():
                return False
            answer = await self._registry.tell_living(living)
            if answer.forgotten:
                log.info("the registry has forgotten %d deleted detectors", answer.forgotten)
            if not answer.confirmed:
                return True
        return False

    async def _listed(self) -> LivingDetectors | None:
        """Every detector; None when there is none, there are too many, or the list is not of one moment."""
        uids: list[str] = []
        moments: set[int] = set()
        try:
            for place in self._scope.places:
                async for page in self._kube.pages(DETECTOR, namespace=place):
                    moments.add(int(page["metadata"]["resourceVersion"]))
                    uids += (item["metadata"]["uid"] for item in page["items"] or ())
        except ApiError as error:
            if error.status != GONE:
                raise
            log.info("the list of detectors took too long: the registry is told of the next one")
            return None
        if not uids:
            return None
        if len(uids) > MAX_LIVING:
            log.warning("%d detectors are more than the registry takes: it forgets none", len(uids))
            return None
        # Of several namespaces' lists the earliest moment: what came after it is not claimed to be absent.
        return LivingDetectors(
            resource_version=str(min(moments)),
            namespaces=self._scope.namespaces or None,
            count=len(uids),
            uids=tuple(uids),
        )
