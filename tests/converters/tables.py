"""Data on which graphs go wrong, and data that is real."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer

DATA = Path(__file__).parents[1] / "data"
REAL = ("cardio", "letter", "mammography", "satellite", "shuttle", "thyroid", "breast_cancer")
AWKWARD = (
    "ties",
    "a constant column",
    "all columns constant but one",
    "offset 1e6",
    "scale 1e-6",
    "mixed scales",
    "one feature",
    "200 features",
    "more features than rows",
    "duplicates",
    "symmetric integers",
)

Matrix = NDArray[np.float64]
Labels = NDArray[np.int64]


def real(name: str) -> tuple[Matrix, Labels]:
    """A labelled data set, shuffled: rows and 1 for each anomaly. Breast cancer's are the malignant ones."""
    if name == "breast_cancer":
        X, y = load_breast_cancer(return_X_y=True)
        y = 1 - y
    else:
        loaded = np.load(DATA / f"{name}.npz")
        X, y = loaded["X"], loaded["y"]
    order = np.random.default_rng(0).permutation(len(X))
    return np.ascontiguousarray(X[order], np.float64), y[order].astype(np.int64)


def awkward(kind: str) -> Matrix:
    """At most 300 rows of a kind of `AWKWARD`."""
    random = np.random.default_rng(1)
    X = random.standard_normal((300, 4))
    made: dict[str, Matrix] = {
        "ties": random.integers(0, 4, (300, 4)).astype(np.float64),
        "a constant column": np.concatenate([X, np.full((300, 1), 0.1)], axis=1),
        "all columns constant but one": np.concatenate([X[:, :1], np.full((300, 2), -7.0)], axis=1),
        "offset 1e6": X + 1e6,
        "scale 1e-6": X * 1e-6,
        "mixed scales": X * np.array([1e-6, 1.0, 1e3, 1e6]),
        "one feature": X[:, :1],
        "200 features": random.standard_normal((100, 200)),
        "more features than rows": random.standard_normal((30, 40)),
        "duplicates": np.repeat(X[:30], 10, axis=0),
        "symmetric integers": np.tile(np.array([[-1.0, 2.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), (75, 1)),
    }
    return made[kind]
