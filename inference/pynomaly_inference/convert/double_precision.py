"""PyTorch's own answer in double precision: what graphs of networks are compared with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pynomaly_inference.convert.declaration import ExactReference, Matrix, Scores
from pynomaly_inference.convert.networks import IN_DOUBLE


def in_double(module: Any, x: Matrix) -> NDArray[np.float64]:
    """What a module in evaluation mode makes of [n, inputs], every weight and step in double precision.

    The module stays as it is: its weights single, its parts in the mode they were in.
    """
    import torch  # noqa: PLC0415 - declarations are read without torch

    state = {
        name: tensor.double() if tensor.is_floating_point() else tensor
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]
    }
    device = next(iter(state.values())).device
    with torch.no_grad(), _evaluating(module):
        answer = torch.func.functional_call(module, state, (torch.as_tensor(x, dtype=torch.float64, device=device),))
    values: NDArray[np.float64] = answer.cpu().numpy()
    return values


@contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def double_reference(scores: Callable[[Any, Matrix], Scores], words: str = IN_DOUBLE) -> ExactReference:
    """The reference of every detector that is a network."""
    return ExactReference(words, lambda _detector: True, scores)


def distances(rows: Matrix, others: Matrix) -> Scores:
    """[n]: from each row to the other of the same position."""
    lengths: Scores = np.sqrt(((rows - others) ** 2).sum(axis=1))
    return lengths
