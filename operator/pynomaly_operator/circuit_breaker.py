"""A circuit breaker before the registry: while it is silent, most passes do not wait for it.

Each question to a registry that hangs holds a worker until it times out, and as many detectors as there are may have
one, such as all that are scheduled for the same minute: without a breaker the workers would do nothing else. See
https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker.
"""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable
from pynomaly_operator.leadership import boottime
from pynomaly_operator.registry import Registry

SLOW_SECONDS = 2.0
"""A question that failed after longer than this held a worker for no use; a refusal that comes at once does no harm."""


class CircuitBreaker:
    """A registry that is asked one question at a time after it was silent, and one more with every answer."""

    def __init__(self, registry: Registry, clock: Callable[[], float] = boottime) -> None:
        """`clock` is in seconds."""
        self._registry = registry
        self._clock = clock
        self._most = math.inf
        self._asked = 0
        self._silence = ""

    async def recorded(self, detector: Identity, fingerprint: str) -> ModelStatus | None:
        """See `Registry.recorded`. Raises at once when too many wait already."""
        async with self._question():
            return await self._registry.recorded(detector, fingerprint)

    async def version(self, detector: Identity, number: int) -> ModelStatus | None:
        """See `Registry.version`. Raises at once when too many wait already."""
        async with self._question():
            return await self._registry.version(detector, number)

    @asynccontextmanager
    async def _question(self) -> AsyncIterator[None]:
        if self._asked >= self._most:
            raise RegistryUnavailable(self._silence)  # in the same words, for each change of a status is a write
        started = self._clock()
        self._asked += 1
        try:
            yield
        except RegistryUnavailable as error:
            if self._clock() - started > SLOW_SECONDS:
                self._most, self._silence = 1, str(error)
            else:
                self._most += 1
            raise
        else:
            self._most += 1
        finally:
            self._asked -= 1
