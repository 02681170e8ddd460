import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tests.unit.inference.registry.harness import INFO, NAMESPACE, UID, fingerprint

from pynomaly_inference.bundle import Evaluation, Golden, Metadata, Parity, Semantics, TrainedAlgorithm
from pynomaly_inference.registry.contract import (
    ModelInfo,
    TrainingKey,
    decode_digest,
    decode_info,
    encode_digest,
    encode_info,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
metric = st.none() | finite


@st.composite
def infos(draw: st.DrawFn) -> ModelInfo:
    evaluation = Evaluation(
        rows=draw(st.integers(0, 2**53)),
        held_out=draw(st.booleans()),
        anomaly_rate=draw(finite),
        roc_auc=draw(metric),
        precision_at_n=draw(metric),
    )
    name = draw(st.text("abz019-", max_size=30))
    return ModelInfo(
        name=f"a{name}z", algorithm=f"A{name}".replace("-", "_"), threshold=draw(finite), evaluation=evaluation
    )


@given(info=infos())
def test_what_is_told_of_a_model_survives_the_header(info: ModelInfo) -> None:
    value = encode_info(info)
    assert value.isascii()
    assert decode_info(value) == info
    assert decode_info(value.rstrip("=")) == info


@given(value=st.text(max_size=60))
def test_anything_else_in_the_header_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the promise is the type; the texts are base64's and pydantic's
        decode_info(value)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", '"1"', "null"])
def test_a_threshold_that_is_no_finite_number_is_refused(number: str) -> None:
    text = INFO.model_dump_json(by_alias=True).replace('"threshold":0.25', f'"threshold":{number}')
    assert number in text
    with pytest.raises(ValidationError, match="threshold"):
        ModelInfo.model_validate_json(text, strict=True)


def test_the_message_is_readable_json() -> None:
    assert json.loads(INFO.model_dump_json(by_alias=True)) == {
        "format": 1,
        "name": "shuttle",
        "algorithm": "IForest",
        "threshold": 0.25,
        "evaluation": {
            "rows": 100,
            "heldOut": True,
            "anomalyRate": 0.07,
            "anomalies": 7,
            "rocAuc": 0.99,
            "averagePrecision": None,
            "precisionAtN": None,
        },
    }


@given(content=st.binary(max_size=50))
def test_a_digest_survives_its_field(content: bytes) -> None:
    digest = hashlib.sha256(content).digest()
    assert decode_digest(encode_digest(digest)) == digest
    assert decode_digest(f"sha-512=:AAAA:,  {encode_digest(digest)};q=1") == digest


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha-256",
        "sha-256=abc",
        "sha-256=:abc:",
        "SHA-256=:" + "A" * 43 + "=:",
        "x-sha-256=:" + "A" * 43 + "=:",
        "sha-256=:" + "A" * 44 + ":",
        "sha-256=:" + "A" * 43 + "=:junk",
    ],
)
def test_a_field_without_a_sha256_has_none(value: str) -> None:
    assert decode_digest(value) is None


def test_a_training_is_kept_under_its_detectors_uid() -> None:
    key = TrainingKey(namespace=NAMESPACE, uid=UID, fingerprint=fingerprint("a"))
    assert key.path == f"/v1/detectors/{NAMESPACE}/{UID}/fingerprints/{fingerprint('a')}"


@pytest.mark.parametrize(
    ("field", "value"),
    [("namespace", "../other"), ("uid", f"{UID}/.."), ("fingerprint", "a"), ("fingerprint", "a" * 64 + "\n")],
)
def test_a_key_that_would_leave_its_path_cannot_be_made(field: str, value: str) -> None:
    parts = {"namespace": NAMESPACE, "uid": UID, "fingerprint": fingerprint("a")}
    with pytest.raises(ValidationError, match=field):
        TrainingKey(**{**parts, field: value})


def test_what_is_told_of_a_model_is_taken_from_its_file() -> None:
    metadata = Metadata(
        name="shuttle",
        algorithm=TrainedAlgorithm(name="IForest", parameters={"n_estimators": 200}),
        semantics=Semantics.EXACT,
        explains=False,
        keeps_training_rows=False,
        missing_values=False,
        features=(),
        contamination=0.07,
        threshold=0.25,
        score_scale=1.0,
        score_quantiles=(),
        evaluation=INFO.evaluation,
        parity=Parity(reference="PyOD", tolerance=1e-9, cases={}, rows_within_threshold_band=0),
        golden=Golden(numbers=(), categories=None, scores=()),
        chunk=None,
        training_rows=233,
        data_fingerprint="0" * 64,
        versions={},
    )
    assert ModelInfo.of(metadata) == INFO
