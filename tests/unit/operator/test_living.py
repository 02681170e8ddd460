"""The operator's lists against the real registry; the API server is one that pages as Kubernetes does."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    OPERATOR,
    OTHER_UID,
    UID,
    Running,
    fingerprint,
    running,
    settings_for,
)
from tests.unit.operator.servers import answering

from pynomaly_inference.registry.contract import Forgetting, LivingDetectors
from pynomaly_operator.living import Living
from pynomaly_operator.registry import HttpRegistry
from pynomaly_operator.scope import Scope

DAY = 86_400.0
ALL = "/apis/pynomaly.io/v1alpha1/anomalydetectors"
IN = "/apis/pynomaly.io/v1alpha1/namespaces/{}/anomalydetectors"


@dataclass
class ApiServer:
    """Pages of UIDs by path, and the resourceVersion of each path's list; a page that is None has expired."""

    pages: dict[str, list[Sequence[str] | None]]
    versions: dict[str, int] = field(default_factory=dict)
    asked: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        pages, number = self.pages[request.path], int(request.query.get("continue", "0"))
        page = pages[number]
        if page is None:
            return web.json_response({"message": "the continue token is too old"}, status=410)
        metadata = {"resourceVersion": str(self.versions.get(request.path, 7))}
        if number + 1 < len(pages):
            metadata["continue"] = str(number + 1)
        items = [{"metadata": {"uid": uid}} for uid in page] or None
        return web.json_response({"metadata": metadata, "items": items})


@dataclass
class Recording:
    """A registry before the registry: what it was sent, and what it answered."""

    registry: HttpRegistry | None = None
    answers: list[Forgetting] = field(default_factory=list)
    sent: list[LivingDetectors] = field(default_factory=list)

    async def tell_living(self, living: LivingDetectors) -> Forgetting:
        self.sent.append(living)
        if self.registry is None:
            return self.answers.pop(0)
        answer = await self.registry.tell_living(living)
        self.answers.append(answer)
        return answer


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Running]:
    """A registry with models of two detectors."""
    with running(settings_for(tmp_path / "registry.db")) as found:
        with found.trainer() as one, found.trainer(OTHER_UID) as other:
            one.upload(fingerprint("a"), b"one")
            other.upload(fingerprint("a"), b"other", uid=OTHER_UID)
        yield found


def versions(registry: Running, uid: str) -> int:
    with registry.server(uid) as server:
        return len(server.detector("/versions", uid=uid).json()["versions"])


def test_a_deleted_detector_is_forgotten_by_the_real_registry_after_two_lists_seven_days_apart(
    registry: Running, tmp_path: Path
) -> None:
    api = ApiServer({ALL: [[OTHER_UID]]})

    assert told_registry(api, registry, tmp_path).answers == [Forgetting(missing=1, confirmed=0, forgotten=0)]
    registry.clock.seconds += 7 * DAY
    api.versions[ALL] = 8
    assert told_registry(api, registry, tmp_path).answers == [Forgetting(missing=0, confirmed=0, forgotten=1)]

    assert (versions(registry, UID), versions(registry, OTHER_UID)) == (0, 1)


def test_in_namespaced_mode_detectors_of_other_namespaces_are_not_missed(registry: Running, tmp_path: Path) -> None:
    scope = Scope(("elsewhere", "empty"))
    api = ApiServer({IN.format("elsewhere"): [["11111111-1111-4111-8111-111111111111"]], IN.format("empty"): [[]]})

    for version in (8, 9):
        api.versions = dict.fromkeys(api.pages, version)
        recording = told_registry(api, registry, tmp_path, scope)
        registry.clock.seconds += 7 * DAY

    assert recording.sent[0].namespaces == ("elsewhere", "empty")
    assert (versions(registry, UID), versions(registry, OTHER_UID)) == (1, 1)


def test_in_namespaced_mode_what_a_namespace_of_its_own_lacks_is_forgotten(registry: Running, tmp_path: Path) -> None:
    api = ApiServer({IN.format(NAMESPACE): [[OTHER_UID]]})

    for version in (8, 9):
        api.versions = dict.fromkeys(api.pages, version)
        told_registry(api, registry, tmp_path, Scope((NAMESPACE,)))
        registry.clock.seconds += 7 * DAY

    assert (versions(registry, UID), versions(registry, OTHER_UID)) == (0, 1)


def test_the_list_is_all_pages_of_one_list_that_no_cache_answers() -> None:
    api = ApiServer({ALL: [[UID], [OTHER_UID]]}, {ALL: 12})
    recording = Recording(answers=[Forgetting(missing=0, confirmed=0, forgotten=0)])

    assert told(api, recording)

    assert recording.sent == [LivingDetectors(resource_version="12", namespaces=None, count=2, uids=(UID, OTHER_UID))]
    assert not any("resourceVersion" in request.query for request in api.asked)


def test_of_the_lists_of_several_namespaces_the_earliest_moment_is_told() -> None:
    api = ApiServer({IN.format("a"): [[UID]], IN.format("b"): [[OTHER_UID]]}, {IN.format("a"): 9, IN.format("b"): 11})
    recording = Recording(answers=[Forgetting(missing=0, confirmed=0, forgotten=0)])

    assert told(api, recording, Scope(("a", "b")))

    assert recording.sent[0].resource_version == "9"


@pytest.mark.parametrize("pages", [[[]], [[UID], None]], ids=["no detector", "a page that has expired"])
def test_what_could_be_taken_for_more_than_it_is_is_not_sent(pages: list[Sequence[str] | None]) -> None:
    recording = Recording()

    assert told(ApiServer({ALL: pages}), recording)

    assert recording.sent == []


def test_more_detectors_than_a_list_may_name_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynomaly_operator.living.MAX_LIVING", 1)

    recording = Recording()

    assert told(ApiServer({ALL: [[UID], [OTHER_UID]]}), recording)

    assert recording.sent == []


def test_a_list_is_repeated_while_there_is_something_to_delete() -> None:
    recording = Recording(answers=[Forgetting(missing=0, confirmed=n, forgotten=0) for n in (2, 1, 0)])

    assert told(ApiServer({ALL: [[UID]]}), recording)

    assert len(recording.sent) == 3
    assert len(set(recording.sent)) == 1


def test_nothing_is_sent_by_one_who_does_not_lead() -> None:
    recording = Recording()

    assert not told(ApiServer({ALL: [[UID]]}), recording, leading=lambda: False)

    assert recording.sent == []


def told(
    api: ApiServer, recording: Recording, scope: Scope | None = None, leading: Callable[[], bool] = lambda: True
) -> bool:
    async def tell() -> bool:
        async with answering(api.answer) as kube:
            return await Living(kube, recording, scope or Scope(), leading).tell()

    return asyncio.run(tell())


def told_registry(api: ApiServer, registry: Running, folder: Path, scope: Scope | None = None) -> Recording:
    """One list, sent by the operator's own client to the real registry."""
    token = folder / "token"
    token.write_text(registry.reviewer.issue(OPERATOR))
    recording = Recording()

    async def tell() -> bool:
        recording.registry = HttpRegistry(registry.url, token)
        try:
            async with answering(api.answer) as kube:
                return await Living(kube, recording, scope or Scope(), lambda: True).tell()
        finally:
            await recording.registry.close()

    assert asyncio.run(tell()), json.dumps([answer.model_dump() for answer in recording.answers])
    return recording
