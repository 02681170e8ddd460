"""Which detectors the operator's lists lack, and since when."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pynomaly_inference.registry.absence import Judgement, Known, judge
from pynomaly_inference.registry.contract import LivingDetectors
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.tables import detectors, living_lists, missing_detectors

_SUBJECT = "living"
_ROW = 1
_ROWS_A_STATEMENT = 500

_log = logging.getLogger(__name__)


async def record(database: Database, living: LivingDetectors, now: datetime) -> None:
    """Marks, confirms and unmarks by this list; one that was recorded already changes nothing."""
    async with database.writing(_SUBJECT) as connection:
        last = await connection.scalar(select(living_lists.c.resource_version))
        if last == living.resource_version:
            return
        if last is not None and int(living.resource_version) < int(last):
            _log.warning("the list of living detectors went back from %s to %s", last, living.resource_version)
            await connection.execute(delete(missing_detectors))
        await _remember(connection, living, now)
        await _mark(connection, judge(await _known(connection), living, now), now)


async def counted(database: Database) -> tuple[int, int]:
    """Detectors that are missing, and those of them that are confirmed."""
    both = select(func.count(), func.count(missing_detectors.c.confirmed)).select_from(missing_detectors)
    async with database.reading() as connection:
        missing, confirmed = (await connection.execute(both)).one()
    return missing, confirmed


async def _remember(connection: AsyncConnection, living: LivingDetectors, now: datetime) -> None:
    values = {"resource_version": living.resource_version, "received": now}
    if (await connection.execute(update(living_lists).values(values))).rowcount == 0:
        await connection.execute(insert(living_lists).values(id=_ROW, **values))


async def _known(connection: AsyncConnection) -> list[Known]:
    wanted = select(detectors.c.id, detectors.c.namespace, detectors.c.uid, missing_detectors.c.since).join_from(
        detectors, missing_detectors, detectors.c.id == missing_detectors.c.detector_id, isouter=True
    )
    return [Known(*row) for row in await connection.execute(wanted)]


async def _mark(connection: AsyncConnection, judgement: Judgement, now: datetime) -> None:
    marked = missing_detectors.c.detector_id
    for some in _batches(judgement.returned):
        await connection.execute(delete(missing_detectors).where(marked.in_(some)))
    for some in _batches(judgement.missed):
        rows = [{"detector_id": detector, "since": now} for detector in some]
        await connection.execute(insert(missing_detectors), rows)
    for some in _batches(judgement.confirmed):
        mine = marked.in_(some) & missing_detectors.c.confirmed.is_(None)
        await connection.execute(update(missing_detectors).where(mine).values(confirmed=now))


def _batches(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        yield rows[start : start + _ROWS_A_STATEMENT]
