"""`to_onnx` on its own: every model is proven, named as its user names columns, and says what its user must know."""

from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from tests.unit.inference.convert.conftest import Run

from pynomaly_inference.convert import Rows, graph_of, to_onnx
from pynomaly_inference.convert.cases import made_cases
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.errors import NotConvertible, ParityFailed
from pynomaly_inference.features import FeatureType

X = np.random.default_rng(0).standard_normal((80, 3))
PLAIN = Preprocessing.none(["a", "b", "c"])


class Index:
    """As pandas' Index: iterable, and no sequence."""

    def __iter__(self) -> Any:
        return iter(["a", "b", "c"])

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an Index is ambiguous")


def doubled(detector: Any) -> Any:
    """A detector whose graph cannot be right: it scores twice what its class scores."""
    scores = type(detector).decision_function
    detector.decision_function = lambda rows: 2 * scores(detector, rows)
    return detector


def test_a_graph_that_does_not_score_as_pyod_is_never_returned() -> None:
    detector = doubled(KNN().fit(X))
    assert graph_of(detector, PLAIN).graph.output[0].name == "score"
    with pytest.raises(ParityFailed, match=r"case `made rows of scale 0\.001`, row \d of 8, .* times as far apart"):
        to_onnx(detector)


def test_training_rows_find_what_made_rows_are_too_far_away_to_find() -> None:
    """All made rows are in the outermost bin of a histogram of rows near a million."""
    detector = HBOS().fit(1e6 + X)
    scores = HBOS.decision_function
    detector.decision_function = lambda rows: scores(detector, rows) + np.where(rows[:, 0] > 1e5, 1.0, 0.0)
    assert to_onnx(detector).graph.output[0].name == "score"
    with pytest.raises(ParityFailed, match="case `training rows`"):
        to_onnx(detector, training_rows=1e6 + X)


def test_training_rows_may_be_those_of_a_resource_and_must_be_of_its_columns() -> None:
    detector = KNN().fit(X)
    proven = to_onnx(detector, preprocessing=PLAIN, training_rows=Rows(X))
    assert proven == to_onnx(detector, ["a", "b", "c"], training_rows=X.tolist())
    for rows in (X[:, :2], X[0], X[:0]):
        with pytest.raises(NotConvertible, match="`training_rows` are rows of 3 numbers, not an array of shape"):
            to_onnx(detector, training_rows=rows)


def test_the_model_says_what_its_user_must_know() -> None:
    detector = KNN().fit(X)
    properties = {entry.key: entry.value for entry in to_onnx(detector, ["a", "b", "c"]).metadata_props}
    assert properties == {
        "algorithm": "KNN",
        "semantics": "exact",
        "threshold": repr(float(detector.threshold_)),
        "tolerance": "1e-09",
        "features": '["a", "b", "c"]',
        "chunk": "256",
    }
    forest = to_onnx(IForest(n_estimators=5, random_state=0).fit(X))
    assert "chunk" not in {entry.key for entry in forest.metadata_props}


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c"],
        ("a", "b", "c"),
        iter("abc"),
        np.array(["a", "b", "c"]),
        np.array(["a", "b", "c"], object),
        pl.Series(["a", "b", "c"]),
        Index(),
    ],
    ids=["list", "tuple", "iterator", "array", "objects", "series", "index"],
)
def test_names_are_any_iterable_of_text(names: Any) -> None:
    model = to_onnx(HBOS().fit(X), names)
    assert model.graph.input[0].doc_string == "a, b, c"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("abc", "`feature_names` is a list of 3 names, not 'abc'"),
        (7, "`feature_names` is a list of 3 names, not 7"),
        ([], "`feature_names` has 0 names: the detector was fitted on 3 columns"),
        (["a", "b"], "`feature_names` has 2 names: the detector was fitted on 3 columns"),
        (["a", "b", 3], "name 3 is no text but 3"),
        (["a", "", "c"], "name 2 is empty"),
        (["a", "b", "a"], "`a` is there 2 times: give each column a name of its own"),
    ],
)
def test_what_names_no_columns_is_refused_in_words(names: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(HBOS().fit(X), names)


def test_made_rows_have_every_scale_zeros_levels_and_missing_values() -> None:
    features = (("n", FeatureType.NUMBER), ("level", FeatureType.CATEGORY), ("m", FeatureType.NUMBER))
    preprocessing = Preprocessing(features, imputed=np.zeros(2), levels=(("on", "off"),))
    made = made_cases(preprocessing)
    assert list(made) == [
        *(f"made rows of scale {scale}" for scale in ("0.001", "1", "1000")),
        "zeros",
        "missing values",
    ]
    sizes = [float(np.abs(rows.numbers).mean()) for rows in list(made.values())[:3]]
    assert sizes == pytest.approx([0.8e-3, 0.8, 0.8e3], rel=0.5)
    assert np.isnan(made["missing values"].numbers).any()
    levels = {level for rows in made.values() if rows.categories is not None for level in rows.categories[:, 0]}
    assert levels == {"on", "off", "unseen"}
    matrix = preprocessing.transform(Rows(np.zeros((80, 2)), np.array([["on"], ["off"]] * 40, object)))
    random = np.random.default_rng(0).standard_normal(matrix.shape)
    assert to_onnx(HBOS().fit(matrix + random), preprocessing=preprocessing).graph.input[1].name == "C"


def test_the_file_scores_after_it_was_saved(run: Run, tmp_path: Any) -> None:
    detector = KNN().fit(X)
    onnx.save(to_onnx(detector, training_rows=X), tmp_path / "knn.onnx")
    outputs = run(onnx.load(tmp_path / "knn.onnx"), X[:5] * 2)
    assert outputs["score"] == pytest.approx(detector.decision_function(X[:5] * 2), rel=1e-9)
