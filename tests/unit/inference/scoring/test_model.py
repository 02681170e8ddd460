"""A loaded model file."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.scoring.model import Model
from pynomaly_inference.scoring.rows import Rows

ROWS = Rows(np.array([[1.0, 2.0], [2.0, 2.0], [0.0, 0.5]]))


@pytest.fixture
def content(build: Any, metadata: dict[str, Any]) -> bytes:
    whole: bytes = build(json.dumps(metadata))
    return whole


def test_rows_are_scored_labelled_and_given_a_probability(content: bytes) -> None:
    scored = Model.parse(content).score(ROWS)

    assert scored.scores.tolist() == [3.0, 4.0, 0.5]
    assert scored.labels.tolist() == [0, 1, 0]
    assert scored.probabilities.tolist() == pytest.approx([0.3, 0.4, 0.05])
    assert scored.contributions is None
    assert scored.unified is None


def test_contributions_and_the_unified_probability_come_when_asked_for(content: bytes) -> None:
    model = Model.parse(content)

    both = model.score(ROWS, explain=True, unify=True)
    assert both.contributions is not None
    assert both.contributions.tolist() == ROWS.numbers.tolist()
    assert both.unified is not None
    assert both.unified.tolist() == pytest.approx([-0.3, -0.4, -0.05])
    assert model.score(ROWS, explain=True).unified is None
    assert model.score(ROWS, unify=True).contributions is None


@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_rows_beyond_the_chunk_are_scored_in_parts_to_the_same_answer(
    build: Any, metadata: dict[str, Any], chunk: int
) -> None:
    whole = Model.parse(build(json.dumps(metadata))).score(ROWS, explain=True, unify=True)

    parts = Model.parse(build(json.dumps(metadata | {"chunk": chunk}))).score(ROWS, explain=True, unify=True)

    for one, other in zip(whole, parts, strict=True):
        assert one is not None
        assert other is not None
        assert one.tolist() == other.tolist()


def test_the_digest_is_of_the_whole_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "sum.onnx"
    path.write_bytes(content)

    model = Model.load(path)

    assert model.digest == hashlib.sha256(content).hexdigest()
    assert model.outputs == ("score", "label", "probability", "probability_unify", "contributions")


def test_several_threads_may_score_at_once(content: bytes) -> None:
    model = Model.parse(content)
    inputs = [Rows(np.full((100, 2), float(index))) for index in range(40)]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(model.score, inputs))

    assert [answer.scores.tolist() for answer in answers] == [[2.0 * index] * 100 for index in range(40)]


def test_golden_rows_that_agree_pass_and_others_name_the_row(build: Any, metadata: dict[str, Any]) -> None:
    Model.parse(build(json.dumps(metadata))).check_golden()
    golden = {"numbers": [[1, 2], [3, 4]], "categories": None, "scores": [3.0, 7.00000001]}

    with pytest.raises(ModelLoadFailed, match=r"golden row 2 scores 7.0 here and 7.00000001 at training"):
        Model.parse(build(json.dumps(metadata | {"golden": golden}))).check_golden()


def test_a_file_that_cannot_be_served_says_why(build: Any, metadata: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ModelLoadFailed, match=r"cannot read `.*nothing.onnx`: No such file"):
        Model.load(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ModelLoadFailed, match=r"text.onnx`: not a model file of `pynomaly train`"):
        Model.load(tmp_path / "text.onnx")
    with pytest.raises(ModelLoadFailed, match="the file has no `pynomaly` metadata"):
        Model.parse(build(None))
    text = json.dumps(metadata)
    with pytest.raises(ModelLoadFailed, match="the graph gives no `contributions`, which its metadata promises"):
        Model.parse(build(text, outputs=["score", "label", "probability"]))
    with pytest.raises(ModelLoadFailed, match="the graph takes `X`, `Y`; its metadata speaks of `X`"):
        Model.parse(build(text, inputs=["X", "Y"]))
