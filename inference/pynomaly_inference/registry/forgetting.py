"""Deletes what was confirmed gone: a model a transaction, so that none is long and none leaves half a model."""

import logging
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pynomaly_inference.registry.contract import DetectorKey
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.tables import artifacts, detectors, missing_detectors

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was deleted. detectors: those of which nothing is left; stored_bytes: of model files."""

    detectors: int = 0
    models: int = 0
    stored_bytes: int = 0

    def __add__(self, other: "Forgotten") -> "Forgotten":
        return Forgotten(
            self.detectors + other.detectors,
            self.models + other.models,
            self.stored_bytes + other.stored_bytes,
        )


@dataclass(frozen=True, slots=True)
class _Gone:
    id: int
    namespace: str
    uid: str

    @property
    def key(self) -> DetectorKey:
        return DetectorKey(namespace=self.namespace, uid=self.uid)


async def forget(database: Database, most: int) -> Forgotten:
    """Deletes confirmed detectors with their models and versions, until at most this many models and detectors."""
    total = Forgotten()
    for _ in range(most):
        gone = await _oldest(database)
        if gone is None:
            break
        total += await _step(database, gone)
    return total


async def _oldest(database: Database) -> _Gone | None:
    wanted = (
        select(detectors.c.id, detectors.c.namespace, detectors.c.uid)
        .join(missing_detectors, missing_detectors.c.detector_id == detectors.c.id)
        .where(missing_detectors.c.confirmed.is_not(None))
        .order_by(missing_detectors.c.confirmed, detectors.c.id)
        .limit(1)
    )
    async with database.reading() as connection:
        row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else _Gone(*row)


async def _step(database: Database, gone: _Gone) -> Forgotten:
    """Deletes one model, or the detector that has none left; nothing when it has come back meanwhile."""
    async with database.writing(gone.key.subject) as connection:
        if not await _still_gone(connection, gone):
            return Forgotten()
        wanted = select(artifacts.c.id, artifacts.c.digest, artifacts.c.size).where(artifacts.c.detector_id == gone.id)
        model = (await connection.execute(wanted.order_by(artifacts.c.id).limit(1))).one_or_none()
        if model is not None:
            # Its pieces and its versions go with it, by their foreign keys.
            await connection.execute(delete(artifacts).where(artifacts.c.id == model.id))
        else:
            await connection.execute(delete(detectors).where(detectors.c.id == gone.id))
    if model is not None:
        _log.info("deleted model %s of %s, %d bytes", model.digest, gone.key.subject, model.size)
        return Forgotten(models=1, stored_bytes=model.size)
    _log.info("forgot %s: the operator confirmed that it is gone", gone.key.subject)
    return Forgotten(detectors=1)


async def _still_gone(connection: AsyncConnection, gone: _Gone) -> bool:
    """Whether it is confirmed; the mark then stays until the transaction ends."""
    mark = select(missing_detectors.c.detector_id).where(
        missing_detectors.c.detector_id == gone.id, missing_detectors.c.confirmed.is_not(None)
    )
    return await connection.scalar(mark.with_for_update()) is not None
