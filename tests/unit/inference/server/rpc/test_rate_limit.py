"""The limit of requests is that of HTTP, and counts both."""

from pathlib import Path
from typing import Any

from pynomaly_inference.server.rpc import open_inference_pb2 as messages

METADATA = (("x-api-key", "first"),)


def test_a_call_too_many_is_refused_and_http_counts_too(write: Any, variant: Any, started: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("first\n")
    with started(write(variant()), keys=tmp_path / "keys", requests_per_minute=3) as rpc:
        assert rpc.call("ServerMetadata", messages.ServerMetadataRequest(), METADATA).name
        for _ in range(2):
            answer = rpc.http.post("/v1/score", json={"rows": [[1, 2]]}, headers=dict(METADATA))
            assert answer.status_code == 200

        status, sentence = rpc.refusal("ServerMetadata", messages.ServerMetadataRequest(), METADATA)

        assert status == "RESOURCE_EXHAUSTED"
        assert sentence.startswith("more than 3 requests a minute: wait")
        assert rpc.call("ServerLive", messages.ServerLiveRequest()).live


def test_attempts_without_a_key_are_limited_by_address(write: Any, variant: Any, started: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("first\n")
    with started(write(variant()), keys=tmp_path / "keys", requests_per_minute=3) as rpc:
        found = [rpc.refusal("ServerMetadata", messages.ServerMetadataRequest())[0] for _ in range(4)]
        over_http = rpc.http.post("/v1/score", json={"rows": [[1, 2]]}).status_code

    assert found == ["UNAUTHENTICATED"] * 3 + ["RESOURCE_EXHAUSTED"]
    assert over_http == 429
