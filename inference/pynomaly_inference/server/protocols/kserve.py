"""`POST /v1/models/{name}:predict` and `:explain`: KServe's v1 protocol.

Source: KServe, "V1 Inference Protocol".
"""

from dataclasses import dataclass

import orjson

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.json_rows import decode_instances
from pynomaly_inference.server.decoding.text_size import check_json
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable, ServedModel, check_explains


@dataclass(slots=True)
class PredictCall(Call):
    """One `:predict`."""

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        decoded = decode_instances(body, self.served.schema)
        self.ignored = decoded.ignored
        return decoded.rows

    def check_size(self, body: bytes, most_rows: int) -> None:
        """Raises Rejected 413 for more rows."""
        check_json(body, most_rows)

    def reply(self, scored: Scored) -> Reply:
        """One prediction a row."""
        return Reply(200, JSON, orjson.dumps({"predictions": _predictions(scored)}))


@dataclass(slots=True)
class ExplainCall(PredictCall):
    """One `:explain`."""

    def reply(self, scored: Scored) -> Reply:
        """One prediction and one explanation a row: how much each feature adds to the score, by its name."""
        if scored.contributions is None:
            raise AssertionError("contributions were asked for")
        names = tuple(self.served.schema.by_name)
        explanations = [dict(zip(names, row, strict=True)) for row in scored.contributions.tolist()]
        return Reply(200, JSON, orjson.dumps({"predictions": _predictions(scored), "explanations": explanations}))


def _predictions(scored: Scored) -> list[dict[str, float | int]]:
    columns = zip(scored.scores.tolist(), scored.labels.tolist(), scored.probabilities.tolist(), strict=True)
    return [{"score": score, "label": label, "probability": odds} for score, label, odds in columns]


def predict_call(head: Head, models: ModelTable, name: str) -> PredictCall:
    """What the head of a prediction asks for; raises Rejected."""
    return PredictCall(_served(head, models, name))


def explain_call(head: Head, models: ModelTable, name: str) -> ExplainCall:
    """What the head of an explanation asks for; raises Rejected, 422 when the model has none to give."""
    served = _served(head, models, name)
    check_explains(served)
    return ExplainCall(served, explain=True)


def _served(head: Head, models: ModelTable, name: str) -> ServedModel:
    served = models.named(name)
    media = head.headers.get(b"content-type", b"application/json").split(b";", 1)[0].strip().lower()
    if media != b"application/json":
        raise Rejected(415, f"the body is {media.decode('latin-1')[:80]}: send application/json")
    return served
