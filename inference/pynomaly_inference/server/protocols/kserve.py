"""`POST /v1/models/{name}:predict`: KServe's v1 protocol.

Source: KServe, "V1 Inference Protocol".
"""

from dataclasses import dataclass

import orjson

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.json_rows import decode_instances
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable


@dataclass(slots=True)
class PredictCall(Call):
    """One `:predict`."""

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        return decode_instances(body, self.served.schema)

    def reply(self, scored: Scored) -> Reply:
        """One prediction a row."""
        columns = zip(scored.scores.tolist(), scored.labels.tolist(), scored.probabilities.tolist(), strict=True)
        predictions = [{"score": score, "label": label, "probability": odds} for score, label, odds in columns]
        return Reply(200, JSON, orjson.dumps({"predictions": predictions}))


def predict_call(head: Head, models: ModelTable, name: str) -> PredictCall:
    """What the head of a request asks for; raises Rejected."""
    served = models.named(name)
    media = head.headers.get(b"content-type", b"application/json").split(b";", 1)[0].strip().lower()
    if media != b"application/json":
        raise Rejected(415, f"the body is {media.decode('latin-1')[:80]}: send application/json")
    return PredictCall(served)
