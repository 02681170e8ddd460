"""Networks in double precision, read from PyTorch's modules in evaluation mode without importing torch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.declaration import Conversion
from pynomaly_inference.convert.graph import Expr
from pynomaly_inference.errors import NotConvertible

EXTRA: Final = "torch"
IN_DOUBLE: Final = "the same network evaluated in double precision, since PyOD's own scores are in single"
RESIDUALS: Final = (
    "The squared difference between each feature, as the network sees it, and its reconstruction. They sum to the "
    "score squared."
)
ROWS_AT_ONCE: Final = 512
"""Rows of one run of a graph with wide layers, whose outputs then stay in the processor's cache."""
ACTIVATIONS: Final = ("elu", "identity", "leaky_relu", "relu", "sigmoid", "softmax", "softplus", "tanh")
"""Names by which PyOD takes an activation."""


def network(x: Expr, module: Any) -> Expr:
    """What the module makes of double [n, inputs]; raises NotConvertible with its name when it is of no known kind."""
    kind = type(module)
    package, _, _ = kind.__module__.rpartition(".")
    write = _MODULES.get(kind.__name__) if package in {"torch.nn.modules", "pyod.utils"} else None
    if write is None:
        raise NotConvertible(f"the network has a `{kind.__module__}.{kind.__qualname__}`, which has no graph")
    return write(x, module)


def numbers(tensor: Any) -> NDArray[np.float64]:
    """A tensor's values in double precision."""
    values: NDArray[np.float64] = tensor.detach().cpu().numpy().astype(np.float64)
    return values


def relu(x: Expr) -> Expr:
    """The positive part."""
    return x.graph.op("Relu", x)


def sigmoid(x: Expr) -> Expr:
    """1 / (1 + e ** -x), small ones too: ONNX Runtime's Sigmoid is 0 where it is below 1e-16."""
    return x.graph.op("Reciprocal", (-x).exp() + 1.0)


def reconstruction_error(z: Expr, reconstructed: Expr) -> Conversion:
    """The distance of each row from its reconstruction; see `RESIDUALS`."""
    residuals = (z - reconstructed).square()
    return Conversion(residuals.sum(axis=1).sqrt(), lambda: residuals)


def few_rows(_detector: Any) -> int:
    """`Declaration.chunk` of a network with wide layers."""
    return ROWS_AT_ONCE


def activation(description: str, names: Sequence[str] = ACTIVATIONS) -> dict[str, Any]:
    """JSON Schema of an activation's name."""
    return {"enum": list(names), "description": description}


def layers(description: str, fewest: int = 1) -> dict[str, Any]:
    """JSON Schema of a list of layer widths."""
    width = {"type": "integer", "minimum": 1}
    return {"type": "array", "items": width, "minItems": fewest, "description": description}


def _sequential(x: Expr, module: Any) -> Expr:
    for part in module:
        x = network(x, part)
    return x


def _linear_block(x: Expr, module: Any) -> Expr:
    """PyOD's: linear, batch normalisation, activation, dropout."""
    x = network(x, module.linear)
    if module.batch_norm:
        x = network(x, module.bn)
    return network(x, module.activation) if module.has_act else x


def _linear(x: Expr, module: Any) -> Expr:
    y = x @ np.ascontiguousarray(_weight(module).T)
    return y if module.bias is None else y + numbers(module.bias)


def _weight(module: Any) -> NDArray[np.float64]:
    """Spectral normalisation divides by the largest singular value, as estimated by the vectors it keeps."""
    if not hasattr(module, "weight_orig"):
        return numbers(module.weight)
    weight, left, right = numbers(module.weight_orig), numbers(module.weight_u), numbers(module.weight_v)
    normalised: NDArray[np.float64] = weight / (left @ weight @ right)
    return normalised


def _batch_norm(x: Expr, module: Any) -> Expr:
    # Not ONNX's BatchNormalization: its epsilon is single precision, which shows where the variance is smaller.
    scale = numbers(module.weight) / np.sqrt(numbers(module.running_var) + float(module.eps))
    return x * scale + (numbers(module.bias) - numbers(module.running_mean) * scale)


def _layer_norm(x: Expr, module: Any) -> Expr:
    # Not ONNX's LayerNormalization, for its epsilon; by sums, since ONNX Runtime turns a formula of means into it.
    share = 1.0 / float(module.normalized_shape[-1])
    centred = x - x.sum(axis=-1, keep=True) * share
    deviation = (centred.square().sum(axis=-1, keep=True) * share + float(module.eps)).sqrt()
    return centred / deviation * numbers(module.weight) + numbers(module.bias)


def _elu(x: Expr, module: Any) -> Expr:
    return relu(x) + (_negative(x).exp() - 1.0) * float(module.alpha)


def _leaky_relu(x: Expr, module: Any) -> Expr:
    return relu(x) + _negative(x) * float(module.negative_slope)


def _negative(x: Expr) -> Expr:
    return x.graph.op("Min", x, 0.0)


def _softplus(x: Expr, module: Any) -> Expr:
    steep = x * float(module.beta)
    return x.graph.where(steep > float(module.threshold), x, (steep.exp() + 1.0).log() * (1.0 / module.beta))


def _softmax(x: Expr, module: Any) -> Expr:
    if module.dim not in {None, 1, -1}:  # None is the columns' axis of a matrix
        raise NotConvertible(f"the network has a `Softmax` along axis {module.dim}, which mixes rows")
    return x.graph.op("Softmax", x, axis=1)


def _same(x: Expr, _module: Any) -> Expr:
    return x


_MODULES: Mapping[str, Callable[[Expr, Any], Expr]] = {
    "BatchNorm1d": _batch_norm,
    "Dropout": _same,
    "ELU": _elu,
    "Identity": _same,
    "LayerNorm": _layer_norm,
    "LeakyReLU": _leaky_relu,
    "Linear": _linear,
    "LinearBlock": _linear_block,
    "ReLU": lambda x, _module: relu(x),
    "Sequential": _sequential,
    "Sigmoid": lambda x, _module: sigmoid(x),
    "Softmax": _softmax,
    "Softplus": _softplus,
    "Tanh": lambda x, _module: x.tanh(),
}
"""By class name: PyTorch's, and PyOD's LinearBlock. ONNX Runtime has no Elu, LeakyRelu and Softplus in double."""
