"""Cutting a graph down to some of its outputs."""

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from pynomaly_inference.scoring.prune import prune


def value(name: str, kind: int = TensorProto.DOUBLE) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["n"] if kind == TensorProto.DOUBLE else [])


def model(nodes: list[onnx.NodeProto], inputs: list[Any], outputs: list[Any]) -> bytes:
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    whole.doc_string = "kept"
    onnx.checker.check_model(whole)
    content: bytes = whole.SerializeToString()
    return content


def run(content: bytes, **feed: Any) -> list[Any]:
    answers: list[Any] = ort.InferenceSession(content, providers=["CPUExecutionProvider"]).run(None, feed)
    return answers


def test_only_the_wanted_outputs_and_their_nodes_are_left(build: Any) -> None:
    whole = onnx.load_from_string(build(None))

    pruned = onnx.load_from_string(prune(whole.SerializeToString(), ["score", "label"]))

    assert [output.name for output in pruned.graph.output] == ["score", "label"]
    assert [node.op_type for node in pruned.graph.node] == ["ReduceSum", "Greater", "Cast"]
    assert pruned.graph.initializer == whole.graph.initializer
    onnx.checker.check_model(pruned)


def test_everything_else_of_the_file_stays_as_it_is(build: Any) -> None:
    whole = onnx.load_from_string(build("{}"))

    same = onnx.load_from_string(prune(whole.SerializeToString(), [output.name for output in whole.graph.output]))

    assert same == whole


def test_what_a_branch_reads_from_around_it_is_kept() -> None:
    inner = helper.make_graph([helper.make_node("Neg", ["doubled"], ["inside"])], "then", [], [value("inside")])
    passed = helper.make_graph([helper.make_node("Identity", ["tripled"], ["other"])], "else", [], [value("other")])
    nodes = [
        helper.make_node("Add", ["X", "X"], ["doubled"]),
        helper.make_node("Add", ["doubled", "X"], ["tripled"]),
        helper.make_node("Abs", ["X"], ["unused"]),
        helper.make_node("If", ["flag"], ["chosen"], then_branch=inner, else_branch=passed),
    ]
    whole = model(nodes, [value("X"), value("flag", TensorProto.BOOL)], [value("chosen"), value("unused")])

    pruned = prune(whole, ["chosen"])

    assert [node.op_type for node in onnx.load_from_string(pruned).graph.node] == ["Add", "Add", "If"]
    for flag, expected in ((True, -4.0), (False, 6.0)):
        assert run(pruned, X=np.array([2.0]), flag=np.array(flag)) == [[expected]]


@given(st.sets(st.sampled_from(["score", "label", "probability", "probability_unify", "contributions"]), min_size=1))
def test_any_choice_of_outputs_gives_what_the_whole_graph_gives(build: Any, outputs: set[str]) -> None:
    whole = build(None)
    rows = np.array([[1.0, 2.0], [2.0, 2.0]])
    names = [output.name for output in onnx.load_from_string(whole).graph.output]
    expected = dict(zip(names, run(whole, X=rows), strict=True))

    answers = run(prune(whole, outputs), X=rows)

    for name, answer in zip([name for name in names if name in outputs], answers, strict=True):
        np.testing.assert_array_equal(answer, expected[name])


@given(st.binary(min_size=1, max_size=40))
def test_bytes_that_are_no_message_are_refused_or_survive(content: bytes) -> None:
    try:
        pruned = prune(content, ["score"])
    except ValueError as error:
        assert str(error).startswith("not a protobuf message: ")  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(pruned, bytes)


@pytest.mark.parametrize("content", [b"\x3a\x05ab", b"\x80", b"\x0b", b"\x09\x00"])
def test_a_message_that_is_cut_short_or_foreign_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a protobuf message"):
        prune(content, ["score"])
