"""`POST /v1/score`: rows as JSON or CSV, one answer with everything."""

import math
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

import orjson

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.csv_rows import decode_csv
from pynomaly_inference.server.decoding.json_rows import decode_rows
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable, check_explains

PATH = "/v1/score"
_JSON, _CSV = b"application/json", b"text/csv"
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Options:
    """The query of a scoring request."""

    model: str | None = None
    explain: bool = False
    threshold: float | None = None


@dataclass(slots=True)
class ScoreCall(Call):
    """csv: the body is CSV, else JSON."""

    csv: bool = False

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        return (decode_csv if self.csv else decode_rows)(body, self.served.schema)

    def reply(self, scored: Scored) -> Reply:
        """The scores in the order of the rows."""
        own = self.served.model.metadata.threshold
        answer = {
            "threshold": own if self.threshold is None else self.threshold,
            "scores": scored.scores,
            "labels": scored.labels,
            "probabilities": scored.probabilities,
        }
        if scored.contributions is not None:
            answer["contributions"] = scored.contributions
        members = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
        return Reply(200, JSON, b"{%b,%b" % (self.served.identity, members[1:]))


def score_call(head: Head, models: ModelTable) -> ScoreCall:
    """What the head of a request asks for; raises Rejected."""
    media = head.headers.get(b"content-type", _JSON)
    if media not in {_JSON, _CSV}:
        media = media.split(b";", 1)[0].strip().lower()
        if media not in {_JSON, _CSV}:
            raise Rejected(
                415, f"the body is {media.decode('latin-1')[:80]}: send application/json or text/csv, and name it so"
            )
    options = parse_options(head.query) if head.query else Options()
    served = models.named(options.model)
    if options.explain:
        check_explains(served)
    return ScoreCall(served, options.explain, threshold=options.threshold, csv=media == _CSV)


@lru_cache(maxsize=256)
def parse_options(query: bytes) -> Options:
    """The query string; raises Rejected 400 for a parameter that is unknown, there twice, or malformed."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError as error:
        raise Rejected(400, "the query string cannot be read: it takes model, explain and threshold") from error
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Rejected(400, "a query parameter is there twice")
    unknown = next((name for name in values if name not in Options.__slots__), None)
    if unknown is not None:
        raise Rejected(400, f"there is no query parameter `{unknown[:80]}`: there are model, explain and threshold")
    explain = _FLAGS.get(values.get("explain", "false").lower())
    if explain is None:
        raise Rejected(400, "`explain` takes true or false")
    return Options(values.get("model"), explain, _threshold(values.get("threshold")))


def _threshold(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise Rejected(400, "`threshold` takes a finite number")
    return threshold
