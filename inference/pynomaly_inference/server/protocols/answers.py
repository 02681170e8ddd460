"""The forms of an answer of `/v1/score`: JSON in one document, or a table as NDJSON, CSV or an Arrow stream."""

import csv
import io
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from pynomaly_inference.scoring.model import Scored
from pynomaly_inference.server.http import JSON, Reply
from pynomaly_inference.server.protocols.options import Options
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ServedModel

NDJSON, CSV, ARROW = b"application/x-ndjson", b"text/csv", b"application/vnd.apache.arrow.stream"
FORMS = (JSON, NDJSON, CSV, ARROW)
_LISTED = b"%b or %b" % (b", ".join(FORMS[:-1]), FORMS[-1])

_LINE = b'{"score":%b,"label":%b,"probability":%b}\n'
_LONG_LINE = b'{"score":%b,"label":%b,"probability":%b,"%b":%b}\n'


class Asked(NamedTuple):
    """The model that answers, and what was asked of it."""

    served: ServedModel
    options: Options

    @property
    def threshold(self) -> float:
        """The threshold of the labels."""
        own = self.options.threshold
        return self.served.model.metadata.threshold if own is None else own


@lru_cache(maxsize=256)
def form_of(accept: bytes) -> bytes:
    """The form that an Accept header likes best, the first of `FORMS` among equals; raises Rejected 406.

    Source: RFC 9110, section 12.5.1.
    """
    best, weight = b"", 0.0
    for form in FORMS:
        liked = _weight(accept, form)
        if liked > weight:
            best, weight = form, liked
    if not best:
        shown = accept.decode("latin-1")[:80]
        raise Rejected(406, f"there is no answer as {shown}: accept {_LISTED.decode()}")
    return best


def _weight(accept: bytes, form: bytes) -> float:
    """The quality of the most exact range that covers the form; 0 when there is none."""
    exactness, weight = -1, 0.0
    for item in accept.split(b","):
        name, *parameters = (part.strip().lower() for part in item.split(b";"))
        kind = form.split(b"/")[0] + b"/*"
        exact = {form: 2, kind: 1, b"*/*": 0}.get(name, -1)
        if exact > exactness:
            exactness, weight = exact, _quality(parameters)
    return weight


def _quality(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip() == b"q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def json_answer(asked: Asked, scored: Scored) -> Reply:
    """One document: everything as lists in the order of the rows."""
    answer: dict[str, Any] = {
        "threshold": asked.threshold,
        "scores": scored.scores,
        "labels": scored.labels,
        "probabilities": probabilities(asked, scored),
    }
    if scored.contributions is not None:
        if asked.options.top is None:
            answer["contributions"] = scored.contributions
        else:
            answer["top_contributions"] = top_of(asked, scored.contributions)
    members = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return Reply(200, JSON, b"{%b,%b" % (asked.served.identity, members[1:]))


def ndjson_answer(asked: Asked, scored: Scored) -> Reply:
    """One object a row, on a line of its own."""
    return _table(asked, NDJSON, lines(asked, scored))


def lines(asked: Asked, scored: Scored) -> bytes:
    """One object a row, on a line of its own."""
    # A column in one go, and bytes put together: a third of the cost of an object for each row.
    columns = [_texts(scored.scores), _texts(scored.labels), _texts(probabilities(asked, scored))]
    if scored.contributions is None:
        return b"".join([_LINE % row for row in zip(*columns, strict=True)])
    if asked.options.top is None:
        name, added = b"contributions", map(orjson.dumps, named(asked, scored.contributions))
    else:
        name, added = b"top_contributions", map(orjson.dumps, top_of(asked, scored.contributions))
    return b"".join([_LONG_LINE % (*row[:3], name, row[3]) for row in zip(*columns, added, strict=True)])


def _texts(column: NDArray[Any]) -> list[bytes]:
    """The numbers as JSON."""
    return orjson.dumps(np.ascontiguousarray(column), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def csv_answer(asked: Asked, scored: Scored) -> Reply:
    """One line a row below a header (RFC 4180, lines end with a line feed)."""
    table = columns_of(asked, scored)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
    return _table(asked, CSV, text.getvalue().encode())


def arrow_answer(asked: Asked, scored: Scored) -> Reply:
    """One batch."""
    from pynomaly_inference.server.protocols.arrow_answer import stream_of  # noqa: PLC0415 - loaded where it is asked for

    return _table(asked, ARROW, stream_of(columns_of(asked, scored)))


ANSWERS: Mapping[bytes, Callable[[Asked, Scored], Reply]] = {
    JSON: json_answer,
    NDJSON: ndjson_answer,
    CSV: csv_answer,
    ARROW: arrow_answer,
}


def columns_of(asked: Asked, scored: Scored) -> dict[str, NDArray[Any]]:
    """The answer as columns: float64, int64, or text as objects; a contribution is called after its feature."""
    columns: dict[str, NDArray[Any]] = {
        "score": scored.scores,
        "label": scored.labels,
        "probability": probabilities(asked, scored),
    }
    contributions, top = scored.contributions, asked.options.top
    if contributions is None:
        return columns
    names = np.array(list(asked.served.schema.by_name), object)
    if top is None:
        return columns | {f"contribution_{name}": contributions[:, index] for index, name in enumerate(names)}
    order = _order(contributions, top)
    largest = np.take_along_axis(contributions, order, axis=1)
    for place in range(order.shape[1]):
        columns[f"top_feature_{place + 1}"] = names[order[:, place]]
        columns[f"top_contribution_{place + 1}"] = largest[:, place]
    return columns


def probabilities(asked: Asked, scored: Scored) -> NDArray[np.float64]:
    """The probability of the kind that was asked for."""
    if not asked.options.unify:
        return scored.probabilities
    if scored.unified is None:
        raise AssertionError("the `unify` probability was asked for")
    return scored.unified


def named(asked: Asked, contributions: NDArray[np.float64]) -> list[dict[str, float]]:
    """Of each row every feature's contribution by its name."""
    names = tuple(asked.served.schema.by_name)
    return [dict(zip(names, row, strict=True)) for row in contributions.tolist()]


def top_of(asked: Asked, contributions: NDArray[np.float64]) -> list[list[dict[str, str | float]]]:
    """Of each row the features that add most to its score, the most first; equal ones in the model's order."""
    names = tuple(asked.served.schema.by_name)
    order = _order(contributions, asked.options.top or len(names))
    largest = np.take_along_axis(contributions, order, axis=1)
    return [
        [{"feature": names[index], "contribution": value} for index, value in zip(indices, values, strict=True)]
        for indices, values in zip(order.tolist(), largest.tolist(), strict=True)
    ]


def _order(contributions: NDArray[np.float64], top: int) -> NDArray[np.intp]:
    return np.argsort(-contributions, axis=1, kind="stable")[:, :top]


def headers_of(asked: Asked) -> tuple[tuple[bytes, bytes], ...]:
    """What a table cannot say of itself: the model that made it, and the threshold of its labels."""
    served = asked.served
    return (
        (b"pynomaly-model", served.name.encode("latin-1", "replace")),
        (b"pynomaly-model-version", b"%d" % served.version),
        (b"pynomaly-model-digest", served.model.digest.encode()),
        (b"pynomaly-threshold", repr(asked.threshold).encode()),
    )


def _table(asked: Asked, media: bytes, body: bytes) -> Reply:
    return Reply(200, media, body, headers_of(asked))
