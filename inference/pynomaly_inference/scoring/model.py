"""A loaded model file: scores rows in chunks, and proves itself on its golden rows."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pynomaly_inference.bundle import METADATA_KEY, RELATIVE_TOLERANCE, Metadata, parse_metadata, tolerance
from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.scoring.rows import Rows

OUTPUTS = ("score", "label", "probability")
CONTRIBUTIONS = "contributions"


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model says of `n` rows.

    scores: float64 [n]. labels: int64 [n], 1 is an anomaly. probabilities: float64 [n] in [0, 1], PyOD's `linear`.
    contributions: float64 [n, features], one column a feature of the resource in its order, when asked for.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    contributions: NDArray[np.float64] | None = None


class Model:
    """One model file in memory. `score` may be called from several threads at once."""

    def __init__(self, session: ort.InferenceSession, metadata: Metadata, digest: str) -> None:
        self._session = session
        self.metadata = metadata
        self.digest = digest
        """sha256 of the file, in hex: the model's identity."""

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
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Idle threads that spin would double the CPU of single-row requests.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no other base class
            raise ModelLoadFailed(f"ONNX Runtime cannot load the model: {error}") from error
        properties = session.get_modelmeta().custom_metadata_map
        metadata = parse_metadata(properties.get(METADATA_KEY))
        return cls(session, metadata, hashlib.sha256(content).hexdigest())

    def score(self, rows: Rows, *, explain: bool = False) -> Scored:
        """Scores the rows, at most `metadata.chunk` of them in one run of the graph.

        `explain` asks for contributions; the model must have them (`metadata.explains`). A score is NaN or infinite
        only where the detector itself says so.
        """
        chunk = self.metadata.chunk
        if chunk is None or len(rows) <= chunk:
            return self._run(rows, explain)
        parts = [self._run(rows[start : start + chunk], explain) for start in range(0, len(rows), chunk)]
        return Scored(
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.contributions for part in parts if part.contributions is not None])
            if explain
            else None,
        )

    def _run(self, rows: Rows, explain: bool) -> Scored:
        names = (*OUTPUTS, CONTRIBUTIONS) if explain else OUTPUTS
        return Scored(*self._session.run(names, rows.feed()))

    def check_golden(self) -> None:
        """Scores the golden rows; raises ModelLoadFailed when this machine computes something else than PyOD did."""
        golden = self.metadata.golden
        rows = Rows(
            np.array(golden.numbers, np.float64).reshape(len(golden.scores), -1),
            None if golden.categories is None else np.array(golden.categories, object),
        )
        scores = self.score(rows).scores
        for row, (ours, theirs) in enumerate(zip(scores.tolist(), golden.scores, strict=True), start=1):
            if not abs(ours - theirs) <= tolerance(theirs, self.metadata.score_scale):
                raise ModelLoadFailed(
                    f"golden row {row} scores {ours!r} here and {theirs!r} at training, more than "
                    f"{RELATIVE_TOLERANCE:g} apart: this machine's ONNX Runtime does not compute this model"
                )
