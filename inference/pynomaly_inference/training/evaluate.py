"""How well a model ranks and labels rows that carry the user's label."""

import numpy as np
from numpy.typing import NDArray
from pyod.utils.utility import precision_n_scores
from sklearn.metrics import average_precision_score, roc_auc_score

from pynomaly_inference.bundle import Evaluation
from pynomaly_inference.scoring.model import Scored


def evaluate(scored: Scored, label: NDArray[np.int64] | None, *, held_out: bool) -> Evaluation:
    """Metrics of these rows.

    ROC AUC and average precision are scikit-learn's; precision@n is PyOD's `precision_n_scores`: the precision among
    the n highest scores, n being the number of anomalies. All three are None unless both classes are present.
    """
    rows = len(scored.scores)
    rate = float(scored.labels.mean())
    if label is None:
        return Evaluation(rows=rows, held_out=held_out, anomaly_rate=rate)
    anomalies = int(label.sum())
    if anomalies in (0, rows):
        return Evaluation(rows=rows, held_out=held_out, anomaly_rate=rate, anomalies=anomalies)
    return Evaluation(
        rows=rows,
        held_out=held_out,
        anomaly_rate=rate,
        anomalies=anomalies,
        roc_auc=float(roc_auc_score(label, scored.scores)),
        average_precision=float(average_precision_score(label, scored.scores)),
        precision_at_n=float(precision_n_scores(label, scored.scores)),
    )
