"""Tables large enough for what only pays there: groups of points, single precision, products of matrices in chunks."""

import numpy as np
import pytest
from pyod.models.abod import ABOD
from pyod.models.cblof import CBLOF
from pyod.models.hdbscan import HDBSCAN
from pyod.models.inne import INNE
from pyod.models.kde import KDE
from pyod.models.knn import KNN
from pyod.models.lof import LOF
from pyod.models.sampling import Sampling
from tests.converters.build import Build
from tests.converters.proving import fitted, prove
from tests.converters.tables import Matrix

from pynomaly_inference.convert import Preprocessing, graph_of

ROWS = 2500
BUILDS = {
    "KNN": Build(make=lambda: KNN(method="mean"), rows=2000),
    "KNN, manhattan": Build(make=lambda: KNN(metric="manhattan"), rows=2000),
    "LOF": Build(make=lambda: LOF(n_neighbors=8), rows=2000),
    "LOF, chebyshev": Build(make=lambda: LOF(n_neighbors=8, metric="chebyshev"), rows=2000),
    "ABOD": Build(make=ABOD, rows=1500),
    "HDBSCAN": Build(make=HDBSCAN, rows=1500),
    "CBLOF, weights": Build(make=lambda: CBLOF(alpha=0.8, use_weights=True, random_state=0), rows=2000),
    "Sampling": Build(make=lambda: Sampling(subset_size=0.6, random_state=0), rows=2000),
    "INNE": Build(make=lambda: INNE(n_estimators=20, max_samples=64, random_state=0), rows=2000),
    "KDE": Build(make=KDE, rows=1500),
}
KINDS = ("ordinary", "ties", "duplicates", "offset 1e6", "scale 1e-6", "tight clusters")


def table(kind: str) -> Matrix:
    """Rows of 4 columns, shuffled."""
    random = np.random.default_rng(2)
    X = random.standard_normal((ROWS, 4))
    made: dict[str, Matrix] = {
        "ordinary": X,
        "ties": random.integers(0, 9, X.shape) * np.array([1.0, 0.7, 1.3, 0.11]) - 2.7,
        # No more: a row with five copies has no angle, and ABOD then no threshold.
        "duplicates": np.repeat(X[: ROWS // 2], 2, axis=0),
        "offset 1e6": X + 1e6,
        "scale 1e-6": X * 1e-6,
        "tight clusters": random.integers(0, 3, X.shape) * 1e3 + X * 1e-3,
    }
    return made[kind][random.permutation(ROWS)]


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_their_references_among_many_training_rows(kind: str, name: str) -> None:
    build = BUILDS[name]
    X = table(kind)
    training, held_out = X[: build.rows], X[ROWS - 500 :]
    compared = prove(fitted(build, training, np.zeros(len(training), np.int64)), training, held_out)
    assert compared == {"training rows", "held-out rows", "20 sigma", "10,000 sigma", "constant rows"}


@pytest.mark.parametrize(("name", "operators"), [("KNN", {"MatMul", "TopK"}), ("KNN, manhattan", {"If", "Cast"})])
def test_so_many_training_rows_are_searched_in_groups(name: str, operators: set[str]) -> None:
    X = table("ordinary")
    graph = graph_of(BUILDS[name].make().fit(X), Preprocessing.none(["a", "b", "c", "d"])).graph
    found = {node.op_type for node in graph.node}
    assert operators | {"ReduceMin"} <= found
