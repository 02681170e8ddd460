"""A graph that leaves the tolerance is refused, and the message says where."""

import re
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from pyod.models.ecod import ECOD
from pyod.models.hbos import HBOS
from pyod.models.knn import KNN

from pynomaly_inference.convert import reference_of, to_onnx
from pynomaly_inference.convert.cases import cases
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.convert.reference import Reference
from pynomaly_inference.convert.verify import verify
from pynomaly_inference.errors import ParityFailed
from pynomaly_inference.scoring.rows import Rows

PLAIN = Preprocessing.none(["a", "b"])
X = np.random.default_rng(0).standard_normal((200, 2))
ROWS = {"some rows": Rows(X[:10])}


def tampered(model: onnx.ModelProto, leaf: int, factor: float) -> onnx.ModelProto:
    """The model with one leaf of its first ensemble changed."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    ensemble = next(node for node in changed.graph.node if node.op_type == "TreeEnsemble")
    weights = next(attribute for attribute in ensemble.attribute if attribute.name == "leaf_weights")
    values = numpy_helper.to_array(weights.t).copy()
    values[leaf] *= factor
    weights.t.CopyFrom(numpy_helper.from_array(values))
    return changed


def constant(scores: list[float]) -> Reference:
    """A reference with these scores for as many rows."""
    return Reference("a list", lambda rows: np.array(scores[: len(rows)]), 2.0, 1.0, 1e-9, None, False)


def echo() -> onnx.ModelProto:
    """KNN of one neighbour at 0, 1000, ...: near 0 the score is |x|."""
    detector = KNN(n_neighbors=1).fit(np.arange(25.0)[:, None] * 1000.0)
    detector.threshold_ = 2.0
    detector.decision_scores_ = np.ones(25)
    return to_onnx(detector)


def test_an_honest_graph_is_reported() -> None:
    detector = HBOS().fit(X)
    report = verify(to_onnx(detector), reference_of(detector, PLAIN), ROWS)
    assert report.reference == "PyOD's decision_function"
    assert report.cases["some rows"].rows == 10
    assert 0 <= report.cases["some rows"].worst < 1e-3


def test_a_tampered_graph_is_refused_with_case_row_scores_and_distance() -> None:
    detector = HBOS().fit(X)
    model, reference = to_onnx(detector), reference_of(detector, PLAIN)
    with pytest.raises(ParityFailed) as caught:
        verify(tampered(model, 5, 1 + 1e-7), reference, {"every row": Rows(X)})
    said = re.fullmatch(
        r"the graph does not score as its reference \(PyOD's decision_function\): case `every row`, row (\d+) of 200, "
        r"in one run: the graph says (\S+), the reference (\S+), (\S+) times as far apart as the tolerance of 1e-09 "
        r"allows",
        str(caught.value),
    )
    assert said is not None
    row, ours, theirs, times = (float(group) for group in said.groups())
    assert theirs == detector.decision_function(X)[int(row) - 1]
    assert times == pytest.approx(abs(ours - theirs) / (1e-9 * max(abs(theirs), reference.scale)), rel=0.01)


def test_a_last_bit_is_no_difference() -> None:
    detector = HBOS().fit(X)
    verify(tampered(to_onnx(detector), 5, 1 + 1e-12), reference_of(detector, PLAIN), {"every row": Rows(X)})


@pytest.mark.parametrize(("factor", "passes"), [(0.99, True), (1.01, False)])
def test_the_tolerance_is_the_designs(factor: float, passes: bool) -> None:
    theirs = 5.0 * (1 - 1e-9 * factor)
    rows = {"one": Rows(np.array([[5.0]]))}
    if passes:
        assert verify(echo(), constant([theirs]), rows).cases["one"].worst == pytest.approx(0.99, abs=1e-3)
        return
    with pytest.raises(ParityFailed, match=r"row 1 of 1, in one run: the graph says 5\.0, .* 1\.01 times"):
        verify(echo(), constant([theirs]), rows)


@pytest.mark.parametrize("theirs", [np.inf, -np.inf, np.nan])
def test_a_score_that_is_not_finite_equals_only_itself(theirs: float) -> None:
    with pytest.raises(ParityFailed, match="inf times as far apart"):
        verify(echo(), constant([theirs]), {"one": Rows(np.array([[5.0]]))})


def test_equal_infinities_agree() -> None:
    detector = KNN(n_neighbors=1).fit(np.arange(25.0)[:, None])
    rows = np.array([[1e300], [1.0]])
    with np.errstate(over="ignore"):
        report = verify(
            to_onnx(detector), replace(reference_of(detector, Preprocessing.none(["a"]))), {"far": Rows(rows)}
        )
    assert report.cases["far"].worst == 0


def test_a_wrong_label_is_refused() -> None:
    with pytest.raises(ParityFailed, match=r"the graph does not label .* row 2: the graph says 1, .* threshold 9\.0"):
        verify(echo(), replace(constant([1.0, 5.0]), threshold=9.0), {"two": Rows(np.array([[1.0], [5.0]]))})


def test_scores_at_the_threshold_are_counted_and_not_judged() -> None:
    rows = np.array([[2.0], [2.0 + 1e-9], [2.0 - 1e-9], [2.0 + 1e-6], [3.0]])
    report = verify(echo(), constant(rows[:, 0].tolist()), {"near": Rows(rows)})
    assert report.rows_within_threshold_band == 3


def test_chunks_and_single_rows_are_compared_too() -> None:
    """A graph whose score depends on its batch agrees in one run only."""
    graph = onnx.parser.parse_model(
        '<ir_version: 10, opset_import: ["": 21]> batch (double[n, 1] X) => (double[n] score, int64[n] label) {'
        " axes = Constant <value_ints = [1]> () sums = ReduceSum <keepdims = 0> (X, axes)"
        " total = ReduceSum <keepdims = 0> (X) score = Mul (sums, total) zero = Sub (score, score)"
        " label = Cast <to = 7> (zero) }"
    )
    whole = np.array([[0.1], [0.2], [0.3]])
    reference = replace(constant((whole[:, 0] * whole.sum()).tolist()), threshold=99.0)
    with pytest.raises(ParityFailed, match="in chunks"):
        verify(graph, reference, {"three": Rows(whole)})


def test_a_reference_of_single_rows_is_compared_on_few() -> None:
    ecod, hbos = ECOD().fit(X), HBOS().fit(X)
    for detector, most in ((ecod, 8), (hbos, 128)):
        reference = reference_of(detector, PLAIN)
        compared = cases(reference, PLAIN, Rows(X), Rows(X[:150]), seed=0)
        assert max(len(rows) for rows in compared.values()) == most
        verify(to_onnx(detector), reference, compared)


def test_the_rounding_of_a_row_widens_what_is_allowed_for_it_alone() -> None:
    model = echo()
    rows = Rows(np.array([[1.0], [3.0]]))
    told = [1.0 + 1e-6, 3.0]
    with pytest.raises(ParityFailed, match="row 1 of 2"):
        verify(model, constant(told), {"rows": rows})
    wide = replace(constant(told), rounding=lambda rows: np.array([2e-6, 0.0])[: len(rows)])
    assert verify(model, wide, {"rows": rows}).cases["rows"].worst == pytest.approx(0.5, rel=0.01)
    with pytest.raises(ParityFailed, match="row 2 of 2"):
        verify(model, replace(wide, scores=lambda rows: np.array([1.0, 3.0 + 1e-6])[: len(rows)]), {"rows": rows})
