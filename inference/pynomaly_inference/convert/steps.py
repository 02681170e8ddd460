"""Sums of step functions of single columns.

With few edges each function is a balanced tree, which ONNX Runtime evaluates in one node. With many, trees leave the
processor's cache and take seconds to load: then each value is searched in a table of edges, sixteen at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from pynomaly_inference.convert.declaration import Conversion
from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.convert.trees import Tree, tree_ensemble

SEARCHED_FROM = 100_000
"""Edges from which the search is faster than trees for large batches."""
BRANCHES = 16
"""Edges compared at once in one step of the search."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A step function: `values[i]` for edges[i-1] < x <= edges[i]; one value more than edges, edges ascending."""

    edges: NDArray[np.float64]
    values: NDArray[np.float64]


def below(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each edge's next lower double: `x <= ` that is `x <` the edge."""
    just_below: NDArray[np.float64] = np.nextafter(edges, -np.inf)
    return just_below


def step_sum(x: Expr, steps: Sequence[Steps]) -> Conversion:
    """The sum over the columns of a step function of each; the contributions are its terms."""
    merged = [merge(step) for step in steps]
    if sum(len(step.edges) for step in merged) >= SEARCHED_FROM:
        terms = _searched(x, merged)
        return Conversion(terms.sum(axis=1), lambda: terms)
    return Conversion(
        tree_ensemble(x, [step_tree(step, column) for column, step in enumerate(merged)]).reshape(-1),
        lambda: tree_ensemble(x, [step_tree(step, column, column) for column, step in enumerate(merged)], len(merged)),
    )


def merge(steps: Steps) -> Steps:
    """The same function without the edges at which its value stays."""
    changes = np.flatnonzero(steps.values[1:] != steps.values[:-1])
    return Steps(steps.edges[changes], steps.values[np.append(changes, len(steps.edges))])


def step_tree(steps: Steps, column: int, target: int = 0) -> Tree:
    """The balanced search tree of a step function of one column."""
    edges = len(steps.edges)
    lower, upper = np.empty(edges, np.int64), np.empty(edges, np.int64)
    # A node is its edge's position; the intervals of one depth are halved together.
    low, high = np.array([0]), np.array([edges])
    while len(low := low[(inner := low < high)]):
        high = high[inner]
        middle = (low + high) // 2
        lower[middle] = np.where(low < middle, (low + middle) // 2, ~middle)
        upper[middle] = np.where(middle + 1 < high, (middle + 1 + high) // 2, ~(middle + 1))
        low, high = np.concatenate([low, middle + 1]), np.concatenate([middle, high])
    return Tree(np.full(edges, column), steps.edges, lower, upper, steps.values, edges // 2, target)


def _searched(x: Expr, steps: Sequence[Steps]) -> Expr:
    """The value of each column's function, double [n, columns]; its place is the number of edges below x."""
    graph, columns = x.graph, np.arange(len(steps))
    values = _table([step.values for step in steps], [step.values[-1] for step in steps])
    x = x.unsqueeze(2)
    place: Expr | None = None
    for edges in _levels(steps):
        blocks = edges.shape[1] // BRANCHES
        block = (
            graph.constant(edges[None])
            if place is None
            else graph.gather(edges.reshape(-1, BRANCHES), place + columns * blocks)
        )
        # float32 counts up to sixteen exactly, and sums fastest.
        passed = graph.op("Less", block, x).cast(TensorProto.FLOAT).sum(axis=2).cast(TensorProto.INT64)
        place = passed if place is None else place * np.array(BRANCHES) + passed
    if place is None:
        raise ValueError("a search has levels")
    return graph.gather(values.ravel(), place + columns * values.shape[1])


def _levels(steps: Sequence[Steps]) -> list[NDArray[np.float64]]:
    """The tables to search, the coarsest first: each has the last edge of every block of the next finer one.

    Padding is infinite and at least one a column, so no value is beyond the last block.
    """
    levels = [_table([np.append(step.edges, np.inf) for step in steps], [np.inf] * len(steps))]
    while levels[0].shape[1] > BRANCHES:
        last = levels[0].reshape(len(steps), -1, BRANCHES)[:, :, -1]
        levels.insert(0, _table(list(last), [np.inf] * len(steps)))
    return levels


def _table(columns: Sequence[NDArray[np.float64]], padding: Sequence[float]) -> NDArray[np.float64]:
    """[columns, width]: each column padded to a common multiple of `BRANCHES`."""
    width = -(-max(len(column) for column in columns) // BRANCHES) * BRANCHES
    return np.stack(
        [np.append(column, np.full(width - len(column), pad)) for column, pad in zip(columns, padding, strict=True)]
    )
