import httpx
import pytest
from tests.unit.inference.registry.harness import (
    NAMESPACE,
    OPERATOR,
    OTHER_UID,
    UID,
    Client,
    Running,
    fingerprint,
    upload_headers,
)

from pynomaly_inference.registry.contract import AUDIENCE, DetectorKey

DETECTOR = DetectorKey(namespace=NAMESPACE, uid=UID)
A = fingerprint("a")


@pytest.mark.parametrize(
    ("account", "reads", "publishes"),
    [
        (f"{NAMESPACE}:ad-{UID}-train", True, True),
        (f"{NAMESPACE}:ad-{UID}-serve", True, False),
        (OPERATOR, True, False),
        (f"plant-b:ad-{UID}-train", False, False),
        (f"plant-b:ad-{UID}-serve", False, False),
        (f"{NAMESPACE}:ad-{OTHER_UID}-train", False, False),
        (f"{NAMESPACE}:ad-{OTHER_UID}-serve", False, False),
        (f"{NAMESPACE}:ad-{UID}", False, False),
        (f"{NAMESPACE}:ad-{UID}-train-2", False, False),
        (f"{NAMESPACE}:default", False, False),
        (f"{NAMESPACE}:operator", False, False),
        ("pynomaly:default", False, False),
    ],
)
def test_a_service_account_may_do_what_its_name_says(
    shared: Running, account: str, reads: bool, publishes: bool
) -> None:
    with shared.client(account) as client:
        assert client.detector("/versions").status_code == (200 if reads else 403)
        assert client.detector(f"/fingerprints/{A}").status_code == (404 if reads else 403)
        assert client.detector(f"/models/{A}").status_code == (404 if reads else 403)
        # An empty body is refused only of those who may publish.
        assert client.upload(A, b"").status_code == (400 if publishes else 403)


def test_an_account_of_another_namespace_that_took_a_foreign_uid_stays_in_its_own_namespace(registry: Running) -> None:
    with registry.trainer() as owner, registry.trainer(namespace="plant-b") as thief:
        owner.upload(A, b"model")
        there = f"/v1/detectors/plant-b/{UID}"
        assert thief.get(f"{there}/versions").json() == {"versions": []}
        assert thief.get(f"{there}/fingerprints/{A}").status_code == 404
        assert thief.detector("/versions").status_code == 403
        assert thief.upload(A, b"poison").status_code == 403


def test_an_account_that_takes_a_uid_first_does_not_stand_in_its_owners_way(registry: Running) -> None:
    with registry.trainer() as owner, registry.trainer(namespace="plant-b") as thief:
        taken = thief.put(f"/v1/detectors/plant-b/{UID}/fingerprints/{A}", content=b"x", headers=upload_headers(b"x"))
        assert taken.status_code == 201
        assert owner.detector("/versions").json() == {"versions": []}
        made = owner.upload(A, b"model").json()
        assert made["version"] == 1
        assert made["size"] == 5


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic dXNlcjpwYXNz", "Bearer unknown"])
def test_without_a_valid_token_it_is_401(shared: Running, value: str | None) -> None:
    headers = {} if value is None else {"Authorization": value}
    answer = httpx.get(f"{shared.url}/v1/detectors/{NAMESPACE}/{UID}/versions", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_stranger_learns_nothing_of_which_paths_are_valid(shared: Running) -> None:
    with Client(shared.url, "unknown") as stranger:
        assert stranger.get("/v1/detectors/NOT/VALID/versions").status_code == 401


def test_a_token_for_another_audience_is_401(shared: Running) -> None:
    token = shared.reviewer.issue(f"{NAMESPACE}:ad-{UID}-train", "https://kubernetes.default.svc")
    with Client(shared.url, token) as client:
        answer = client.detector("/versions")
    assert answer.status_code == 401
    assert AUDIENCE in answer.json()["detail"]


def test_when_kubernetes_cannot_be_asked_nobody_gets_in(registry: Running) -> None:
    with registry.trainer() as trainer:
        registry.reviewer.outage = True
        answer = trainer.upload(A, b"model")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        registry.reviewer.outage = False
        assert trainer.upload(A, b"model").status_code == 201
