import hashlib
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from tests.registry.stores import Store
from tests.unit.inference.registry.harness import (
    INFO,
    NAMESPACE,
    OTHER_UID,
    UID,
    Running,
    fingerprint,
    upload_headers,
)

CHUNK = 1024 * 1024
A, B, C = map(fingerprint, "abc")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_problem(answer: httpx.Response, status: int, *said: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert all(word in problem["detail"] for word in said), problem["detail"]


def test_a_first_upload_makes_version_one_and_tells_all_of_it(registry: Running) -> None:
    with registry.trainer() as trainer:
        answer = trainer.upload(A, b"model")
    assert answer.status_code == 201
    assert answer.json() == {
        "version": 1,
        "digest": digest(b"model"),
        "fingerprint": A,
        "size": 5,
        "created": "1970-01-01T00:16:40+00:00",
        "model": INFO.model_dump(mode="json", by_alias=True),
    }


def test_the_same_upload_again_answers_the_same_with_200(registry: Running) -> None:
    with registry.trainer() as trainer:
        first = trainer.upload(A, b"model")
        registry.clock.seconds += 60
        second = trainer.upload(A, b"model")
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


def test_another_model_of_a_recorded_fingerprint_changes_nothing(registry: Running) -> None:
    with registry.trainer() as trainer:
        first = trainer.upload(A, b"model")
        second = trainer.upload(A, b"another model")
        assert second.status_code == 200
        assert second.json() == first.json()
        assert trainer.detector(f"/models/{digest(b'another model')}").status_code == 404


def test_versions_are_consecutive_and_listed_newest_first(registry: Running) -> None:
    with registry.trainer() as trainer:
        for number, wanted in enumerate((A, B, C), start=1):
            assert trainer.upload(wanted, wanted.encode()).json()["version"] == number
        listed = trainer.detector("/versions").json()["versions"]
    assert [(version["version"], version["fingerprint"]) for version in listed] == [(3, C), (2, B), (1, A)]


def test_a_list_is_read_in_pages(registry: Running) -> None:
    with registry.trainer() as trainer:
        for wanted in (A, B, C):
            trainer.upload(wanted, b"model")
        first = trainer.detector("/versions?limit=2").json()["versions"]
        rest = trainer.detector("/versions?limit=2&before=2").json()["versions"]
    assert [version["version"] for version in first] == [3, 2]
    assert [version["version"] for version in rest] == [1]


def test_a_detector_that_never_published_has_no_versions(registry: Running) -> None:
    with registry.server() as server:
        assert server.detector("/versions").json() == {"versions": []}
        assert_problem(server.detector("/versions/1"), 404, "no version 1")
        assert_problem(server.detector(f"/fingerprints/{A}"), 404, "fingerprint")
        assert_problem(server.detector(f"/models/{A}"), 404, "no model")


def test_a_version_is_found_by_its_number_and_by_its_fingerprint(registry: Running) -> None:
    with registry.trainer() as trainer:
        trainer.upload(A, b"one")
        made = trainer.upload(B, b"two").json()
        assert trainer.detector("/versions/2").json() == made
        assert trainer.detector(f"/fingerprints/{B}").json() == made


@pytest.mark.parametrize("size", [1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_model_comes_back_as_it_was_uploaded(registry: Running, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    with registry.trainer() as trainer, registry.server() as server:
        trainer.upload(A, content)
        answer = server.detector(f"/models/{digest(content)}")
    assert answer.content == content
    assert answer.headers["content-length"] == str(size)
    assert answer.headers["content-digest"] == upload_headers(content)["Content-Digest"]
    assert answer.headers["etag"] == f'"{digest(content)}"'


def test_a_server_that_has_the_model_is_not_sent_it_again(registry: Running) -> None:
    with registry.trainer() as trainer:
        trainer.upload(A, b"model")
        path = f"/v1/detectors/{NAMESPACE}/{UID}/models/{digest(b'model')}"
        answer = trainer.get(path, headers={"If-None-Match": f'"{digest(b"model")}"'})
    assert answer.status_code == 304
    assert answer.content == b""


def test_a_body_without_content_length_is_taken_in_pieces(registry: Running) -> None:
    pieces = [b"x" * 700_000, b"y" * 700_000, b"z"]
    with registry.trainer() as trainer:
        path = f"/v1/detectors/{NAMESPACE}/{UID}/fingerprints/{A}"
        answer = trainer.put(path, content=iter(pieces), headers=upload_headers(b"".join(pieces)))
        assert answer.status_code == 201
        assert trainer.detector(f"/models/{answer.json()['digest']}").content == b"".join(pieces)


def test_the_same_bytes_under_two_fingerprints_are_two_versions_kept_once(registry: Running, store: Store) -> None:
    with registry.trainer() as trainer:
        assert trainer.upload(A, b"model").json()["version"] == 1
        assert trainer.upload(B, b"model").json()["version"] == 2
    assert store.sql("SELECT count(*) FROM artifacts") == [(1,)]
    assert store.sql("SELECT count(*) FROM chunks") == [(1,)]


def test_a_recreated_detector_begins_anew_and_reads_nothing_of_the_one_before(registry: Running) -> None:
    with registry.trainer() as before, registry.trainer(OTHER_UID) as after:
        before.upload(A, b"model")
        assert after.detector("/versions", uid=OTHER_UID).json() == {"versions": []}
        assert after.detector(f"/models/{digest(b'model')}", uid=OTHER_UID).status_code == 404
        assert after.upload(A, b"model", uid=OTHER_UID).json()["version"] == 1


def test_a_digest_that_the_body_does_not_have_stores_nothing(registry: Running, store: Store) -> None:
    with registry.trainer() as trainer:
        wrong = {"Content-Digest": upload_headers(b"promised")["Content-Digest"]}
        answer = trainer.upload(A, b"sent", headers=wrong)
        assert_problem(answer, 400, digest(b"promised"), digest(b"sent"))
        assert trainer.detector("/versions").json() == {"versions": []}
    for table in ("versions", "artifacts", "chunks", "detectors"):
        assert store.sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608 - names above


@pytest.mark.parametrize(
    ("headers", "status", "said"),
    [
        ({"Content-Digest": ""}, 400, "RFC 9530"),
        ({"Content-Digest": "sha-512=:AAAA:"}, 400, "RFC 9530"),
        ({"Content-Digest": "sha-256=:AAAA:"}, 400, "RFC 9530"),
        ({"Pynomaly-Model": "!!"}, 422, "base64url"),
        ({"Pynomaly-Model": "e30="}, 422, "name"),
        ({"Pynomaly-Model": "A" * 40_000}, 431, "32768"),
        ({"Content-Encoding": "gzip"}, 415, "Content-Encoding"),
    ],
)
def test_headers_that_cannot_be_used_are_named(
    shared: Running, headers: dict[str, str], status: int, said: str
) -> None:
    with shared.trainer() as trainer:
        assert_problem(trainer.upload(A, b"model", headers=headers), status, said)


def test_one_of_several_digests_is_enough(registry: Running) -> None:
    both = f"sha-512=:AAAA:, {upload_headers(b'model')['Content-Digest']}"
    with registry.trainer() as trainer:
        assert trainer.upload(A, b"model", headers={"Content-Digest": both}).status_code == 201


def test_an_empty_body_is_no_model(registry: Running) -> None:
    with registry.trainer() as trainer:
        assert_problem(trainer.upload(A, b""), 400, "empty")


@pytest.mark.parametrize(
    "path",
    [
        f"{NAMESPACE}/{UID.upper()}/versions",
        f"{NAMESPACE}/{UID.replace('-', '')}/versions",
        f"{NAMESPACE}/not-a-uid/versions",
        f"Plant/{UID}/versions",
        f"-plant/{UID}/versions",
        f"{'n' * 64}/{UID}/versions",
        f"{NAMESPACE}/{UID}/versions/0",
        f"{NAMESPACE}/{UID}/versions/99999999999",
        f"{NAMESPACE}/{UID}/versions?limit=0",
        f"{NAMESPACE}/{UID}/versions?limit=1001",
        f"{NAMESPACE}/{UID}/fingerprints/abc",
        f"{NAMESPACE}/{UID}/fingerprints/{A.upper()}",
        f"{NAMESPACE}/{UID}/models/{A[:-1]}",
        f"{NAMESPACE}/{UID}/models/{A}%0A",
    ],
)
def test_what_is_no_identifier_is_422(shared: Running, path: str) -> None:
    with shared.operator() as operator:
        assert_problem(operator.get(f"/v1/detectors/{path}"), 422)


def test_paths_and_methods_that_are_not_there_are_problems_too(shared: Running) -> None:
    with shared.operator() as operator:
        assert_problem(operator.get("/v1/nothing"), 404)
        assert_problem(operator.delete(f"/v1/detectors/{NAMESPACE}/{UID}/versions"), 405)


def test_many_uploads_of_one_fingerprint_at_once_make_one_version(registry: Running) -> None:
    def upload(_: int) -> httpx.Response:
        with registry.trainer() as trainer:
            return trainer.upload(A, b"model" * 100_000)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(upload, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1


def test_many_uploads_of_different_fingerprints_at_once_get_consecutive_versions(registry: Running) -> None:
    def upload(number: int) -> int:
        with registry.trainer() as trainer:
            version: int = trainer.upload(fingerprint(str(number)), b"%d" % number).json()["version"]
            return version

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(upload, range(24))) == list(range(1, 25))


def test_it_is_alive_and_ready_without_a_token(shared: Running) -> None:
    assert httpx.get(f"{shared.url}/health/live").json() == {"status": "live"}
    assert httpx.get(f"{shared.url}/health/ready").json() == {"status": "ready"}


def test_metrics_count_requests_by_route_and_what_is_kept(registry: Running) -> None:
    with registry.trainer() as trainer:
        trainer.upload(A, b"model")
        trainer.upload(B, b"model")
        trainer.detector("/versions")
    text = httpx.get(f"{registry.url}/metrics").text
    route = "/v1/detectors/{namespace}/{uid}"
    uploads = f'{{endpoint="{route}/fingerprints/{{fingerprint}}",method="PUT",status_code="201"}}'
    assert f"pynomaly_registry_requests_total{uploads} 2.0" in text
    assert f'pynomaly_registry_request_duration_seconds_count{{endpoint="{route}/versions",method="GET"}} 1.0' in text
    assert "pynomaly_registry_versions 2.0" in text
    assert "pynomaly_registry_stored_bytes 5.0" in text
    assert UID not in text


def test_a_path_that_no_route_takes_is_counted_as_other(registry: Running) -> None:
    with registry.operator() as operator:
        operator.request("BREW", "/coffee/for/everyone")
    text = httpx.get(f"{registry.url}/metrics").text
    assert 'pynomaly_registry_requests_total{endpoint="other",method="other",status_code="404"} 1.0' in text
    assert "coffee" not in text


def test_a_lost_database_is_not_ready_and_answers_503(registry: Running, store: Store) -> None:
    store.sql("ALTER TABLE versions RENAME TO gone", "UPDATE alembic_version SET version_num = 'later'")
    with registry.trainer() as trainer:
        assert_problem(trainer.detector("/versions"), 503, "try again")
        assert_problem(httpx.get(f"{registry.url}/health/ready"), 503, "schema")
    assert "pynomaly_registry_versions NaN" in httpx.get(f"{registry.url}/metrics").text
