"""Plain requests as administrator, beside the operator's proxy."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp

from pynomaly_operator.manifest import Kind

MERGE = "application/merge-patch+json"
_PAUSE = 0.1
Answer = TypeVar("Answer")


class Refused(AssertionError):
    """An answer that is no success."""


class NotInTime(AssertionError):
    """What was waited for did not come about."""


@dataclass(frozen=True)
class Administrator:
    """Asks the API server about one namespace."""

    url: str
    session: aiohttp.ClientSession
    namespace: str

    async def get(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """The object; None when it is not there."""
        return await self._ask("GET", kind.path(self.namespace, name))

    async def list(self, kind: Kind, selector: str = "") -> list[dict[str, Any]]:
        """The objects, each with its kind."""
        found = await self._ask("GET", kind.path(self.namespace), params={"labelSelector": selector})
        items: list[dict[str, Any]] = (found or {}).get("items") or []
        return [{**item, "kind": kind.name} for item in items]

    async def create(self, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The new object; None when the name is taken."""
        return await self._ask("POST", kind.path(self.namespace), body)

    async def merge(self, kind: Kind, name: str, body: Mapping[str, Any], part: str = "") -> dict[str, Any] | None:
        """An edit of the object or of its `part`, as `/status`; None when it is not there or changed meanwhile."""
        return await self._ask("PATCH", kind.path(self.namespace, name) + part, body, MERGE)

    async def delete(self, kind: Kind, name: str) -> None:
        """What is not there is deleted."""
        await self._ask("DELETE", kind.path(self.namespace, name), {"propagationPolicy": "Background"})

    async def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> dict[str, Any] | None:
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        async with self.session.request(method, self.url + path, data=data, headers=headers, params=params) as answer:
            raw = await answer.read()
            if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                return None
            if not answer.ok:
                raise Refused(f"{method} {path}: {answer.status} {raw.decode(errors='replace')[:500]}")
            found: dict[str, Any] = json.loads(raw)
            return found


async def until(check: Callable[[], Awaitable[Answer]], *, within: float, what: str) -> Answer:
    """The first truthy answer of `check`, which is asked again and again. Raises NotInTime."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        answer = await check()
        if answer:
            return answer
        if asyncio.get_running_loop().time() > deadline:
            raise NotInTime(f"waited {within:g} s in vain for: {what}")
        await asyncio.sleep(_PAUSE)
