"""Isolation by nearest-neighbour ensembles: Bandaragoda et al., Computational Intelligence 2018."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from scipy.spatial.distance import cdist

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.metrics import metric_of
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.products import rounding, squared_distances

ON_THE_SPHERE = 1e-10
"""Relative, of the squared radius: a row this close is on the sphere, and a row on the sphere is inside."""
LARGEST_KEY = 2.0**14
"""Times a score: a sum of a place and a ratio up to this holds the ratio to 2e-12 of that score."""
ABOVE_EVERY_KEY = 2.0**1000
"""Times this, what is outside a sphere by the least rounding exceeds every key; it may overflow to infinity."""
MARGIN = 8.0
"""How many times a product's rounding PyOD may be off by, in a distance and a radius together."""


class Spheres(NamedTuple):
    """The spheres of all estimators, each estimator's from the smallest to the largest by PyOD's radii."""

    centers: Matrix
    """[spheres * estimators, columns]: the smallest sphere of every estimator first."""
    squared_radii: NDArray[np.float64]
    """[spheres, estimators]: to the nearest other center by subtraction."""
    ratios: NDArray[np.float64]
    """[spheres + 1, estimators]: the isolation scores; the last, 1, is of a row that no sphere covers."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean over the estimators of the isolation score of the smallest sphere that covers the row."""
    spheres = _spheres(detector)
    count, estimators = spheres.squared_radii.shape
    outside = _outside(x, spheres).reshape(-1, count, estimators)
    least, span = _extent(spheres.ratios)
    if span * (count + 1) > LARGEST_KEY * min(1.0, float(np.median(np.abs(detector.decision_scores_)))):
        place = _first(outside, np.broadcast_to(np.arange(count + 1.0)[:, None], spheres.ratios.shape))
        names = place * float(estimators) + np.arange(estimators, dtype=np.float64)
        return Conversion(graph.gather(spheres.ratios.reshape(-1), names.cast(TensorProto.INT64)).mean(axis=1))
    # Keys in the order of the places, from which the ratio is told again: far cheaper than to look it up.
    first = _first(outside, span * np.arange(count + 1)[:, None] + (spheres.ratios - least))
    return Conversion((first - graph.op("Floor", first * (1 / span)) * span).mean(axis=1) + least)


def _first(outside: Expr, keys: Matrix) -> Expr:
    """Double [n, estimators]: the least key of the spheres that cover a row, or the last, of no sphere."""
    inside = outside.graph.op("Max", outside * ABOVE_EVERY_KEY, keys[:-1])
    return outside.graph.op("Min", inside.min(axis=1), keys[-1])


def _extent(ratios: Matrix) -> tuple[float, float]:
    """A number below all ratios by more than rounding, and a power of 2 above the differences from it.

    Ratios are in [0, 1] but for rounding, which can be large next to radii that are all but 0.
    """
    least = float(ratios.min()) - 0.5
    return least, float(2.0 ** np.ceil(np.log2(float(ratios.max()) - least + 0.5)))


def _outside(x: Expr, spheres: Spheres) -> Expr:
    """Double [n, spheres * estimators]: the squared distance to the center less the limit."""
    limits, columns = _limits(spheres).reshape(-1), spheres.centers.shape[1]
    if _product_decides(spheres):
        return squared_distances(x, spheres.centers, limits)
    metric = metric_of("sqeuclidean", 2.0, columns)
    return metric.between(x, x.graph.constant(spheres.centers), columns) - limits


def _product_decides(spheres: Spheres) -> bool:
    """True when a product's rounding, of a row near any sphere, is small beside what counts as on the sphere."""
    centred = spheres.centers - spheres.centers.mean(axis=0)
    radii = spheres.squared_radii.reshape(-1)
    lengths = np.sqrt((centred**2).sum(axis=1)) + np.sqrt(radii)
    return bool(np.all(rounding(centred.shape[1], lengths**2) <= ON_THE_SPHERE / 2 * radii))


def _spheres(detector: Any) -> Spheres:
    centers, radii, ratios = detector._centroids, detector._centroids_radius, detector._ratio  # noqa: SLF001 - published nowhere else
    order = np.argsort(radii, axis=1, kind="stable")
    apart = np.stack([_to_nearest_other(one) for one in centers])
    ordered = (np.take_along_axis(values, order, axis=1).T for values in (apart, ratios))
    squared_radii, scores = ordered
    by_size = np.take_along_axis(centers, order[:, :, None], axis=1).transpose(1, 0, 2)
    return Spheres(
        np.ascontiguousarray(by_size.reshape(-1, centers.shape[2])),
        np.ascontiguousarray(squared_radii),
        np.concatenate([scores, np.ones((1, len(centers)))]),
    )


def _to_nearest_other(centers: Matrix) -> NDArray[np.float64]:
    distances = cdist(centers, centers, "sqeuclidean")
    np.fill_diagonal(distances, np.inf)
    nearest: NDArray[np.float64] = distances.min(axis=1)
    return nearest


def _limits(spheres: Spheres) -> NDArray[np.float64]:
    return spheres.squared_radii * (1 + ON_THE_SPHERE)


def exact_scores(detector: Any, X: Matrix) -> Scores:
    """PyOD's own, but of rows so near a sphere that the rounding of PyOD's products decides: those by subtraction."""
    spheres = _spheres(detector)
    limits = _limits(spheres)
    largest = float((spheres.centers**2).sum(axis=1).max())
    exact, decided = np.empty(len(X)), np.empty(len(X), bool)
    for row, x in enumerate(X):
        distances = ((spheres.centers - x) ** 2).sum(axis=1).reshape(limits.shape)
        covered = np.concatenate([distances <= limits, np.ones((1, limits.shape[1]), bool)])
        exact[row] = np.take_along_axis(spheres.ratios, covered.argmax(axis=0)[None], axis=0).mean()
        error = rounding(len(x), np.array(largest + float(x @ x)))
        unclear = np.maximum(MARGIN * error, 2 * ON_THE_SPHERE * spheres.squared_radii)
        decided[row] = bool((np.abs(distances - spheres.squared_radii) > unclear).all())
    return np.where(decided, detector.decision_function(X), exact)


DECLARATION = Declaration(
    name="INNE",
    path="pyod.models.inne.INNE",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector._centroids.shape[2]),  # noqa: SLF001 - published nowhere else
    keeps_training_rows=True,
    chunk=lambda detector: rows_at_once(detector.n_estimators * detector.max_samples_),
    reference=ExactReference(
        "PyOD's decision_function, with exact distances for rows on the edge of a sphere, which PyOD's products of "
        "matrices put inside or outside by their rounding",
        lambda _detector: True,
        exact_scores,
    ),
    parameters={
        "n_estimators": {"type": "integer", "minimum": 1, "description": "Sets of spheres; PyOD's default is 200."},
        "max_samples": {
            "anyOf": [
                {"type": "integer", "minimum": 2},
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"const": "auto"},
            ],
            "description": "Spheres a set: a number, a share of the training rows, or `auto` for at most 8.",
        },
        "random_state": {"type": "integer", "minimum": 0, "description": "Seed; the default is `training.seed`."},
    },
)
