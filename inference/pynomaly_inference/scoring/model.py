"""A loaded model file: scores rows in chunks, and proves itself on its golden rows."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pynomaly_inference.bundle import (
    CATEGORIES_INPUT,
    METADATA_KEY,
    NUMBERS_INPUT,
    Metadata,
    parse_metadata,
    tolerance,
)
from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.prune import prune
from pynomaly_inference.scoring.rows import Rows

OUTPUTS = ("score", "label", "probability")
"""What every call computes."""
CONTRIBUTIONS = "contributions"
UNIFY = "probability_unify"
_EXTRAS: dict[tuple[bool, bool], tuple[str, ...]] = {
    (False, False): (),
    (True, False): (CONTRIBUTIONS,),
    (False, True): (UNIFY,),
    (True, True): (CONTRIBUTIONS, UNIFY),
}
"""What a call asks for besides, by its `explain` and `unify`."""


class Scored(NamedTuple):
    """What the model says of `n` rows.

    scores: float64 [n]. labels: int64 [n], 1 is an anomaly. probabilities: float64 [n] in [0, 1], PyOD's `linear`.
    contributions: float64 [n, features], one column a feature of the resource in its order, when asked for.
    unified: float64 [n] in [0, 1], PyOD's `unify` probability, when asked for.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    contributions: NDArray[np.float64] | None = None
    unified: NDArray[np.float64] | None = None


class Model:
    """One model file in memory. `score` may be called from several threads at once."""

    def __init__(self, content: bytes, threads: int) -> None:
        self.digest = hashlib.sha256(content).hexdigest()
        """sha256 of the file, in hex: the model's identity."""
        self._whole = _session(content, threads)
        self.metadata = parse_metadata(self._whole.get_modelmeta().custom_metadata_map.get(METADATA_KEY))
        self._chunk = self.metadata.chunk
        self.outputs = tuple(output.name for output in self._whole.get_outputs())
        """The outputs of the graph, in its order."""
        _check_graph(self._whole, self.metadata)
        self._plain = self._whole if set(self.outputs) == set(OUTPUTS) else _session(prune(content, OUTPUTS), threads)
        # Without options of ours, every call would build its own.
        self._options = ort.RunOptions()

    @classmethod
    def load(cls, path: Path, *, threads: int = 1) -> "Model":
        """Reads a model file; raises ModelLoadFailed when it is missing, damaged or not ours."""
        try:
            return cls.parse(path.read_bytes(), threads=threads)
        except OSError as error:
            raise ModelLoadFailed(f"cannot read `{path}`: {error.strerror}") from error
        except ModelLoadFailed as error:
            raise ModelLoadFailed(f"`{path}`: {error}") from error

    @classmethod
    def parse(cls, content: bytes, *, threads: int = 1) -> "Model":
        """The model in these bytes; `threads` is ONNX Runtime's intra-operator parallelism for one call."""
        return cls(content, threads)

    def score(self, rows: Rows, *, explain: bool = False, unify: bool = False) -> Scored:
        """Scores the rows, at most `metadata.chunk` of them in one run of the graph.

        `explain` asks for contributions and `unify` for that probability; the graph must have them (`outputs`). A score
        is NaN or infinite only where the detector itself says so.
        """
        extras = _EXTRAS[explain, unify]
        if self._chunk is None or len(rows) <= self._chunk:
            return self._run(rows, extras)
        starts = range(0, len(rows), self._chunk)
        return _join([self._run(rows[start : start + self._chunk], extras) for start in starts])

    def _run(self, rows: Rows, extras: Sequence[str]) -> Scored:
        if not extras:
            return Scored(*self._plain.run(OUTPUTS, rows.feed(), self._options))
        values = self._whole.run((*OUTPUTS, *extras), rows.feed(), self._options)
        found = dict(zip(extras, values[len(OUTPUTS) :], strict=True))
        scores, labels, probabilities = values[: len(OUTPUTS)]
        return Scored(scores, labels, probabilities, found.get(CONTRIBUTIONS), found.get(UNIFY))

    def check_golden(self) -> None:
        """Scores the golden rows; raises ModelLoadFailed when this machine computes something else than PyOD did."""
        scores = self.score(self.golden_rows()).scores
        relative = self.metadata.parity.tolerance
        for row, (ours, theirs) in enumerate(zip(scores.tolist(), self.metadata.golden.scores, strict=True), start=1):
            if not abs(ours - theirs) <= tolerance(theirs, self.metadata.score_scale, relative):
                raise ModelLoadFailed(
                    f"golden row {row} scores {ours!r} here and {theirs!r} at training, more than "
                    f"{relative:g} apart: this machine's ONNX Runtime does not compute this model"
                )

    def golden_rows(self) -> Rows:
        """The synthetic rows whose scores the file carries."""
        golden = self.metadata.golden
        return Rows(
            np.array(golden.numbers, np.float64).reshape(len(golden.scores), -1),
            None if golden.categories is None else np.array(golden.categories, object),
        )


def _session(content: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Idle threads that spin would double the CPU of single-row requests.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no other base class
        raise ModelLoadFailed(f"not a model file of `pynomaly train`: ONNX Runtime cannot load it: {error}") from error


def _check_graph(session: ort.InferenceSession, metadata: Metadata) -> None:
    inputs = {value.name for value in session.get_inputs()}
    expected = {NUMBERS_INPUT} | ({CATEGORIES_INPUT} if metadata.names(FeatureType.CATEGORY) else set())
    if inputs != expected:
        raise ModelLoadFailed(f"the graph takes {_listed(inputs)}; its metadata speaks of {_listed(expected)}")
    outputs = {value.name for value in session.get_outputs()}
    expected = {*OUTPUTS, *([CONTRIBUTIONS] if metadata.explains else [])}
    if not expected <= outputs:
        raise ModelLoadFailed(f"the graph gives no {_listed(expected - outputs)}, which its metadata promises")


def _listed(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def _join(parts: Sequence[Scored]) -> Scored:
    first, *_ = parts
    return Scored(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        None if first.contributions is None else _concatenate(part.contributions for part in parts),
        None if first.unified is None else _concatenate(part.unified for part in parts),
    )


def _concatenate(parts: Iterable[NDArray[np.float64] | None]) -> NDArray[np.float64]:
    return np.concatenate([part for part in parts if part is not None])
