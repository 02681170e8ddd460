"""The query string of `/v1/score` and `/v1/stream`."""

import math
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from pynomaly_inference.scoring.model import UNIFY
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.table import ModelTable, ServedModel

_FLAGS = {"true": True, "1": True, "false": False, "0": False}
LINEAR, UNIFIED = "linear", "unify"
_NAMES = ("model", "explain", "normalize", "threshold", "top_contributions")
_LISTED = f"{', '.join(_NAMES[:-1])} and {_NAMES[-1]}"


@dataclass(frozen=True, slots=True)
class Options:
    """What one request asks for.

    explain: contributions to each score. unify: PyOD's `unify` probability, its `linear` one otherwise. threshold:
    the client's own, None for the model's. top: only so many contributions a row, None for all of them.
    """

    model: str | None = None
    explain: bool = False
    unify: bool = False
    threshold: float | None = None
    top: int | None = None


_NONE = Options()


def options_of(query: bytes) -> Options:
    """The options of a query string; raises Rejected 400 for one that is unknown, there twice, or malformed."""
    return _parse(query) if query else _NONE


def model_for(options: Options, models: ModelTable) -> ServedModel:
    """The model that the options name and that can do what they ask for; raises Rejected."""
    served = models.named(options.model)
    if options.explain and not served.model.metadata.explains:
        algorithm = served.model.metadata.algorithm.name
        raise Rejected(422, f"model `{served.name}` cannot explain its scores: {algorithm} has no contributions here")
    if options.unify and UNIFY not in served.model.outputs:
        raise Rejected(
            422, f"model `{served.name}` has no `unify` probability: leave out `normalize`, or train it anew"
        )
    return served


@lru_cache(maxsize=256)
def _parse(query: bytes) -> Options:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError as error:
        raise Rejected(400, f"the query string cannot be read: it takes {_LISTED}") from error
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Rejected(400, "a query parameter is there twice")
    unknown = next((name for name in values if name not in _NAMES), None)
    if unknown is not None:
        raise Rejected(400, f"there is no query parameter `{unknown[:80]}`: there are {_LISTED}")
    explain = _FLAGS.get(values.get("explain", "false").lower())
    if explain is None:
        raise Rejected(400, "`explain` takes true or false")
    normalize = values.get("normalize", LINEAR)
    if normalize not in {LINEAR, UNIFIED}:
        raise Rejected(400, f"`normalize` takes {LINEAR} or {UNIFIED}")
    top = _count(values.get("top_contributions"))
    if top is not None and "explain" in values and not explain:
        raise Rejected(400, "`top_contributions` asks for contributions and `explain` for none: leave one of them out")
    return Options(
        values.get("model"), explain or top is not None, normalize == UNIFIED, _threshold(values.get("threshold")), top
    )


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


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text)):  # noqa: PLR2004 - a million features
        raise Rejected(400, "`top_contributions` takes a whole number from 1")
    return int(text)
