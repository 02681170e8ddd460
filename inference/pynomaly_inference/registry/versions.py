"""A detector's versions: 1, 2, 3 and so on, one for each fingerprint, never given twice."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pynomaly_inference.registry.artifacts import Artifact
from pynomaly_inference.registry.contract import DetectorKey, TrainingKey
from pynomaly_inference.registry.tables import artifacts, detectors, missing_detectors, versions

_Rows = Select[int, str, str, int, datetime, str]


@dataclass(frozen=True, slots=True)
class Version:
    """A recorded version. digest: SHA-256 of its model file, in hex; info: the JSON of a `ModelInfo`."""

    version: int
    digest: str
    fingerprint: str
    size: int
    created: datetime
    info: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version to be: a stored artifact, and what is told of it."""

    fingerprint: str
    artifact: Artifact
    info: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """What the registry holds. stored_bytes: of model files, each counted once; missing: detectors not living."""

    versions: int
    stored_bytes: int
    missing: int


async def by_fingerprint(connection: AsyncConnection, key: TrainingKey) -> Version | None:
    """The version that was trained for this fingerprint, if any."""
    return await _one(connection, _of(key).where(versions.c.fingerprint == key.fingerprint))


async def by_number(connection: AsyncConnection, key: DetectorKey, number: int) -> Version | None:
    """This version, if there is one."""
    return await _one(connection, _of(key).where(versions.c.version == number))


async def newest(connection: AsyncConnection, key: DetectorKey, limit: int, before: int | None = None) -> list[Version]:
    """At most `limit` versions, newest first; only older ones than `before` when it is given."""
    wanted = _of(key).order_by(versions.c.version.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(versions.c.version < before)
    return [Version(*row) for row in await connection.execute(wanted)]


async def ensure_detector(connection: AsyncConnection, key: DetectorKey) -> int:
    """The detector's row, made when there is none. Needs a writing transaction."""
    found: int | None = await connection.scalar(select(detectors.c.id).where(_is(key)))
    if found is not None:
        return found
    made = insert(detectors).values(namespace=key.namespace, uid=key.uid, last_version=0)
    row: int = (await connection.execute(made.returning(detectors.c.id))).scalar_one()
    return row


async def append(connection: AsyncConnection, detector_id: int, proposal: Proposal) -> Version:
    """Records the next version of a detector that has none for this fingerprint. Needs a writing transaction."""
    step = update(detectors).where(detectors.c.id == detector_id).values(last_version=detectors.c.last_version + 1)
    number = (await connection.execute(step.returning(detectors.c.last_version))).scalar_one()
    row = {
        "detector_id": detector_id,
        "version": number,
        "fingerprint": proposal.fingerprint,
        "artifact_id": proposal.artifact.id,
        "info": proposal.info,
        "created": proposal.created,
    }
    await connection.execute(insert(versions), row)
    stored = proposal.artifact
    return Version(number, stored.digest, proposal.fingerprint, stored.size, proposal.created, proposal.info)


async def totals(connection: AsyncConnection) -> Totals:
    """What all detectors hold together."""
    count = select(func.count()).select_from(versions).scalar_subquery()
    stored = select(func.coalesce(func.sum(artifacts.c.size), 0)).scalar_subquery()
    missing = select(func.count()).select_from(missing_detectors).scalar_subquery()
    return Totals(*(await connection.execute(select(count, stored, missing))).one())


def _is(key: DetectorKey) -> ColumnElement[bool]:
    return (detectors.c.uid == key.uid) & (detectors.c.namespace == key.namespace)


def _of(key: DetectorKey) -> _Rows:
    return (
        select(
            versions.c.version,
            artifacts.c.digest,
            versions.c.fingerprint,
            artifacts.c.size,
            versions.c.created,
            versions.c.info,
        )
        .join_from(versions, artifacts, versions.c.artifact_id == artifacts.c.id)
        .join(detectors, versions.c.detector_id == detectors.c.id)
        .where(_is(key))
    )


async def _one(connection: AsyncConnection, wanted: _Rows) -> Version | None:
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else Version(*row)
