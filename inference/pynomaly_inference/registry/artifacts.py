"""Model files in the database, so that one backup holds everything; written and read 1 MiB at a time."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pynomaly_inference.registry.contract import DetectorKey
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.spool import Spooled
from pynomaly_inference.registry.tables import artifacts, chunks, detectors


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored model file. digest: SHA-256 in hex; size: bytes."""

    id: int
    digest: str
    size: int


async def find(connection: AsyncConnection, key: DetectorKey, digest: str) -> Artifact | None:
    """The detector's model file with this digest; another detector's is never found."""
    wanted = (
        select(artifacts.c.id, artifacts.c.digest, artifacts.c.size)
        .join(detectors, artifacts.c.detector_id == detectors.c.id)
        .where(detectors.c.uid == key.uid, detectors.c.namespace == key.namespace, artifacts.c.digest == digest)
    )
    row = (await connection.execute(wanted)).one_or_none()
    return None if row is None else Artifact(*row)


async def store(connection: AsyncConnection, detector_id: int, upload: Spooled) -> Artifact:
    """Keeps the upload for the detector, once. Needs a writing transaction."""
    digest = upload.sha256.hex()
    same = select(artifacts.c.id).where(artifacts.c.detector_id == detector_id, artifacts.c.digest == digest)
    found = await connection.scalar(same)
    if found is not None:
        return Artifact(found, digest, upload.size)
    made = insert(artifacts).values(detector_id=detector_id, digest=digest, size=upload.size)
    artifact_id = (await connection.execute(made.returning(artifacts.c.id))).scalar_one()
    position = 0
    async for piece in upload.chunks():
        await connection.execute(insert(chunks), {"artifact_id": artifact_id, "position": position, "content": piece})
        position += 1
    return Artifact(artifact_id, digest, upload.size)


async def content(database: Database, artifact: Artifact) -> AsyncIterator[bytes]:
    """The file's bytes in pieces of 1 MiB; fewer than `size` when it is deleted meanwhile.

    Each piece is a transaction of its own: a slow client holds none open, and none of the log it would pin.
    """
    position, left = 0, artifact.size
    while left > 0:
        wanted = select(chunks.c.content).where(chunks.c.artifact_id == artifact.id, chunks.c.position == position)
        async with database.reading() as connection:
            piece = await connection.scalar(wanted)
        if piece is None:
            return
        yield piece
        position, left = position + 1, left - len(piece)
