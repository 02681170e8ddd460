"""The identity of a training table: equal for equal values, wherever and from whatever format they were read."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pynomaly_inference.datasets.timestamp_column import Times
from pynomaly_inference.features import FeatureType
from pynomaly_inference.scoring.rows import Rows


def fingerprint(
    features: Sequence[tuple[str, FeatureType]],
    rows: Rows,
    label: NDArray[np.int64] | None,
    timestamp: Times | None,
) -> str:
    """sha256 in hex over names, types and values; any NaN is the same NaN, and numbers are hashed little-endian."""
    digest = hashlib.sha256()
    described = [[name, str(kind)] for name, kind in features]
    kinds = [None if values is None else values.dtype.kind for values in (label, timestamp)]
    digest.update(json.dumps([described, len(rows), kinds]).encode())
    digest.update(np.where(np.isnan(rows.numbers), np.nan, rows.numbers).astype("<f8", order="C").data)
    categories = rows.categories if rows.categories is not None else np.empty((len(rows), 0), object)
    for column in categories.T:
        text = pl.Series(values=column, dtype=pl.String)
        levels = text.unique().sort()
        digest.update(json.dumps(levels.to_list()).encode())
        digest.update(text.cast(pl.Enum(levels)).to_physical().cast(pl.UInt32).to_numpy().astype("<u4").data)
    if label is not None:
        digest.update(label.astype("<i8").data)
    if timestamp is not None:
        digest.update(timestamp.astype("<f8" if timestamp.dtype.kind == "f" else "<i8").data)
    return digest.hexdigest()
