"""Only what is PyOD's own, fitted, and built with supported parameters is converted; anything else is told why."""

from typing import Any

import numpy as np
import pytest
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.iforest import IForest
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.pca import PCA
from sklearn import decomposition

from pynomaly_inference.convert import declaration_of, declarations, to_onnx
from pynomaly_inference.errors import NotConvertible

X = np.random.default_rng(0).standard_normal((50, 3))


class TunedHBOS(HBOS):  # type: ignore[misc]  # PyOD publishes no types
    """Scores as it likes."""


class Thresholder:
    """As PyThresh's: fitted to scores, it labels by rules of its own."""

    def fit(self, scores: Any) -> None:
        self.labels_, self.thresh_ = (scores > 1).astype(int), 1.0


def test_the_detectors_are_in_order_and_buildable_by_their_path() -> None:
    names = [declaration.name for declaration in declarations()]
    assert names == sorted(names)
    assert {"ECOD", "Ensemble", "KNN", "XGBOD"} < set(names)
    assert [declaration_of(kind.__name__).detector_class() for kind in (ECOD, HBOS, KNN)] == [ECOD, HBOS, KNN]


def test_a_name_and_a_fitted_detector_have_the_same_declaration() -> None:
    assert declaration_of("HBOS") is declaration_of(HBOS().fit(X))


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (HBOS(), "the HBOS is not fitted: call `fit` first"),
        (decomposition.PCA().fit(X), r"PCA` is no detector that can be converted; there are `ABOD`, "),
        (
            TunedHBOS().fit(X),
            "is a subclass of HBOS and may score differently: convert a `pyod.models.hbos.HBOS` itself",
        ),
        (KNN(metric="p").fit(X), "parameter `metric` of KNN: `p` is refused, to scikit-learn it is `euclidean`"),
        (LOF(novelty=False).fit(X), "parameter `novelty` of LOF: True was expected"),
        (KNN(metric_params={"w": [1, 2, 3]}).fit(X), "KNN was built with `metric_params={'w'"),
        (
            HBOS(contamination=Thresholder()).fit(X),
            "contamination object `Thresholder`.*: give contamination as a number",
        ),
    ],
    ids=["unfitted", "foreign", "subclass", "metric", "value", "parameter", "contamination"],
)
def test_what_cannot_be_converted_says_why(detector: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(detector)


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(NotConvertible, match="there is no converter for `LOFF`; there are `ABOD`, "):
        declaration_of("LOFF")


@pytest.mark.parametrize(
    "detector",
    [
        IForest(random_state=np.random.RandomState(0)),
        IForest(behaviour="new"),
        KNN(radius=2.0),
        HBOS(n_bins=np.int64(7)),
        KNN(leaf_size=3),
        PCA(copy=False, tol=0.1, iterated_power=7),
        ECOD(n_jobs=2),
    ],
    ids=["generator", "behaviour", "radius", "bins", "leaf", "solver", "processes"],
)
def test_values_that_do_not_change_the_graph_are_accepted(detector: Any) -> None:
    assert to_onnx(detector.fit(X.copy())).graph.output[0].name == "score"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("KNN", "`KNN` is a name: give a fitted detector"),
        (KNN, "`KNN` is a class: give a fitted detector"),
        (None, "`builtins.NoneType` is no detector that can be converted; there are `ABOD`, "),
    ],
    ids=["name", "class", "nothing"],
)
def test_what_is_no_fitted_detector_is_told_so(given: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        to_onnx(given)
