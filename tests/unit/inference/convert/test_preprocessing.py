"""Preprocessing: scikit-learn's numbers bit for bit, in NumPy and in the graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

from pynomaly_inference.convert.finish import _inputs
from pynomaly_inference.convert.graph import Graph
from pynomaly_inference.convert.preprocessing import Preprocessing, Scaling
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows

Matrix = NDArray[np.float64]
Run = Callable[[onnx.ModelProto, Rows], dict[str, Any]]

NUMBER, CATEGORY = FeatureType.NUMBER, FeatureType.CATEGORY
FEATURES = (("zone", CATEGORY), ("flow", NUMBER), ("kind", CATEGORY), ("heat", NUMBER))


def rows_of(seed: int, count: int = 60) -> Rows:
    random = np.random.default_rng(seed)
    numbers = random.standard_normal((count, 2)) * [1.0, 1e6] + [0.0, 1e7]
    numbers[random.random(numbers.shape) < 0.2] = np.nan
    categories = np.empty((count, 2), object)
    categories[:, 0] = random.choice(["north", "süd", ""], count)
    categories[:, 1] = random.choice(["a", "b"], count)
    return Rows(numbers, categories)


def scaling_of(scaler: Any) -> Scaling:
    if isinstance(scaler, StandardScaler):
        return Scaling.standard(scaler.mean_, scaler.scale_)
    if isinstance(scaler, MinMaxScaler):
        return Scaling.minmax(scaler.scale_, scaler.min_)
    return Scaling.robust(scaler.center_, scaler.scale_)


def as_table(rows: Rows) -> NDArray[np.object_]:
    """Numbers first, as the transformer takes them."""
    assert rows.categories is not None
    return np.concatenate([rows.numbers.astype(object), rows.categories], axis=1)


def written(preprocessing: Preprocessing) -> onnx.ModelProto:
    graph = Graph()
    value = preprocessing.write(graph, *_inputs(graph, preprocessing))
    graph.output("columns", value, TensorProto.DOUBLE, ["n", len(preprocessing.column_features())])
    return graph.model("test")


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=lambda one: type(one).__name__
)
@pytest.mark.parametrize("strategy", ["median", "mean", "most_frequent"])
def test_it_is_scikit_learns_column_transformer_bit_for_bit(run: Run, scaler: Any, strategy: str) -> None:
    numeric = make_pipeline(SimpleImputer(strategy=strategy), scaler)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    transformer = ColumnTransformer([("numbers", numeric, [0, 1]), ("categories", encoder, [2, 3])])
    training, rows = rows_of(0), rows_of(1)
    assert rows.categories is not None
    rows.categories[:3, 0] = "unseen"
    transformer.fit(as_table(training))
    imputer, fitted = transformer.named_transformers_["numbers"]
    levels = tuple(tuple(one) for one in transformer.named_transformers_["categories"].categories_)
    preprocessing = Preprocessing(FEATURES, imputer.statistics_.astype(np.float64), scaling_of(fitted), levels)
    expected = np.asarray(transformer.transform(as_table(rows)), np.float64)
    assert np.array_equal(preprocessing.transform(rows), expected)
    assert np.array_equal(run(written(preprocessing), rows)["columns"], expected)


def test_an_unseen_category_is_of_no_level(run: Run) -> None:
    preprocessing = Preprocessing((("flow", NUMBER), ("zone", CATEGORY)), levels=(("a", "b"),))
    rows = Rows(np.array([[1.0], [2.0], [3.0]]), np.array([["b"], ["c"], [""]], object))
    expected = [[1.0, 0.0, 1.0], [2.0, 0.0, 0.0], [3.0, 0.0, 0.0]]
    assert preprocessing.transform(rows).tolist() == expected
    assert run(written(preprocessing), rows)["columns"].tolist() == expected


def test_without_any_step_numbers_stay_as_they_are(run: Run) -> None:
    preprocessing = Preprocessing.none(["flow", "heat"])
    rows = Rows(np.array([[1.5, np.nan], [-0.0, 1e300]]))
    assert np.array_equal(preprocessing.transform(rows), rows.numbers, equal_nan=True)
    assert np.array_equal(run(written(preprocessing), rows)["columns"], rows.numbers, equal_nan=True)


def test_each_column_knows_its_feature() -> None:
    preprocessing = Preprocessing(FEATURES, levels=(("x", "y", "z"), ("p", "q")))
    assert preprocessing.column_features().tolist() == [1, 3, 0, 0, 0, 2, 2]
    assert preprocessing.names(NUMBER) == ("flow", "heat")
    assert preprocessing.names(CATEGORY) == ("zone", "kind")


def test_the_columns_inputs_say_their_features() -> None:
    inputs = {
        value.name: value.doc_string for value in written(Preprocessing(FEATURES, levels=(("x",), ("p",)))).graph.input
    }
    assert inputs == {"X": "flow, heat", "C": "zone, kind"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": (("zone", CATEGORY),), "levels": (("a",),)}, "at least one Number"),
        ({"features": FEATURES, "levels": (("a",),)}, "each Category must have its levels"),
        ({"features": (("flow", NUMBER),), "imputed": np.zeros(2)}, "a value for each of 1 Numbers"),
        ({"features": (("flow", NUMBER),), "scaling": Scaling.standard(np.zeros(1), np.ones(3))}, "each of 1 Numbers"),
    ],
)
def test_parts_that_do_not_fit_together_are_an_error(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing(**arguments)
