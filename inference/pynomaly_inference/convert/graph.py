"""Expressions that write an ONNX graph: NumPy arrays become initializers, Python operators become nodes.

    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", 3])
    graph.output("score", ((x - mean) @ weights).sum(axis=1), TensorProto.DOUBLE, ["n"])

Names are numbered in the order of writing, so the same calls write the same bytes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from pynomaly_inference.errors import NotConvertible

OPSET = 21
ML_OPSET = 5
IR_VERSION = 10
ML = "ai.onnx.ml"
LARGEST_MODEL = 2**31 - 1
"""Bytes that one protobuf message can have."""

Operand = Union["Expr", NDArray[Any], float]
"""What an operator takes beside an expression: an array as it is, a Python number as a double scalar."""

Branch = Callable[..., tuple["Expr", ...]]
"""What one way of `either` makes of the values it is given."""


class Expr:
    """One value of a graph. Operators broadcast as NumPy's do; types must agree, as ONNX demands."""

    __slots__ = ("graph", "name")
    __array_ufunc__ = None  # `array - expression` must reach __rsub__, not NumPy's broadcasting

    def __init__(self, graph: "Graph", name: str) -> None:
        self.graph = graph
        self.name = name

    def __add__(self, other: Operand) -> "Expr":
        return self.graph.op("Add", self, other)

    def __radd__(self, other: Operand) -> "Expr":
        return self.graph.op("Add", other, self)

    def __sub__(self, other: Operand) -> "Expr":
        return self.graph.op("Sub", self, other)

    def __rsub__(self, other: Operand) -> "Expr":
        return self.graph.op("Sub", other, self)

    def __mul__(self, other: Operand) -> "Expr":
        return self.graph.op("Mul", self, other)

    def __rmul__(self, other: Operand) -> "Expr":
        return self.graph.op("Mul", other, self)

    def __truediv__(self, other: Operand) -> "Expr":
        return self.graph.op("Div", self, other)

    def __matmul__(self, other: Operand) -> "Expr":
        return self.graph.op("MatMul", self, other)

    def __pow__(self, exponent: Operand) -> "Expr":
        return self.graph.op("Pow", self, exponent)

    def __rpow__(self, base: Operand) -> "Expr":
        return self.graph.op("Pow", base, self)

    def __gt__(self, other: Operand) -> "Expr":
        return self.graph.op("Greater", self, other)

    def __neg__(self) -> "Expr":
        return self.graph.op("Neg", self)

    def equals(self, other: Operand) -> "Expr":
        """Elementwise equality; `==` stays Python's."""
        return self.graph.op("Equal", self, other)

    def below(self, other: Operand) -> "Expr":
        """Elementwise `<`: Python would take an operator for `>` with its sides exchanged."""
        return self.graph.op("Less", self, other)

    def square(self) -> "Expr":
        """The product with itself: exact where `Pow` may round."""
        return self * self

    def sqrt(self) -> "Expr":
        """Elementwise square root."""
        return self.graph.op("Sqrt", self)

    def exp(self) -> "Expr":
        """Elementwise e ** value."""
        return self.graph.op("Exp", self)

    def log(self) -> "Expr":
        """Elementwise natural logarithm."""
        return self.graph.op("Log", self)

    def tanh(self) -> "Expr":
        """Elementwise hyperbolic tangent."""
        return self.graph.op("Tanh", self)

    def abs(self) -> "Expr":
        """Elementwise absolute value."""
        return self.graph.op("Abs", self)

    def is_nan(self) -> "Expr":
        """Elementwise: is it NaN?"""
        return self.graph.op("IsNaN", self)

    def sum(self, axis: int, *, keep: bool = False) -> "Expr":
        """The sum along an axis, which stays as one of length 1 with `keep`."""
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=int(keep))

    def mean(self, axis: int) -> "Expr":
        """The mean along an axis."""
        return self.graph.op("ReduceMean", self, np.array([axis]), keepdims=0)

    def min(self, axis: int) -> "Expr":
        """The least value along an axis."""
        return self.graph.op("ReduceMin", self, np.array([axis]), keepdims=0)

    def least(self) -> "Expr":
        """The least of all values, a scalar."""
        return self.graph.op("ReduceMin", self, keepdims=0)

    def max(self, axis: int, *, keep: bool = False) -> "Expr":
        """The greatest value along an axis, which stays as one of length 1 with `keep`."""
        return self.graph.op("ReduceMax", self, np.array([axis]), keepdims=int(keep))

    def clip(self, low: float, high: float) -> "Expr":
        """Elementwise: not below `low`, not above `high`."""
        return self.graph.op("Clip", self, low, high)

    def cast(self, to: int) -> "Expr":
        """The value in another `TensorProto` type."""
        return self.graph.op("Cast", self, to=to)

    def transpose(self) -> "Expr":
        """The axes in reverse order."""
        return self.graph.op("Transpose", self)

    def reshape(self, *shape: int) -> "Expr":
        """In ONNX's terms: -1 is the remaining size, 0 keeps an axis as it is."""
        return self.graph.op("Reshape", self, np.array(shape))

    def unsqueeze(self, axis: int) -> "Expr":
        """A new axis of length 1."""
        return self.graph.op("Unsqueeze", self, np.array([axis]))

    def columns(self, indices: Sequence[int]) -> "Expr":
        """These columns of a matrix, in this order."""
        return self.graph.op("Gather", self, np.array(indices), axis=1)

    def column(self, index: int) -> "Expr":
        """One column of a matrix, as a vector."""
        return self.graph.op("Gather", self, np.array(index), axis=1)


class Graph:
    """The graph being written."""

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: int, shape: Sequence[str | int], doc: str = "") -> Expr:
        """An input of the graph; `kind` is a `TensorProto` type, a word in `shape` a dynamic axis."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape, doc))
        return Expr(self, name)

    def output(self, name: str, value: Expr, kind: int, shape: Sequence[str | int]) -> None:
        """Names a value as an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [value.name], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, value: Operand) -> Expr:
        """An initializer; an expression is returned as it is."""
        if isinstance(value, Expr):
            return value
        array = value if isinstance(value, np.ndarray) else np.array(value, np.float64)
        name = f"{self._prefix}c{len(self._initializers)}"
        self._initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return Expr(self, name)

    def op(self, kind: str, *operands: Operand, domain: str = "", **attributes: Any) -> Expr:
        """A node with one output."""
        return self.ops(kind, 1, *operands, domain=domain, **attributes)[0]

    def ops(self, kind: str, outputs: int, *operands: Operand, domain: str = "", **attributes: Any) -> tuple[Expr, ...]:
        """A node with several outputs."""
        inputs = [self.constant(operand).name for operand in operands]
        names = [f"{self._prefix}v{len(self._nodes)}_{position}" for position in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return tuple(Expr(self, name) for name in names)

    def where(self, condition: Expr, yes: Operand, no: Operand) -> Expr:
        """Elementwise `yes` where the condition holds, else `no`."""
        return self.op("Where", condition, yes, no)

    def either(self, condition: Expr, yes: "Branch", no: "Branch", *of: Expr) -> tuple[Expr, ...]:
        """`yes` of these values where one bool holds, else `no` of them: only that one is computed."""
        place = len(self._nodes)
        branches, counts = zip(
            *(self._branch(f"{self._prefix}b{place}{way}_", make, of) for way, make in (("y", yes), ("n", no))),
            strict=True,
        )
        return self.ops("If", counts[0], condition, then_branch=branches[0], else_branch=branches[1])

    def _branch(self, prefix: str, make: "Branch", of: Sequence[Expr]) -> tuple[onnx.GraphProto, int]:
        """A graph inside this one, and how many values it makes: it reads the values around it by their names."""
        inner = Graph(prefix)
        made = make(*(Expr(inner, value.name) for value in of))
        for position, value in enumerate(made):
            name = f"{prefix}made{position}"
            inner._outputs.append(onnx.ValueInfoProto(name=name))
            inner._nodes.append(helper.make_node("Identity", [value.name], [name]))
        return helper.make_graph(inner._nodes, prefix, [], inner._outputs, inner._initializers), len(made)

    def gather(self, table: Operand, indices: Operand) -> Expr:
        """Rows of a table."""
        return self.op("Gather", table, indices, axis=0)

    def concat(self, *parts: Operand, axis: int) -> Expr:
        """The parts joined along an axis."""
        return self.op("Concat", *parts, axis=axis)

    def smallest(self, values: Expr, count: int, *, ordered: bool = True) -> tuple[Expr, Expr]:
        """The `count` smallest values of each row, in ascending order or any, and their positions."""
        smallest, positions = self.ops("TopK", 2, values, np.array([count]), axis=-1, largest=0, sorted=int(ordered))
        return smallest, positions

    def model(self, name: str) -> onnx.ModelProto:
        """The checked model; raises NotConvertible when it is larger than a file of this format can be."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initializers)
        imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=IR_VERSION, producer_name="pynomaly")
        if model.ByteSize() > LARGEST_MODEL:
            raise NotConvertible(
                f"the model would have {model.ByteSize() / 2**30:.1f} GiB, an ONNX file at most 2: train on fewer rows"
            )
        onnx.checker.check_model(model, full_check=True)
        return model


__all__ = ["IR_VERSION", "ML", "ML_OPSET", "OPSET", "Branch", "Expr", "Graph", "Operand", "TensorProto"]
