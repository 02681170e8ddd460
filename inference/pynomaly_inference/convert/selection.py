"""The least of many numbers, which ONNX Runtime's `TopK` finds slowly: so it searches groups of them."""

import numpy as np

from pynomaly_inference.convert.graph import Expr

GROUP = 16
"""Points a group: the nearest points are in the groups with the least minima, and a minimum is far cheaper to find than
the ranks of all points."""
GROUPED_FROM, GROUPED_A_NEIGHBOUR = 1024, 160
"""Points, and points a neighbour, from which grouping pays."""


def padded(measures: Expr, padding: int) -> Expr:
    """[n, points + padding]: infinite for the padding."""
    return measures.graph.op("Pad", measures, np.array([0, 0, 0, padding]), np.inf) if padding else measures


def group_size(count: int, total: int) -> int:
    """1 where groups would not pay."""
    return GROUP if total >= max(GROUPED_FROM, GROUPED_A_NEIGHBOUR * count) else 1


def smallest(measures: Expr, size: int, count: int) -> tuple[Expr, Expr]:
    """The smallest measures in ascending order, and their positions; of equal ones the first, in groups of size 1."""
    graph = measures.graph
    if size == 1:
        return graph.smallest(measures, count)
    # With g groups, group 0 holds the positions 0, g, 2 g, ...
    by_group = measures.reshape(0, size, -1)
    groups = graph.op("Shape", by_group, start=2, end=3)
    _, best = graph.smallest(by_group.min(axis=1), count, ordered=False)
    members = (best.unsqueeze(2) + groups * np.arange(size)).reshape(0, count * size)
    least, chosen = graph.smallest(graph.op("GatherElements", measures, members, axis=1), count)
    return least, graph.op("GatherElements", members, chosen, axis=1)
