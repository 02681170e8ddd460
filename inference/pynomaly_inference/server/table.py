"""The models that a server has loaded, by name."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from pynomaly_inference.errors import ModelLoadFailed
from pynomaly_inference.scoring.model import Model
from pynomaly_inference.scoring.rows import Rows
from pynomaly_inference.server.rejected import Rejected
from pynomaly_inference.server.schema import RowSchema

INLINE_SECONDS = 0.0005
"""Longer runs would hold up the other connections of the event loop: they go to a thread."""
_MEASURED_RUNS = 10
_LEAST_SECONDS = 1e-8
"""No row costs less; keeps a clock's noise from promising any number of rows."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One loaded model under its version.

    inline_rows and inline_rows_extra: the most rows whose scoring is predicted to stay within `INLINE_SECONDS`, without
    and with the outputs that cost extra. identity, oip_identity: the JSON members by which an answer names its model.
    """

    model: Model
    version: int
    schema: RowSchema
    inline_rows: int
    inline_rows_extra: int
    identity: bytes
    oip_identity: bytes

    @property
    def name(self) -> str:
        """The resource's name: the model's name in every protocol."""
        return self.model.metadata.name


class ModelTable:
    """The loaded models, in the order in which they came; none yet where a cluster's server still fetches its own."""

    def __init__(self, models: Iterable[ServedModel]) -> None:
        self._models: dict[str, ServedModel] = {}
        for served in models:
            if served.name in self._models:
                raise ModelLoadFailed(f"two models are called `{served.name}`: a server tells models apart by name")
            self._models[served.name] = served

    @classmethod
    def load(cls, paths: Iterable[Path]) -> "ModelTable":
        """Reads model files as a laptop does, each as version 0; raises ModelLoadFailed."""
        table = cls(served(Model.load(path)) for path in paths)
        if not table:
            raise ModelLoadFailed("no model to serve: name at least one model file")
        return table

    def put(self, served: ServedModel) -> None:
        """Serves this model in place of the one of the same name, from the next request on."""
        self._models[served.name] = served

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __contains__(self, name: object) -> bool:
        return name in self._models

    @property
    def names(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(self._models)

    def named(self, name: str | None, version: str | None = None) -> ServedModel:
        """The model of this name and version; with one model loaded the name may be left out.

        Raises Rejected: 404 with the names that are loaded, 400 when a name is needed, 503 while there is none.
        """
        if not self._models:
            raise Rejected(503, "no model is loaded yet: try again soon")
        if name is None:
            if len(self._models) > 1:
                raise Rejected(400, f"several models are loaded: add ?model=NAME, one of {self._listed()}")
            return next(iter(self._models.values()))
        found = self._models.get(name)
        if found is None:
            raise Rejected(404, f"no model `{name}` is loaded: there is {self._listed()}")
        if version is not None and version != str(found.version):
            raise Rejected(404, f"model `{name}` has no version `{version}` here: it is version {found.version}")
        return found

    def _listed(self) -> str:
        return ", ".join(f"`{name}`" for name in self._models)


def check_explains(served: ServedModel) -> None:
    """Raises Rejected 422 for a model without contributions."""
    if not served.model.metadata.explains:
        algorithm = served.model.metadata.algorithm.name
        raise Rejected(422, f"model `{served.name}` cannot explain its scores: {algorithm} has no contributions here")


def served(model: Model, version: int = 0) -> ServedModel:
    """The model with what serving it needs: how its rows look, and how many of them may be scored inline."""
    plain = _inline_rows(model, explain=False)
    name = model.metadata.name
    identity = {"model": {"name": name, "version": version, "digest": model.digest}}
    return ServedModel(
        model=model,
        version=version,
        schema=RowSchema.of(model.metadata),
        inline_rows=plain,
        inline_rows_extra=_inline_rows(model, explain=True) if model.metadata.explains else plain,
        identity=_members(identity),
        oip_identity=_members({"model_name": name, "model_version": str(version)}),
    )


def _members(document: dict[str, Any]) -> bytes:
    """The JSON object without its braces."""
    return orjson.dumps(document)[1:-1]


def _inline_rows(model: Model, *, explain: bool) -> int:
    """The rows that fit into `INLINE_SECONDS`, from what one row and what the golden rows take."""
    golden = model.golden_rows()
    one, all_of_them = (_seconds(model, part, explain=explain) for part in (golden[:1], golden))
    each = max((all_of_them - one) / max(len(golden) - 1, 1), _LEAST_SECONDS)
    return max(0, int((INLINE_SECONDS - one) / each) + 1)


def _seconds(model: Model, rows: Rows, *, explain: bool) -> float:
    """The shortest of several runs: whatever else the machine does while a server starts must not stay with it.

    Each run gets rows of its own, or a processor that has learnt the branches of the first would make trees look cheap.
    """
    random = np.random.default_rng(0)
    runs = []
    for _ in range(_MEASURED_RUNS):
        numbers = random.permuted(rows.numbers, axis=0)
        fresh = Rows(numbers, rows.categories)
        start = time.perf_counter()
        model.score(fresh, explain=explain)
        runs.append(time.perf_counter() - start)
    return min(runs)
