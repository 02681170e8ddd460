"""A network's graph is the network in double precision; what is worked round is shown."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyod.utils.torch_utility import LinearBlock, get_activation_by_name

import torch
from pynomaly_inference.convert.double_precision import in_double
from pynomaly_inference.convert.graph import Expr, Graph, TensorProto
from pynomaly_inference.convert.networks import ACTIVATIONS, network, sigmoid
from pynomaly_inference.errors import NotConvertible
from torch import nn

Matrix = NDArray[np.float64]
COLUMNS = 6
X = np.random.default_rng(0).standard_normal((40, COLUMNS)) * np.geomspace(1e-3, 1e3, 40)[:, None]


def session(write: Callable[[Expr], Expr]) -> ort.InferenceSession:
    graph = Graph()
    x = graph.input("X", TensorProto.DOUBLE, ["n", COLUMNS])
    graph.output("y", write(x), TensorProto.DOUBLE, ["n", "outputs"])
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(graph.model("network").SerializeToString(), options)


def answer(write: Callable[[Expr], Expr], rows: Matrix = X) -> Matrix:
    (y,) = session(write).run(["y"], {"X": rows})
    assert isinstance(y, np.ndarray)
    return y


def trained(module: Any) -> Any:
    """The module with weights, means and variances of its own, in evaluation mode."""
    torch.manual_seed(1)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape) + 0.1
    return module.eval()


def test_every_activation_that_pyod_names_is_known() -> None:
    with pytest.raises(ValueError, match="not a valid activation"):
        get_activation_by_name("gelu")
    assert [type(get_activation_by_name(name)).__name__ for name in ACTIVATIONS] == [
        *("ELU", "Identity", "LeakyReLU", "ReLU", "Sigmoid", "Softmax", "Softplus", "Tanh"),
    ]


@pytest.mark.parametrize(
    "module",
    [
        *(get_activation_by_name(name) for name in ACTIVATIONS),
        nn.ELU(alpha=0.3),
        nn.LeakyReLU(negative_slope=2.5),
        nn.Softplus(beta=3.0, threshold=1.0),
        nn.Softmax(dim=-1),
        trained(nn.Linear(COLUMNS, 3)),
        trained(nn.Linear(COLUMNS, 3, bias=False)),
        trained(nn.BatchNorm1d(COLUMNS)),
        trained(nn.LayerNorm(COLUMNS)),
        nn.Dropout(0.9),
        trained(LinearBlock(COLUMNS, 4, batch_norm=True, dropout_rate=0.5)),
        trained(LinearBlock(COLUMNS, 4, has_act=False)),
        nn.Sequential(trained(nn.Linear(COLUMNS, 5)), nn.Tanh(), nn.Sequential(trained(nn.Linear(5, 2)))),
    ],
    ids=str,
)
def test_each_module_is_itself_in_double_precision(module: Any) -> None:
    ours, theirs = answer(lambda x: network(x, module)), in_double(module, X) if list(module.parameters()) else None
    if theirs is None:
        theirs = module.eval()(torch.tensor(X)).numpy()
    assert ours == pytest.approx(theirs, rel=1e-13, abs=1e-13)


@st.composite
def stacks(draw: st.DrawFn) -> Any:
    """A network of up to four blocks of PyOD's and an output layer, as its detectors build them."""
    widths = [COLUMNS, *draw(st.lists(st.integers(1, 9), max_size=4))]
    blocks = [
        LinearBlock(
            *pair,
            activation_name=draw(st.sampled_from(ACTIVATIONS)),
            batch_norm=draw(st.booleans()),
            dropout_rate=draw(st.sampled_from([0, 0.5])),
            activation_params={"elu_alpha": draw(st.floats(0.1, 3)), "softplus_beta": draw(st.floats(0.1, 3))},
        )
        for pair in pairwise(widths)
    ]
    return nn.Sequential(*blocks, nn.Linear(widths[-1], 2)).eval()


@given(module=stacks(), scale=st.sampled_from([1e-6, 1.0, 1e6]))
@settings(max_examples=60, deadline=None)
def test_any_network_of_pyods_blocks_is_itself_in_double_precision(module: Any, scale: float) -> None:
    theirs = in_double(module, X * scale)
    assert answer(lambda x: network(x, module), X * scale) == pytest.approx(theirs, rel=1e-9, abs=1e-11)


def test_spectral_normalisation_is_that_of_evaluation() -> None:
    linear = nn.utils.spectral_norm(trained(nn.Linear(COLUMNS, 4)))
    for _ in range(3):
        linear.train()(torch.rand(5, COLUMNS))
    kept = linear.weight_u.clone()
    ours = answer(lambda x: network(x, linear))
    assert ours == pytest.approx(in_double(linear, X), rel=1e-13)
    assert ours == pytest.approx(linear.eval()(torch.tensor(X, dtype=torch.float32)).detach().numpy(), rel=1e-4)
    assert torch.equal(linear.weight_u, kept)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.GELU(), r"a `torch\.nn\.modules\.activation\.GELU`, which has no graph"),
        (nn.Sequential(nn.ReLU(), nn.Bilinear(2, 2, 1)), r"a `torch\.nn\.modules\.linear\.Bilinear`"),
        (nn.Softmax(dim=0), "`Softmax` along axis 0, which mixes rows"),
        (type("ReLU", (nn.ReLU,), {"__module__": "own"})(), r"a `own\.ReLU`"),
    ],
)
def test_a_module_without_a_graph_is_named(module: Any, message: str) -> None:
    with pytest.raises(NotConvertible, match=message):
        answer(lambda x: network(x, module))


@pytest.mark.parametrize("operator", ["Elu", "LeakyRelu", "Softplus"])
def test_onnx_runtime_has_no_such_operator_in_double_precision(operator: str) -> None:
    with pytest.raises(Exception, match="NOT_IMPLEMENTED"):
        session(lambda x: x.graph.op(operator, x))


def test_onnx_runtimes_own_sigmoid_is_zero_where_it_is_small_and_ours_is_not() -> None:
    low = np.full((1, COLUMNS), -100.0)
    assert answer(lambda x: x.graph.op("Sigmoid", x), low).max() == 0.0
    assert answer(sigmoid, low) == pytest.approx(np.exp(low), rel=1e-14)
    assert answer(sigmoid, np.full((1, COLUMNS), -1000.0)).max() == 0.0


@pytest.mark.parametrize("operator", ["LayerNormalization", "BatchNormalization"])
def test_the_epsilon_of_onnxs_normalisations_is_single_precision_and_ours_is_not(operator: str) -> None:
    ones, zeros = np.ones(COLUMNS), np.zeros(COLUMNS)
    nearly_equal = X[:5] * 1e-6
    module = nn.LayerNorm(COLUMNS, eps=1e-5) if operator == "LayerNormalization" else nn.BatchNorm1d(COLUMNS, eps=1e-5)
    module.eval()
    of_batch = [] if operator == "LayerNormalization" else [zeros, zeros]
    if of_batch:
        module.running_var.zero_()
    exact = in_double(module, nearly_equal)
    theirs = answer(lambda x: x.graph.op(operator, x, ones, zeros, *of_batch, epsilon=1e-5), nearly_equal)
    assert np.max(np.abs(theirs / exact - 1)) > 5e-9
    assert answer(lambda x: network(x, module), nearly_equal) == pytest.approx(exact, rel=1e-12)


def test_evaluating_in_double_leaves_the_module_as_it_was() -> None:
    module = nn.Sequential(nn.Linear(COLUMNS, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    module[2].eval()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    assert in_double(module, X).dtype == np.float64
    assert [part.training for part in module.modules()] == [True, True, True, False]
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
