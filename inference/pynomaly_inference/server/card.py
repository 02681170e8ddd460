"""What the server tells of a model to those who may score with it."""

from typing import Any

from pynomaly_inference.bundle import QUANTILE_LEVELS, Semantics
from pynomaly_inference.server.table import ServedModel

MEANINGS = {
    Semantics.EXACT: "Each score equals PyOD's own score of the same rows.",
    Semantics.ROW: "Each score equals PyOD's own score of that row alone; in PyOD the other rows of a batch change it.",
    Semantics.FROZEN: "What PyOD would take from the batch, or draw at random, is fixed as it was at training.",
}


def card(served: ServedModel) -> dict[str, Any]:
    """The model card: all metadata but the golden rows, with the model's version, digest and number of features."""
    metadata = served.model.metadata
    return {
        "version": served.version,
        "digest": served.model.digest,
        "meaning": MEANINGS[metadata.semantics],
        "quantileLevels": QUANTILE_LEVELS,
        **metadata.model_dump(mode="json", by_alias=True, exclude={"golden", "format"}),
    }
