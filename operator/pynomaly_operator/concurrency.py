"""Waiting for one of several things, and ending the others."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

Answer = TypeVar("Answer")


async def is_set_within(event: asyncio.Event, seconds: float) -> bool:
    """Returns True as soon as the event is set, or False so much later."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def unless(stop: asyncio.Event, answer: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The answer; None when `stop` was set before."""
    asking, stopping = asyncio.create_task(answer), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([asking, stopping], return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else None
    finally:
        stopping.cancel()
        asking.cancel()


async def together(
    awaited: Sequence[asyncio.Task[Any]],
    beside: Sequence[asyncio.Task[Any]],
    after: Callable[[], Coroutine[Any, Any, None]],
) -> None:
    """Runs all that is awaited until one ends, and ends those `beside`; raises the error of the one that failed.

    `after` follows in any case.
    """
    try:
        await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in beside:
            task.cancel()
        results = await asyncio.gather(*beside, return_exceptions=True)
        await after()
    for result in results:
        if isinstance(result, Exception):
            raise _alone(result)


def _alone(error: Exception) -> Exception:
    """The error itself that a group of tasks ended with, when it is the only one."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
