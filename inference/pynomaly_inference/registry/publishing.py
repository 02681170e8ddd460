"""From an upload to a version: all of it or nothing, and once for each fingerprint."""

from dataclasses import dataclass
from datetime import datetime

from pynomaly_inference.registry import artifacts, versions
from pynomaly_inference.registry.contract import ModelInfo, TrainingKey
from pynomaly_inference.registry.database import Database
from pynomaly_inference.registry.spool import Spooled
from pynomaly_inference.registry.versions import Proposal, Version


@dataclass(frozen=True, slots=True)
class Published:
    """The version of a fingerprint, and whether this upload made it."""

    version: Version
    new: bool


async def recorded(database: Database, key: TrainingKey) -> Version | None:
    """The version of this fingerprint, if any."""
    async with database.reading() as connection:
        return await versions.by_fingerprint(connection, key)


async def publish(database: Database, key: TrainingKey, upload: Spooled, info: ModelInfo, now: datetime) -> Published:
    """Records the upload as the detector's next version.

    When the fingerprint has a version, that one stands, whatever was uploaded: it is what others have seen.
    """
    async with database.writing(key.subject) as connection:
        found = await versions.by_fingerprint(connection, key)
        if found is not None:
            return Published(found, new=False)
        detector_id = await versions.ensure_detector(connection, key)
        artifact = await artifacts.store(connection, detector_id, upload)
        proposal = Proposal(key.fingerprint, artifact, info.model_dump_json(by_alias=True), now)
        made = await versions.append(connection, detector_id, proposal)
    return Published(made, new=True)
