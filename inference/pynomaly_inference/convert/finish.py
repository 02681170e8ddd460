"""From a detector's expressions to the whole graph: inputs, outputs, and the metadata."""

import json
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto
from sklearn.preprocessing import MinMaxScaler

from pynomaly_inference.bundle import CATEGORIES_INPUT, METADATA_KEY, NUMBERS_INPUT, Metadata, tolerance
from pynomaly_inference.convert.declaration import Declaration
from pynomaly_inference.convert.discovery import declaration_of
from pynomaly_inference.convert.graph import Expr, Graph
from pynomaly_inference.convert.preprocessing import Preprocessing
from pynomaly_inference.features import FeatureType


def whole_graph(detector: Any, declaration: Declaration, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The checked model of a fitted detector behind its preprocessing.

    Inputs: X double [n, numbers], C string [n, categories] when there are any. Outputs: score double [n], label int64
    [n], probability and probability_unify double [n] in [0, 1] (PyOD's `linear` and `unify`), contributions double
    [n, features] where the detector explains.
    """
    graph = Graph()
    x = preprocessing.write(graph, *_inputs(graph, preprocessing))
    conversion = declaration.convert(graph, detector, x)
    score = conversion.score
    graph.output("score", score, TensorProto.DOUBLE, ["n"])
    graph.output("label", _label(detector, score, declaration), TensorProto.INT64, ["n"])
    linear, unify = (
        (score, score) if declaration.scores_probability else (_linear(detector, score), _unify(detector, score))
    )
    graph.output("probability", linear, TensorProto.DOUBLE, ["n"])
    graph.output("probability_unify", unify, TensorProto.DOUBLE, ["n"])
    if conversion.contributions is not None:
        by_feature = _by_feature(conversion.contributions(), preprocessing)
        graph.output("contributions", by_feature, TensorProto.DOUBLE, ["n", len(preprocessing.features)])
    return graph.model(declaration.name)


def score_scale(detector: Any) -> float:
    """The median of |training score|; see `bundle.tolerance`.

    More where scores are differences of large numbers: then so much that the tolerance is their rounding.
    """
    median, declaration = float(np.median(np.abs(detector.decision_scores_))), declaration_of(detector)
    if declaration.rounding is None:
        return median
    return max(median, declaration.rounding.around_training(detector) / declaration.tolerance)


def attach(model: onnx.ModelProto, metadata: Metadata) -> bytes:
    """The model file: the model with its metadata, the same bytes for the same model and metadata."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    kept = [entry for entry in whole.metadata_props if entry.key != METADATA_KEY]
    del whole.metadata_props[:]
    whole.metadata_props.extend([*kept, onnx.StringStringEntryProto(key=METADATA_KEY, value=metadata.to_json())])
    content: bytes = whole.SerializeToString(deterministic=True)
    return content


def with_properties(model: onnx.ModelProto, detector: Any, preprocessing: Preprocessing) -> onnx.ModelProto:
    """The model with what its user must know, in `metadata_props`.

    algorithm, semantics (exact, row or frozen), threshold, tolerance (relative, see `bundle.tolerance`), features (a
    JSON list), and chunk where a run of more rows would take memory out of proportion.
    """
    declaration = declaration_of(detector)
    chunk = declaration.chunk(detector)
    properties = {
        "algorithm": declaration.name,
        "semantics": declaration.semantics.value,
        "threshold": repr(declaration.threshold(detector)),
        "tolerance": repr(declaration.tolerance),
        "features": json.dumps([name for name, _ in preprocessing.features], ensure_ascii=False),
        **({} if chunk is None else {"chunk": str(chunk)}),
    }
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    onnx.helper.set_model_props(whole, properties)
    return whole


def _inputs(graph: Graph, preprocessing: Preprocessing) -> tuple[Expr, Expr | None]:
    numbers, categories = (preprocessing.names(kind) for kind in (FeatureType.NUMBER, FeatureType.CATEGORY))
    x = graph.input(NUMBERS_INPUT, TensorProto.DOUBLE, ["n", len(numbers)], ", ".join(numbers))
    if not categories:
        return x, None
    return x, graph.input(CATEGORIES_INPUT, TensorProto.STRING, ["n", len(categories)], ", ".join(categories))


def _label(detector: Any, score: Expr, declaration: Declaration) -> Expr:
    threshold = declaration.threshold(detector)
    band = tolerance(threshold, score_scale(detector), declaration.tolerance)
    return (score > threshold + band).cast(TensorProto.INT64)


def _linear(detector: Any, score: Expr) -> Expr:
    """PyOD's `predict_proba(method="linear")`: scaled to the training scores' range, clipped."""
    training = np.asarray(detector.decision_scores_).reshape(-1, 1)
    if not np.isfinite(training).all():
        return score * np.nan  # PyOD raises
    scaler = MinMaxScaler().fit(training)
    return (score * float(scaler.scale_[0]) + float(scaler.min_[0])).clip(0.0, 1.0)


def _unify(detector: Any, score: Expr) -> Expr:
    """PyOD's `predict_proba(method="unify")`, to 1e-7: ONNX Runtime has the error function in float32 only."""
    mean, deviation = float(detector._mu), float(detector._sigma)  # noqa: SLF001 - published nowhere else
    normal = (score - mean) / (deviation * float(np.sqrt(2)))
    return score.graph.op("Erf", normal.cast(TensorProto.FLOAT)).cast(TensorProto.DOUBLE).clip(0.0, 1.0)


def _by_feature(contributions: Expr, preprocessing: Preprocessing) -> Expr:
    """One column a feature, in the resource's order; a category's one-hot columns summed."""
    owners = preprocessing.column_features()
    if np.array_equal(owners, np.arange(len(preprocessing.features))):
        return contributions
    owned = np.zeros((len(owners), len(preprocessing.features)))
    owned[np.arange(len(owners)), owners] = 1.0
    return contributions @ owned
