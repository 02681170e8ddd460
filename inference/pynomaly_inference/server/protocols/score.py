"""`POST /v1/score`: rows in any of five formats, one answer with everything."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.decoding.csv_rows import decode_csv
from pynomaly_inference.server.decoding.decoded import Decoded
from pynomaly_inference.server.decoding.json_rows import decode_rows
from pynomaly_inference.server.decoding.ndjson_rows import decode_ndjson
from pynomaly_inference.server.decoding.table_process import TableProcess
from pynomaly_inference.server.decoding.text_size import check_json, check_lines
from pynomaly_inference.server.http import JSON, Head, Reply
from pynomaly_inference.server.protocols.answers import ANSWERS, ARROW, CSV, NDJSON, Asked, form_of, json_answer
from pynomaly_inference.server.protocols.call import Call
from pynomaly_inference.server.protocols.options import Options, model_for, options_of
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema
from pynomaly_inference.server.table import ModelTable

PATH = "/v1/score"
PARQUET = b"application/vnd.apache.parquet"
_NDJSON = (NDJSON, b"application/ndjson", b"application/jsonl")
_DECODERS = {JSON: decode_rows, CSV: decode_csv} | dict.fromkeys(_NDJSON, decode_ndjson)
_OF_JSON, _OF_LINES = (decode_rows, decode_ndjson), (decode_ndjson, decode_csv)
_TABLES = frozenset({ARROW, PARQUET})
Decoder = Callable[[bytes, RowSchema], Decoded]
_NO_OPTIONS = Options()


@dataclass(frozen=True, slots=True)
class Tables:
    """What Arrow streams and Parquet files are decoded with. most_rows: None for no limit."""

    process: TableProcess
    most_rows: int | None

    def decode(self, body: bytes, schema: RowSchema, media: bytes) -> Decoded:
        """The rows of a body of one of the two media types; raises Rejected."""
        from pynomaly_inference.server.decoding import arrow_rows  # noqa: PLC0415 - loaded where tables are sent

        decode = arrow_rows.decode_arrow if media == ARROW else arrow_rows.decode_parquet
        return decode(body, schema, self.most_rows, self.process)


@dataclass(slots=True)
class ScoreCall(Call):
    """decoder: of the body's format. form: writes the answer."""

    decoder: Decoder = decode_rows
    form: Callable[[Asked, Scored], Reply] = json_answer
    options: Options = field(default=_NO_OPTIONS)

    def decode(self, body: bytes) -> Rows:
        """The rows of the body; raises Rejected."""
        decoded = self.decoder(body, self.served.schema)
        self.ignored = decoded.ignored
        return decoded.rows

    def check_size(self, body: bytes, most_rows: int) -> None:
        """Raises Rejected 413 for more rows; tables are bounded where they are read."""
        if self.decoder in _OF_JSON:
            check_json(body, most_rows)
        if self.decoder in _OF_LINES:
            check_lines(body, most_rows)

    def reply(self, scored: Scored) -> Reply:
        """The scores in the order of the rows."""
        return self.form(Asked(self.served, self.options), scored)


def score_call(head: Head, models: ModelTable, tables: Tables) -> ScoreCall:
    """What the head of a request asks for; raises Rejected."""
    media = _media(head.headers.get(b"content-type", JSON))
    options = options_of(head.query)
    served = model_for(options, models)
    decoder = _DECODERS.get(media) or partial(tables.decode, media=media)
    form = ANSWERS[form_of(head.headers.get(b"accept", JSON))]
    return ScoreCall(
        served, options.explain, options.unify, options.threshold, media in _TABLES,
        decoder=decoder, form=form, options=options,
    )  # fmt: skip


def _media(declared: bytes) -> bytes:
    if declared in _DECODERS:
        return declared
    media = declared.split(b";", 1)[0].strip().lower()
    if media in _DECODERS or media in _TABLES:
        return media
    raise Rejected(
        415,
        f"the body is {media.decode('latin-1')[:80]}: send {JSON.decode()}, {NDJSON.decode()}, {CSV.decode()}, "
        f"{ARROW.decode()} or {PARQUET.decode()}, and name it so",
    )
