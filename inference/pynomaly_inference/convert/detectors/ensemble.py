"""Ensemble of any of these detectors: `pynomaly_inference.ensemble`."""

from typing import Any

import numpy as np

from pynomaly_inference.bundle import Semantics
from pynomaly_inference.convert.composites import BASE, median, side_by_side
from pynomaly_inference.convert.declaration import BaseScores, Composite, Conversion, Declaration, Matrix, Scores
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.graph import Expr, Graph


def convert(graph: Graph, detector: Any, x: Expr) -> Conversion:
    """The combination of (score - mean) / deviation of each base, both of its training scores."""
    scores = side_by_side([declaration_of(base).convert(graph, base, x).score for base in detector.bases_])
    standardised = (scores - detector.scaler_.mean_) / detector.scaler_.scale_
    return Conversion(_combined(detector, standardised))


def _combined(detector: Any, scores: Expr) -> Expr:
    if detector.combination == "median":
        return median(scores, len(detector.bases_))
    buckets = np.asarray(detector.buckets_)
    dealt = scores.columns(buckets.ravel().tolist()).reshape(-1, *buckets.shape)
    if detector.combination in ("average", "moa"):
        return dealt.mean(axis=2).max(axis=1)
    maxima = dealt.max(axis=2)
    return maxima.mean(axis=1)


def scores(detector: Any, X: Matrix, base: BaseScores) -> Scores:
    """The combination of any scores of the bases."""
    combined: Scores = detector.combined(np.stack([base(place, X) for place in range(len(detector.bases_))], axis=1))
    return combined


def standardise(detector: Any, X: Matrix, base: BaseScores) -> None:
    """Fits the standardiser anew on these scores of the bases."""
    detector.standardised(np.stack([base(place, X) for place in range(len(detector.bases_))], axis=1))


DECLARATION = Declaration(
    name="Ensemble",
    path="pynomaly_inference.ensemble.Ensemble",
    semantics=Semantics.EXACT,
    convert=convert,
    columns=lambda detector: int(detector.n_features_in_),
    composite=Composite(lambda detector: detector.bases_, scores, standardise=standardise),
    parameters={
        "bases": {
            "type": "array",
            "items": BASE,
            "minItems": 1,
            "description": "The detectors, each `{name, parameters}`; all see the same columns. A base without "
            "`random_state` has a seed of its own, derived from `training.seed` and its place, so that equal bases "
            "differ where they draw.",
        },
        "combination": {
            "enum": ["average", "maximization", "median", "aom", "moa"],
            "description": "Of the standardised scores: the average of all, their maximum or median, the average of "
            "the buckets' maxima (`aom`) or the maximum of their averages (`moa`); default `average`.",
        },
        "n_buckets": {
            "type": "integer",
            "minimum": 2,
            "description": "Buckets of `aom` and `moa`, a divisor of the number of bases; the default is 5.",
        },
        "random_state": {
            "type": "integer",
            "minimum": 0,
            "description": "Deals the bases into the buckets; the default is `training.seed`.",
        },
    },
    required=("bases",),
)
