"""From a resource and rows to a model file that is proven, described and judged."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pyod.models.base import BaseDetector
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.pca import PCA
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.datasets.columns import Columns
from pynomaly_inference.datasets.formats import source_file
from pynomaly_inference.datasets.places import Places
from pynomaly_inference.datasets.table import Table, read_training_table
from pynomaly_inference.errors import DataRejected, FitFailed, GateFailed, ResourceInvalid
from pynomaly_inference.features import FeatureType
from pynomaly_inference.resource import parse_resource
from pynomaly_inference.scoring.model import Model
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.train import Trained, train_resource, train_table

DATA = Path(__file__).parents[3] / "data"


class Silent:
    """Progress that keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def begin(self, stage: str) -> None: ...

    def advance(self, share: float, detail: str) -> None: ...

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)


def resource(algorithm: str, more: str = "") -> str:
    return f"""
apiVersion: pynomaly.io/v1alpha1
kind: AnomalyDetector
metadata: {{name: pumps}}
spec:
  algorithm: {algorithm}
  contamination: 0.1
  training: {{source: {{uri: unused.csv}}{more}}}
"""


def table(
    X: NDArray[np.float64], label: NDArray[np.int64] | None = None, categories: NDArray[np.object_] | None = None
) -> Table:
    names = [(f"x{index}", FeatureType.NUMBER) for index in range(X.shape[1])]
    if categories is not None:
        names += [(f"c{index}", FeatureType.CATEGORY) for index in range(categories.shape[1])]
    return Table(tuple(names), Rows(X, categories), label, None, (), "0" * 64)


def trained(text: str, data: Table) -> Trained:
    return train_table(parse_resource(text, AnomalyDetector), data, Silent())


@pytest.fixture(scope="module")
def thyroid() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    stored = np.load(DATA / "thyroid.npz")
    return stored["X"].astype(np.float64), stored["y"].astype(np.int64)


@pytest.mark.parametrize(
    ("algorithm", "build"),
    [
        ("{name: IForest, parameters: {n_estimators: 20}}", lambda: IForest(n_estimators=20, random_state=3)),
        ("{name: KNN, parameters: {method: mean}}", lambda: KNN(method="mean")),
        ("{name: HBOS}", HBOS),
        ("{name: PCA}", PCA),
    ],
    ids=["IForest", "KNN", "HBOS", "PCA"],
)
def test_the_model_is_pyods_on_the_stratified_split(
    thyroid: tuple[NDArray[np.float64], NDArray[np.int64]], algorithm: str, build: Callable[[], BaseDetector]
) -> None:
    X, label = thyroid
    train, held_out = train_test_split(np.arange(len(X)), test_size=0.25, random_state=3, stratify=label)
    detector = build().fit(X[train])
    theirs = detector.decision_function(X[held_out])
    text = resource(algorithm, ", holdout: 0.25, seed: 3").replace("unused.csv", "unused.csv, label: y")
    model = trained(text, table(X, label)).model
    scored = model.score(Rows(X[held_out]))
    scale = np.median(np.abs(detector.decision_scores_))
    assert (np.abs(scored.scores - theirs) <= 1e-9 * np.maximum(np.abs(theirs), scale)).all()
    np.testing.assert_array_equal(scored.labels, detector.predict(X[held_out]))
    evaluation = model.metadata.evaluation
    assert evaluation.roc_auc == pytest.approx(roc_auc_score(label[held_out], theirs), abs=1e-6)
    assert evaluation.average_precision == pytest.approx(average_precision_score(label[held_out], theirs), abs=1e-6)
    assert evaluation.anomaly_rate == detector.predict(X[held_out]).mean()
    assert model.metadata.threshold == detector.threshold_


def test_ecod_scores_each_row_as_pyod_scores_it_alone(thyroid: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    X = thyroid[0][:500]
    model = trained(resource("{name: ECOD}"), table(X)).model
    detector = ECOD().fit(X)
    alone = [detector.decision_function(row[None])[0] for row in X[:20]]
    assert model.metadata.semantics is Semantics.ROW
    np.testing.assert_allclose(model.score(Rows(X[:20])).scores, alone, rtol=1e-9)


def test_preprocessing_is_inside_the_model() -> None:
    random = np.random.default_rng(0)
    X = random.normal(3.0, 5.0, (200, 3))
    X[random.random(X.shape) < 0.1] = np.nan
    zones = random.choice(["north", "south", ""], (200, 1)).astype(object)
    text = resource("{name: KNN}").replace(
        "  training:", "  preprocessing: {impute: Median, scale: Standard}\n  training:"
    )
    model = trained(text, table(X, categories=zones)).model
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), [0, 1, 2]),
            ("zones", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [3]),
        ]
    )
    together = np.concatenate([X.astype(object), zones], axis=1)
    detector = KNN().fit(columns.fit_transform(together).astype(np.float64))
    unseen = together.copy()
    unseen[:50, 3] = "west"
    expected = detector.decision_function(columns.transform(unseen).astype(np.float64))
    scored = model.score(Rows(X, unseen[:, [3]]), explain=True)
    np.testing.assert_allclose(scored.scores, expected, rtol=1e-9, atol=1e-12)
    assert scored.contributions is not None
    assert scored.contributions.shape == (200, 4)
    assert model.metadata.missing_values
    assert [feature.levels for feature in model.metadata.features] == [None, None, None, ("", "north", "south")]


def test_the_file_holds_no_training_row_unless_it_says_so(
    thyroid: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    X = thyroid[0][:300] + np.random.default_rng(0).normal(size=(300, 6))
    for algorithm in ("IForest", "HBOS", "PCA", "KNN"):
        made = trained(resource(f"{{name: {algorithm}}}"), table(X))
        inside = any(row.tobytes() in made.content for row in X)
        assert inside == made.model.metadata.keeps_training_rows, algorithm


def test_a_model_explains_when_its_graph_does_not_when_its_algorithm_may(
    thyroid: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    for metric, explains in (("euclidean", True), ("chebyshev", False)):
        text = resource(f"{{name: KNN, parameters: {{metric: {metric}}}}}")
        assert trained(text, table(thyroid[0][:200])).model.metadata.explains is explains


def test_what_is_served_is_the_bytes(thyroid: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    made = trained(resource("{name: HBOS}"), table(thyroid[0]))
    assert Model.parse(made.content).digest == made.model.digest


def test_the_same_rows_give_the_same_bytes(thyroid: tuple[NDArray[np.float64], NDArray[np.int64]]) -> None:
    text = resource("{name: IForest, parameters: {n_estimators: 10}}")
    assert trained(text, table(thyroid[0])).content == trained(text, table(thyroid[0])).content


def test_a_random_state_of_the_resource_wins_over_the_seed(
    thyroid: tuple[NDArray[np.float64], NDArray[np.int64]],
) -> None:
    X = thyroid[0][:300]
    algorithm = "{name: IForest, parameters: {n_estimators: 5, random_state: 9}}"
    model = trained(resource(algorithm, ", seed: 4"), table(X)).model
    assert model.metadata.threshold == IForest(n_estimators=5, random_state=9).fit(X).threshold_


def test_a_constant_column_is_an_error_only_where_scores_are_not_finite() -> None:
    X = np.random.default_rng(0).normal(size=(100, 3))
    X[:, 1] = 4.0
    assert trained(resource("{name: IForest}"), table(X)).model.metadata.training_rows == 100
    with pytest.raises(DataRejected, match=r"PCA gives 100 training rows no finite score.*constant: `x1`; leave"):
        trained(resource("{name: PCA}"), table(X))


def test_pyods_own_words_are_told_when_it_cannot_fit() -> None:
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(FitFailed, match=r"PCA cannot be fitted on 30 rows: .*n_components"):
        trained(resource("{name: PCA, parameters: {n_components: 7}}"), table(X))


def test_a_detector_of_one_feature_refuses_the_two_of_the_data() -> None:
    X = np.random.default_rng(0).standard_normal((30, 2))
    with pytest.raises(ResourceInvalid, match="`MAD` takes one feature, not 2: list it in `features`"):
        trained(resource("{name: MAD}"), table(X))


def test_mad_labels_by_its_own_threshold_whatever_the_contamination() -> None:
    X = np.append(np.random.default_rng(0).standard_normal((99, 1)), [[50.0]], axis=0)
    model = trained(resource("{name: MAD, parameters: {threshold: 5}}"), table(X)).model
    assert model.metadata.threshold == 5
    assert np.flatnonzero(model.score(Rows(X)).labels).tolist() == [99]


def test_a_gate_that_fails_says_by_how_much(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    np.savetxt(tmp_path / "unused.csv", rows, delimiter=",", header="a,b", comments="")
    text = resource("{name: HBOS}", ", gates: {maxAnomalyRate: 0.01}")
    with pytest.raises(GateFailed, match=r"the anomaly rate is 0\.1, maxAnomalyRate allows 0\.01"):
        train_resource(parse_resource(text, AnomalyDetector), Places(tmp_path), Silent())


def test_a_table_read_from_a_file_trains(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 2))
    np.savetxt(tmp_path / "rows.csv", rows, delimiter=",", header="a,b", comments="", fmt="%.17g")
    read = read_training_table([source_file(tmp_path / "rows.csv", "rows.csv")], Columns(), missing_allowed=False)
    assert trained(resource("{name: HBOS}"), read).model.metadata.threshold == HBOS().fit(rows).threshold_


def test_a_column_without_a_value_in_the_training_rows_is_named() -> None:
    X = np.random.default_rng(0).normal(size=(100, 2))
    X[:80, 1] = np.nan
    late = Table(table(X).features, Rows(X), None, np.arange(100), (), "0" * 64)
    text = resource("{name: KNN}", ", holdout: 0.2").replace(
        "  training:", "  preprocessing: {impute: Mean}\n  training:"
    )
    with pytest.raises(DataRejected, match="column `x1` has no value in the 80 training rows, only in held-out ones"):
        trained(text, late)
