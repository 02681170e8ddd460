"""Isolation by nearest-neighbour ensembles: Bandaragoda et al., Computational Intelligence 2018."""

from typing import Any

import numpy as np
from onnx import TensorProto

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.declaration import Conversion, Declaration, ExactReference, Matrix, Scores
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.neighbours import rows_at_once
from pynomaly_inference.convert.products import rounding
from pynomaly_inference.convert.spheres import ON_THE_SPHERE, limits, outside, spheres_of

LARGEST_KEY = 2.0**14
"""Times a score: a sum of a place and a ratio up to this holds the ratio to 2e-12 of that score."""
ABOVE_EVERY_KEY = 2.0**1000
"""Times this, what is outside a sphere by the least rounding exceeds every key; it may overflow to infinity."""
MARGIN = 8.0
"""How many times a product's rounding PyOD may be off by, in a distance and a radius together."""


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The mean over the estimators of the isolation score of the smallest sphere that covers the row."""
    spheres = spheres_of(detector)
    count, estimators = spheres.squared_radii.shape
    apart = outside(x, spheres).reshape(-1, count, estimators)
    least, span = _extent(spheres.ratios)
    if span * (count + 1) > LARGEST_KEY * min(1.0, float(np.median(np.abs(detector.decision_scores_)))):
        place = _first(apart, np.broadcast_to(np.arange(count + 1.0)[:, None], spheres.ratios.shape))
        names = place * float(estimators) + np.arange(estimators, dtype=np.float64)
        return Conversion(graph.gather(spheres.ratios.reshape(-1), names.cast(TensorProto.INT64)).mean(axis=1))
    # Keys in the order of the places, from which the ratio is told again: far cheaper than to look it up.
    first = _first(apart, span * np.arange(count + 1)[:, None] + (spheres.ratios - least))
    return Conversion((first - graph.op("Floor", first * (1 / span)) * span).mean(axis=1) + least)


def _first(apart: Expr, keys: Matrix) -> Expr:
    """Double [n, estimators]: the least key of the spheres that cover a row, or the last, of no sphere."""
    inside = apart.graph.op("Max", apart * ABOVE_EVERY_KEY, keys[:-1])
    return apart.graph.op("Min", inside.min(axis=1), keys[-1])


def _extent(ratios: Matrix) -> tuple[float, float]:
    """A number below all ratios by more than rounding, and a power of 2 above the differences from it.

    Ratios are in [0, 1] but for rounding, which can be large next to radii that are all but 0.
    """
    least = float(ratios.min()) - 0.5
    return least, float(2.0 ** np.ceil(np.log2(float(ratios.max()) - least + 0.5)))


def exact_scores(detector: Any, X: Matrix) -> Scores:
    """PyOD's own, but of rows so near a sphere that the rounding of PyOD's products decides: those by subtraction."""
    spheres = spheres_of(detector)
    covering = limits(spheres)
    largest = float((spheres.centers**2).sum(axis=1).max())
    exact, decided = np.empty(len(X)), np.empty(len(X), bool)
    for row, x in enumerate(X):
        distances = ((spheres.centers - x) ** 2).sum(axis=1).reshape(covering.shape)
        covered = np.concatenate([distances <= covering, np.ones((1, covering.shape[1]), bool)])
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
