"""What a model file says of itself, gathered from how it came to be."""

from importlib.metadata import version

import numpy as np
import onnx

from pynomaly_inference.bundle import (
    QUANTILE_LEVELS,
    Evaluation,
    Metadata,
    TrainedAlgorithm,
    TrainedFeature,
)
from pynomaly_inference.convert import declaration_of, score_scale
from pynomaly_inference.datasets.table import Table
from pynomaly_inference.features import FeatureType
from pynomaly_inference.spec import AnomalyDetector
from pynomaly_inference.training.fit import Fitted
from pynomaly_inference.training.golden import Profile
from pynomaly_inference.training.prove import Proof

LIBRARIES = ("pynomaly-operator", "pyod", "scikit-learn", "numpy", "onnx", "onnxruntime")
UNJUDGED = Evaluation(rows=0, held_out=False, anomaly_rate=0.0)
"""The evaluation of a model that has scored nothing yet."""


def describe(resource: AnomalyDetector, table: Table, fitted: Fitted, proof: Proof, graph: onnx.ModelProto) -> Metadata:
    """The metadata of a proven graph, `UNJUDGED` yet."""
    spec = resource.spec
    detector = fitted.detector
    declared = declaration_of(detector)
    return Metadata(
        name=resource.metadata.name,
        algorithm=TrainedAlgorithm(name=spec.algorithm.name, parameters=spec.algorithm.parameters),
        semantics=declared.semantics,
        explains=any(output.name == "contributions" for output in graph.graph.output),
        keeps_training_rows=declared.keeps_training_rows,
        missing_values=spec.preprocessing.impute is not None,
        features=_features(fitted, proof.profile),
        contamination=spec.contamination,
        threshold=declared.threshold(detector),
        score_scale=score_scale(detector),
        score_quantiles=tuple(np.quantile(detector.decision_scores_, QUANTILE_LEVELS).tolist()),
        evaluation=UNJUDGED,
        parity=proof.parity,
        golden=proof.golden,
        chunk=declared.chunk(detector),
        training_rows=len(fitted.rows),
        data_fingerprint=table.fingerprint,
        versions={library: version(library) for library in LIBRARIES},
    )


def _features(fitted: Fitted, profile: Profile) -> tuple[TrainedFeature, ...]:
    quantiles = iter(profile.quantiles.T.tolist())
    levels = iter(profile.levels)
    return tuple(
        TrainedFeature(name=name, type=kind, quantiles=tuple(next(quantiles)))
        if kind is FeatureType.NUMBER
        else TrainedFeature(name=name, type=kind, levels=next(levels))
        for name, kind in fitted.preprocessing.features
    )
