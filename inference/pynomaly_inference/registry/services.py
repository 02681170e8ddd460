"""What a request needs besides itself, and whom it may be answered for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request

from pynomaly_inference.registry.auth import Access, Authenticator, ReviewerUnavailable, is_operator, may
from pynomaly_inference.registry.clock import Clock
from pynomaly_inference.registry.contract import DetectorKey, Namespace, Uid
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.metrics import Metrics
from pynomaly_inference.registry.problems import Problem
from pynomaly_inference.registry.settings import RegistrySettings


@dataclass(frozen=True, slots=True)
class Services:
    """One registry's parts. uploads, downloads: turns, so that memory and disk stay bounded."""

    settings: RegistrySettings
    database: Database
    authenticator: Authenticator
    clock: Clock
    metrics: Metrics
    uploads: asyncio.Semaphore
    downloads: asyncio.Semaphore


async def services(request: Request) -> Services:
    """The parts of the registry that this request came to."""
    found: Services = request.app.state.services
    return found


Parts = Annotated[Services, Depends(services)]


async def _username(request: Request, parts: Parts) -> str:
    """Whose request it is; raises Problem 401, or 503 when Kubernetes cannot say."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise _unauthorized("send a service account's token: Authorization: Bearer TOKEN")
    try:
        found = await parts.authenticator.username(token.strip())
    except ReviewerUnavailable as error:
        raise Problem(503, f"it cannot be checked who you are: {error}", {"Retry-After": "5"}) from error
    if found is None:
        raise _unauthorized(f"the token is not valid for the audience {parts.settings.audience}, or has expired")
    return found


def _unauthorized(detail: str) -> Problem:
    return Problem(401, detail, {"WWW-Authenticate": "Bearer"})


Username = Annotated[str, Depends(_username)]


def _allowed(access: Access) -> Callable[..., Awaitable[DetectorKey]]:
    async def detector(
        username: Username, parts: Parts, namespace: Annotated[Namespace, Path()], uid: Annotated[Uid, Path()]
    ) -> DetectorKey:
        """The detector of the path; raises Problem 403 when the caller has no business with it."""
        key = DetectorKey(namespace=namespace, uid=uid)
        if not may(username, access, key, parts.settings.operator):
            raise Problem(403, f"{username} may not {access.name.lower()} models of {namespace}/{uid}")
        return key

    return detector


async def _operator(username: Username, parts: Parts) -> None:
    if not is_operator(username, parts.settings.operator):
        raise Problem(403, f"{username} may not say which detectors live: only the operator may")


OPERATOR = Depends(_operator)
"""Lets only the operator pass."""
Readable = Annotated[DetectorKey, Depends(_allowed(Access.READ))]
Publishable = Annotated[DetectorKey, Depends(_allowed(Access.PUBLISH))]
