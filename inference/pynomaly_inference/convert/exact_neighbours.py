"""Neighbours and distances without PyOD's own errors, by NumPy and SciPy: what the graphs are proven against.

scikit-learn's brute force computes Euclidean distances and cosines by a product of matrices, off by up to 3e-8 of the
data's scale; its ball tree misses neighbours by Bray-Curtis, which violates the triangle inequality that the tree
relies on; and which of equally far rows it takes depends on the tree.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pynomaly_inference.convert.declaration import ExactReference, Matrix, Scores
from pynomaly_inference.convert.metrics import Metric, directions, metric_of
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.ranking import MOST_TIES, Points
from pynomaly_inference.convert.ties import OF_MEASURES, OF_NUMBERS, WORDS

SAME = 4 * OF_MEASURES
"""Relative: distances farther apart are not equal, whatever the row."""
FEW_TIED = 1 / 500
"""A share of rows that may have more ties: few runs, of a hundred rows, have one."""
_MULTIPLIED = frozenset({"euclidean", "sqeuclidean", "cosine"})
"""Metrics that scikit-learn's brute force computes by a product of matrices."""
_OF_BOOLEANS = frozenset({"jaccard", "rogerstanimoto", "sokalmichener", "russellrao"})
_OF_SHARES = frozenset({"canberra", "braycurtis", "hamming", *_OF_BOOLEANS})
"""Metrics of which each column adds at most 1."""
_OF_SQUARES = {"cosine": 2.0, "sqeuclidean": 1.0}
"""Metrics of which so many times a distance is a length squared."""
_SCIPY = {
    "l2": "euclidean",
    "manhattan": "cityblock",
    "l1": "cityblock",
    "infinity": "chebyshev",
    "sokalmichener": "rogerstanimoto",
}


class Found(NamedTuple):
    """The nearest training rows of some rows; of equally far ones the first in the order of training."""

    distances: NDArray[np.float64]
    """[n, count], ascending."""
    places: NDArray[np.int64]
    """[n, count]."""
    tied: NDArray[np.bool_]
    """[n]: a row that is not among them is as near as the last one that is."""


def training_rows(search: Any) -> Matrix:
    """[rows, columns]: the rows among which a fitted `NearestNeighbors` of scikit-learn searches."""
    rows: Matrix = np.asarray(search._fit_X, np.float64)  # noqa: SLF001 - published nowhere else
    return rows


def searched_metric(search: Any) -> Metric:
    """The metric by which it searches."""
    return metric_of(search.effective_metric_, _power(search), training_rows(search).shape[1])


def is_inexact(search: Any) -> bool:
    """True when scikit-learn's own distances or neighbours leave the tolerance."""
    searches = search._fit_method  # noqa: SLF001 - the choice of `auto` is published nowhere else
    return search.effective_metric_ in {"brute": _MULTIPLIED, "ball_tree": {"braycurtis"}}.get(searches, ())


def points(search: Any, count: int) -> Points:
    """The training rows, how far each one's own `count` nearest are, and how many others are as far as the last."""
    rows = training_rows(search)
    wanted = min(count + 2 + MOST_TIES, len(rows))
    own, places = search.kneighbors(rows, wanted)
    if search.effective_metric_ in _MULTIPLIED:
        compared = directions(rows) if search.effective_metric_ == "cosine" else rows
        squares = [((compared - compared[places[:, rank]]) ** 2).sum(axis=1) for rank in range(wanted)]
        own = np.sqrt(np.sort(np.stack(squares, axis=1), axis=1))
    # A training row finds itself, so its last neighbour is one rank later than a new row's.
    ties = max(_ties(own, rank) for rank in (count - 1, count) if rank < wanted)
    return Points(rows, own[:, min(count, wanted - 1)], ties)


def _ties(own: NDArray[np.float64], rank: int) -> int:
    """How many later ranks are as far as this one, of all rows but a `FEW_TIED`; at least 1 where any row has such."""
    later = (own[:, rank + 1 :] * (1 - SAME) <= own[:, [rank]]).sum(axis=1)
    return max(int(np.quantile(later, 1 - FEW_TIED, method="higher")), int(later.any()))


def distances(search: Any, X: Matrix) -> NDArray[np.float64]:
    """[n, training rows]."""
    rows, name = training_rows(search), search.effective_metric_
    measured: NDArray[np.float64]
    if name == "cosine":
        own, others = directions(X), directions(rows)
        both_have = np.any(own, axis=1, keepdims=True) & np.any(others, axis=1)
        return np.where(both_have, cdist(own, others, "sqeuclidean") / 2, 1.0)
    if name == "braycurtis":
        sizes = np.abs(X).sum(axis=1)[:, None] + np.abs(rows).sum(axis=1)
        measured = cdist(X, rows, "cityblock") / np.where(sizes == 0, 1.0, sizes)
        return measured
    of = {"p": _power(search)} if name == "minkowski" else {}
    if name in _OF_BOOLEANS:
        X, rows = X != 0, rows != 0
    measured = cdist(X, rows, _SCIPY.get(name, name), **of)
    return measured


def first_nearest(search: Any, X: Matrix, count: int) -> Found:
    """The neighbours of each row."""
    step = rows_at_once(len(training_rows(search)))
    parts = [_found(search, X[start : start + step], count) for start in range(0, len(X), step)]
    return Found(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def reference(
    search: Callable[[Any], Any], count: Callable[[Any], int], scores: Callable[[Any, Matrix, Found], Scores]
) -> ExactReference:
    """PyOD's own scores, but of rows with a tie, and where PyOD is inexact, those of the neighbours found here.

    `search`, `count` and `scores` are of a fitted detector: its search, how many neighbours, and its formula.
    """

    def of(detector: Any, X: Matrix) -> Scores:
        found = first_nearest(search(detector), X, count(detector))
        exact = scores(detector, X, found)
        if is_inexact(search(detector)):
            return exact
        return np.where(found.tied, exact, detector.decision_function(X))

    return ExactReference(
        "PyOD's decision_function, with the first of the training rows that are equally far at the last place, of "
        f"which PyOD takes any ({WORDS}), and with exact distances where PyOD's are products of matrices (above 15 "
        "features)",
        lambda _detector: True,
        of,
    )


def _power(search: Any) -> float:
    return float(search.effective_metric_params_.get("p", 2.0))


def _degree(search: Any) -> float:
    """Of points with almost the same distance, the share by which these differ is so many times less."""
    name = search.effective_metric_
    return _power(search) if name == "minkowski" else 2.0 if name in {"euclidean", "l2"} else 1.0


def _equal_share(search: Any, X: Matrix, kth: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n], relative: distances to the `_degree` that differ from the k-th's by no more are equal; see `ties`."""
    name = search.effective_metric_
    if name == "minkowski" and _power(search) < 1:
        return np.full(len(X), OF_MEASURES * _power(search))
    halves = _OF_SQUARES.get(name)
    lengths, degree = (kth, _degree(search)) if halves is None else (np.sqrt(kth * halves), 2.0)
    with np.errstate(over="ignore", invalid="ignore"):
        share = (_sizes(name, X) / np.maximum(lengths, np.finfo(np.float64).tiny) + 1) * (OF_NUMBERS * degree)
    return np.minimum(share, OF_MEASURES)


def _sizes(metric: str, X: Matrix) -> NDArray[np.float64]:
    """[n]: by how many times a share a distance may be off when each number of the row is off by that share."""
    if metric in _OF_SHARES:
        return np.full(len(X), float(X.shape[1]))
    sizes: NDArray[np.float64] = np.abs(directions(X) if metric == "cosine" else X).sum(axis=1)
    return sizes


def _found(search: Any, X: Matrix, count: int) -> Found:
    measured = distances(search, X)
    kth = np.partition(measured, count - 1, axis=1)[:, count - 1]
    share = _equal_share(search, X, kth)
    measures = measured ** _degree(search)
    limits = kth ** _degree(search)
    low, high = limits * (1 - share), limits * (1 + share)
    places = np.empty((len(measured), count), np.int64)
    for row, values in enumerate(measures):
        nearer, equal = np.flatnonzero(values < low[row]), np.flatnonzero((values >= low[row]) & (values <= high[row]))
        chosen = np.concatenate([nearer, equal[: count - len(nearer)]])
        places[row] = chosen[np.argsort(values[chosen], kind="stable")]
    tied = (measures <= (limits * (1 + 2 * share))[:, None]).sum(axis=1) > count
    return Found(np.take_along_axis(measured, places, axis=1), places, tied)
