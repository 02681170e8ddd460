"""One active operator: a Lease (coordination.k8s.io/v1), told by this machine's clock alone.

The clocks of others are never compared with ours, nor read: a Lease is free when nobody holds it, or when *we* have
seen it unchanged for as long as its holder said that it lasts. We lead until `renew_deadline` after the *start* of our
last renewal that succeeded: less than the Lease lasts, so we know that we lost it before another may take it.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pynomaly_operator.errors import CONFLICT, NOT_FOUND, ApiError
from pynomaly_operator.kube import Kube, Request
from pynomaly_operator.manifest import Kind, Manifest

log = logging.getLogger(__name__)

LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases", whole=True)
LOST = float("-inf")

Clock = Callable[[], float]


def boottime() -> float:
    """Seconds that also pass while the machine is suspended: what counts is the time that others saw pass."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # macOS has no other
    return time.clock_gettime(clock)


@dataclass(frozen=True, slots=True)
class Terms:
    """Seconds; client-go's defaults."""

    duration: float = 15.0
    """For how long the Lease is respected by others after a renewal."""
    renew_deadline: float = 10.0
    """For how long we believe in it ourselves."""
    retry: float = 2.0
    """Between two attempts to get or to renew it."""
    request_timeout: float = 5.0
    """Of one attempt: a second one must fit into the deadline."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to lead, and which Lease says who does."""

    namespace: str
    lease: str
    identity: str
    """Unique to this process: one that is started again is another."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A Lease of somebody else, and since when it has looked like this."""

    version: str
    since: float


class Leadership:
    """One candidate's part in the election. It is also the fence of all other writes."""

    def __init__(self, kube: Kube, candidate: Candidate, terms: Terms | None = None, clock: Clock = boottime) -> None:
        """`kube` must be a client of its own: a renewal waits behind no other request, and passes no fence."""
        self._kube = kube
        self._candidate = candidate
        self._terms = terms or Terms()
        self._clock = clock
        self._until = LOST
        self._expiry = LOST
        self._seen: _Seen | None = None
        self._answered = clock()

    def remaining(self) -> float:
        """See `Fence.remaining`."""
        return self._until - self._clock()

    @property
    def leading(self) -> bool:
        """Whether this process leads at this moment."""
        return self.remaining() > 0

    @property
    def unanswered(self) -> float:
        """For how many seconds the API server has not answered about the Lease."""
        return self._clock() - self._answered

    async def acquire(self) -> None:
        """Returns when this process leads."""
        while not await self.attempt():
            wait = self._terms.retry * random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, hides nothing
            until_free = self._expiry - self._clock()
            await asyncio.sleep(min(wait, until_free) if until_free > 0 else wait)
        log.info("%s leads", self._candidate.identity)

    async def keep(self) -> None:
        """Renews the Lease; returns when it is lost."""
        while self.leading:
            await asyncio.sleep(min(self._terms.retry, max(self.remaining(), 0.0)))
            if self.leading:
                await self.attempt()
        log.critical("%s leads no longer", self._candidate.identity)

    async def release(self) -> None:
        """Stops leading at once, and lets another lead without waiting. Never raises: the Lease also ends by itself."""
        if not self.leading:
            return
        self._until = LOST
        try:
            async with asyncio.timeout(self._terms.request_timeout):
                lease = await self._read()
                if lease is not None and _holder(lease) == self._candidate.identity:
                    await self._replace(lease, holder="", duration=1)
                    log.info("%s has released %s", self._candidate.identity, self._candidate.lease)
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease %s could not be released: %s", self._candidate.lease, error)

    async def attempt(self) -> bool:
        """One attempt to get or to renew the Lease: whether it succeeded."""
        started, timeout = self._clock(), self._terms.request_timeout
        try:
            async with asyncio.timeout(min(timeout, self.remaining()) if self.leading else timeout):
                won = await self._take()
            self._answered = self._clock()
        except (ApiError, TimeoutError) as error:
            log.warning("the Lease %s: %s", self._candidate.lease, error or "no answer in time")
            return False
        if won:
            self._until = started + self._terms.renew_deadline  # the time that the request took counts against us
        return won

    async def _take(self) -> bool:
        lease = await self._read()
        if lease is None:
            return await self._won(self._create())
        if _holder(lease) == self._candidate.identity:
            return await self._won(self._replace(lease, self._candidate.identity, self._terms.duration))
        self._until = LOST  # somebody else leads, or a person has intervened
        if _holder(lease) and not self._expired(lease):
            return False
        return await self._won(self._replace(lease, self._candidate.identity, self._terms.duration))

    async def _won(self, write: Any) -> bool:
        """Of candidates that write at the same time the API server lets one succeed."""
        try:
            await write
        except ApiError as error:
            if error.status == CONFLICT:
                return False
            raise
        return True

    def _expired(self, lease: Manifest) -> bool:
        version, now = lease["metadata"]["resourceVersion"], self._clock()
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, now)
        duration = _spec(lease).get("leaseDurationSeconds", self._terms.duration)
        self._expiry = self._seen.since + duration
        return now >= self._expiry

    async def _read(self) -> Manifest | None:
        try:
            return await self._kube.send(Request("GET", LEASE.path(self._candidate.namespace, self._candidate.lease)))
        except ApiError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    async def _create(self) -> None:
        metadata = {"name": self._candidate.lease, "namespace": self._candidate.namespace}
        spec = self._held_by({}, self._candidate.identity, self._terms.duration)
        body = {"apiVersion": LEASE.api_version, "kind": LEASE.name, "metadata": metadata, "spec": spec}
        await self._kube.send(Request("POST", LEASE.path(self._candidate.namespace), body))

    async def _replace(self, lease: Manifest, holder: str, duration: float) -> None:
        # The resourceVersion that was read goes back with it: had anybody written meanwhile, the answer is 409.
        body = {**lease, "spec": self._held_by(_spec(lease), holder, duration)}
        await self._kube.send(Request("PUT", LEASE.path(self._candidate.namespace, self._candidate.lease), body))

    def _held_by(self, before: Manifest, holder: str, duration: float) -> dict[str, Any]:
        """The times are for people: nobody decides by them."""
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = {**before, "holderIdentity": holder, "leaseDurationSeconds": int(duration), "renewTime": now}
        if holder and holder != before.get("holderIdentity"):
            spec |= {"acquireTime": now, "leaseTransitions": before.get("leaseTransitions", -1) + 1}
        return spec


def _holder(lease: Manifest) -> str:
    return str(_spec(lease).get("holderIdentity") or "")


def _spec(lease: Manifest) -> Manifest:
    spec: Manifest = lease.get("spec") or {}
    return spec
