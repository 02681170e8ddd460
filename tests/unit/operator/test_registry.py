import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.registry.contract import ModelInfo, Recorded
from pynomaly_operator.api.status import ModelStatus
from pynomaly_operator.desired.wanted import Identity
from pynomaly_operator.errors import RegistryUnavailable
from pynomaly_operator.pod_report import PodReport
from pynomaly_operator.registry import HttpRegistry, Remembering
from pynomaly_operator.serving_pods import HttpServingPods

DETECTOR = Identity("plant-a", "shuttle", "00000000-0000-4000-8000-000000000002")
FINGERPRINT = "ab" * 32
RECORDED = Recorded(
    version=3,
    digest="cd" * 32,
    fingerprint=FINGERPRINT,
    size=10,
    created=datetime(2026, 5, 1, tzinfo=UTC),
    model=ModelInfo(
        name="shuttle",
        algorithm="IForest",
        threshold=0.25,
        evaluation=Evaluation(rows=100, held_out=True, anomaly_rate=0.07, roc_auc=0.99),
    ),
)
Answer = Callable[[web.Request], Coroutine[Any, Any, web.Response]]


def test_a_recorded_version_is_asked_for_with_the_operators_token_and_told_with_its_metrics(tmp_path: Path) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(text=RECORDED.model_dump_json(by_alias=True))

    found = asyncio.run(_asked(answer, tmp_path))

    assert seen[0].path == f"/v1/detectors/plant-a/{DETECTOR.uid}/fingerprints/{FINGERPRINT}"
    assert seen[0].headers["Authorization"] == "Bearer t0ken"
    assert found is not None
    assert (found.version, found.digest, found.threshold) == (3, "cd" * 32, 0.25)
    assert (found.metrics.roc_auc, found.metrics.average_precision) == (0.99, None)


def test_a_fingerprint_without_a_version_is_none(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=404)

    assert asyncio.run(_asked(answer, tmp_path)) is None


def test_a_version_is_asked_for_by_its_number(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path != f"/v1/detectors/plant-a/{DETECTOR.uid}/versions/3":
            return web.Response(status=404)
        return web.Response(text=RECORDED.model_dump_json(by_alias=True))

    async def ask() -> list[ModelStatus | None]:
        async with _server(answer) as (url, _):
            registry = HttpRegistry(url, _token(tmp_path))
            try:
                return [await Remembering(registry).version(DETECTOR, number) for number in (3, 4)]
            finally:
                await registry.close()

    found, missing = asyncio.run(ask())

    assert missing is None
    assert found is not None
    assert (found.version, found.digest) == (3, "cd" * 32)


@pytest.mark.parametrize(("status", "text"), [(503, "busy"), (401, ""), (200, "{}"), (200, "<html>")])
def test_any_other_answer_means_that_the_registry_is_unavailable(tmp_path: Path, status: int, text: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    with pytest.raises(RegistryUnavailable):
        asyncio.run(_asked(answer, tmp_path))


def test_so_does_no_answer(tmp_path: Path) -> None:
    async def ask() -> None:
        registry = HttpRegistry("http://127.0.0.1:1", _token(tmp_path))
        try:
            await registry.recorded(DETECTOR, FINGERPRINT)
        finally:
            await registry.close()

    with pytest.raises(RegistryUnavailable, match=r"http://127.0.0.1:1"):
        asyncio.run(ask())


def test_what_was_found_is_not_asked_again_and_what_was_not_is(tmp_path: Path) -> None:
    answers = [web.Response(status=404), web.Response(text=RECORDED.model_dump_json(by_alias=True))]

    async def answer(_: web.Request) -> web.Response:
        return answers.pop(0)

    async def ask() -> list[ModelStatus | None]:
        async with _server(answer) as (url, _):
            registry = HttpRegistry(url, _token(tmp_path))
            remembering = Remembering(registry)
            try:
                return [await remembering.recorded(DETECTOR, FINGERPRINT) for _ in range(3)]
            finally:
                await registry.close()

    first, second, third = asyncio.run(ask())

    assert first is None
    assert second is not None
    assert second == third


@pytest.mark.parametrize(
    ("text", "served"),
    [
        ('{"format":1,"stable":{"version":2,"digest":"d"},"problem":null}', 2),
        ('{"stable":null,"problem":{"digest":"d","message":"m"}}', None),
    ],
)
def test_a_pod_reports_what_it_serves(text: str, served: int | None) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/status"
        return web.Response(text=text)

    report = asyncio.run(_reported(answer))

    assert report is not None
    assert (report.stable.version if report.stable is not None else None) == served
    assert (report.problem is None) == (served is not None)


@pytest.mark.parametrize(("status", "text"), [(500, ""), (200, "[]")])
def test_a_pod_that_answers_nonsense_does_not_answer(status: int, text: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    assert asyncio.run(_reported(answer)) is None


async def _asked(answer: Answer, folder: Path) -> ModelStatus | None:
    async with _server(answer) as (url, _):
        registry = HttpRegistry(url, _token(folder))
        try:
            return await registry.recorded(DETECTOR, FINGERPRINT)
        finally:
            await registry.close()


async def _reported(answer: Answer) -> PodReport | None:
    async with _server(answer) as (_, port):
        pods = HttpServingPods(port)
        try:
            return await pods.report("127.0.0.1")
        finally:
            await pods.close()


@asynccontextmanager
async def _server(answer: Answer) -> AsyncIterator[tuple[str, int]]:
    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        yield f"http://127.0.0.1:{port}", port
    finally:
        await runner.cleanup()


def _token(folder: Path) -> Path:
    token = folder / "token"
    token.write_text("t0ken\n")
    return token
