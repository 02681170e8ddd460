"""Proving a graph against the detector that it was made of, and drawing the golden rows."""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from pynomaly_inference.bundle import Golden, Parity
from pynomaly_inference.convert import reference_of
from pynomaly_inference.convert.cases import cases
from pynomaly_inference.convert.verify import verify
from pynomaly_inference.errors import FitFailed
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.training.fit import Fitted
from pynomaly_inference.training.golden import Profile, golden_rows, profile


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared, and what a server must repeat before it is ready."""

    parity: Parity
    golden: Golden
    profile: Profile


def prove(graph: onnx.ModelProto, fitted: Fitted, held_out: Rows, seed: int) -> Proof:
    """Compares the graph with the fitted detector and scores the golden rows with the latter.

    Raises ParityFailed when the graph leaves the tolerance, FitFailed when the detector has no finite score for a row
    not far from the training rows.
    """
    reference = reference_of(fitted.detector, fitted.preprocessing)
    parity = verify(graph, reference, cases(reference, fitted.preprocessing, fitted.rows, held_out, seed))
    shape = profile(fitted.rows, fitted.preprocessing.levels)
    rows = golden_rows(shape, seed, missing=fitted.preprocessing.imputed is not None)
    scores = reference.scores(rows)
    if not np.isfinite(scores).all():
        raise FitFailed(
            f"{type(fitted.detector).__name__} has no finite score for some rows between and beyond the training rows: "
            "change its parameters or the algorithm"
        )
    return Proof(parity, _golden(rows, scores), shape)


def _golden(rows: Rows, scores: NDArray[np.float64]) -> Golden:
    numbers = [[None if np.isnan(value) else value for value in row] for row in rows.numbers.tolist()]
    categories = None if rows.categories is None else rows.categories.tolist()
    return Golden.model_validate({"numbers": numbers, "categories": categories, "scores": scores.tolist()})
