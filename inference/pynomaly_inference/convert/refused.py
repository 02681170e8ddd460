"""PyOD's detectors that have no ONNX graph that says what they say, each with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refused:
    """A class of PyOD that is not converted."""

    path: str
    """Module and class."""
    reason: str
    """For the user, as the end of the sentence `COF cannot be served: ...`."""

    @property
    def name(self) -> str:
        """The class."""
        return self.path.rpartition(".")[2]


_BATCH = (
    "it keeps nothing of the training rows and scores the rows of a batch by each other, so that one row has no score"
)
_TRANSDUCTIVE = "PyOD itself cannot score rows that it was not fitted on"
_GRAPH = f"it finds anomalies among the nodes of one graph, and {_TRANSDUCTIVE}"
_DIF = (
    "it standardises its representations by the mean and deviation of the batch, so that one row alone has none, and "
    "follows the deviation of values along a path of a tree, for which ONNX has no operator"
)
_RGRAPH = (
    "it solves a regression over the training rows and a block of the batch for each score, an iteration of unknown "
    "length that the other rows of the block change"
)
_ROD = (
    "it divides by a statistic of the batch and keeps none of the training rows: fit a "
    "`pynomaly_inference.rod.ROD`, which does"
)
_SERIES = "it scores the times of a series by the times around them, and a row alone is no series"
_RAW = "it scores text, images or audio by the embeddings of another model, and the resource has numbers and categories"

REFUSED = tuple(
    Refused(f"pyod.models.{path}", reason)
    for path, reason in (
        ("audio_ae.AudioAE", "it scores audio clips by features of their frames, and the resource has no audio"),
        (
            "cd.CD",
            "it takes each row's leverage from the other rows of the batch, so that one row alone has no score",
        ),
        ("cof.COF", _BATCH),
        ("dif.DIF", _DIF),
        ("embedding.EmbeddingOD", _RAW),
        ("embedding.MultiModalOD", _RAW),
        ("lmdd.LMDD", _BATCH),
        ("loci.LOCI", _BATCH),
        (
            "lscp.LSCP",
            "it draws new random features for the local region at each call, so that the same row scores differently",
        ),
        ("pyg_anomalous.ANOMALOUS", _GRAPH),
        ("pyg_anomalydae.AnomalyDAE", _GRAPH),
        ("pyg_cola.CoLA", _GRAPH),
        ("pyg_conad.CONAD", _GRAPH),
        ("pyg_dominant.DOMINANT", _GRAPH),
        ("pyg_guide.GUIDE", _GRAPH),
        ("pyg_radar.Radar", _GRAPH),
        ("pyg_scan.SCAN", _GRAPH),
        ("rgraph.RGraph", _RGRAPH),
        (
            "so_gaal_new.SO_GAAL",
            "PyOD keeps it beside `pyod.models.so_gaal.SO_GAAL`: convert one of that class",
        ),
        ("rod.ROD", _ROD),
        ("sod.SOD", _BATCH),
        ("sos.SOS", _BATCH),
        ("ts_anomaly_transformer.AnomalyTransformer", _SERIES),
        ("ts_kshape.KShape", _SERIES),
        ("ts_lstm.LSTMAD", _SERIES),
        ("ts_matrix_profile.MatrixProfile", f"it compares the parts of one series, and {_TRANSDUCTIVE}"),
        ("ts_od.TimeSeriesOD", _SERIES),
        ("ts_sand.SAND", _SERIES),
        ("ts_spectral_residual.SpectralResidual", _SERIES),
    )
)

_FUNCTION = "a graph has no Python"
_PRECOMPUTED = "a matrix of distances is no row"

_OF_ZEROS = "of two rows of zeros it is 0 / 0: name `jaccard`, which ranks the others as it does"
_OF_PARAMETERS = "what it weighs features by is in `metric_params`, which no graph has: scale the features"

REFUSED_METRICS = {
    "correlation": "a row of equal numbers has none",
    "dice": _OF_ZEROS,
    "haversine": "ONNX Runtime has no arc sine in double precision",
    "mahalanobis": _OF_PARAMETERS,
    "nan_euclidean": "no detector sees a missing value: name `euclidean`, which it then is",
    "p": "to scikit-learn it is `euclidean`, whatever the power: name that",
    "seuclidean": _OF_PARAMETERS,
    "sokalsneath": _OF_ZEROS,
    "yule": "it is 0 between rows that differ, of which one has all numbers that the other has",
}
"""Metrics of scikit-learn by which no detector is served unless it says so, each with the reason."""

DISTANCES = ("metric", "kernel")
"""Parameters that say how far rows are from each other."""
REFUSED_PARAMETERS = {
    "a metric or kernel that is a function": _FUNCTION,
    "a metric or kernel that is `precomputed`": _PRECOMPUTED,
    "a PyThresh object for `contamination`": "it labels by rules of its own, which are no threshold on a score",
}
"""What any detector may be given in PyOD and none here, with the reason."""


def metric_schema(served: Iterable[str], description: str) -> dict[str, Any]:
    """JSON Schema of a detector's parameter `metric`; `refused` says why it has no others."""
    names = list(served)
    refused = {name: reason for name, reason in REFUSED_METRICS.items() if name not in names}
    return {"enum": names, "refused": refused, "description": description}


def refused_class(path: str) -> str | None:
    """Why the class of this path is refused; None when it is not."""
    return next((refused.reason for refused in REFUSED if refused.path == path), None)


def reason_against(name: str) -> str | None:
    """Why the class of this name is refused; None when it is not. A name of a converted class is not."""
    return next((refused.reason for refused in REFUSED if refused.name == name), None)


def reason_against_distance(value: object) -> str | None:
    """What a metric or kernel is that no graph has, and why none has it, as the end of a sentence; None for others."""
    if callable(value):
        return f"a function, and {_FUNCTION}: name one of the metrics or kernels that `docs/detectors.md` lists"
    if value == "precomputed":
        return f"`precomputed`, and {_PRECOMPUTED}: fit on the rows themselves"
    return None
