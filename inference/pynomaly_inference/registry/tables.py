"""The tables. They come into being by the migrations alone, which a test compares with these."""

from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Utc(TypeDecorator[datetime]):
    """An aware time, kept in UTC also where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Into the database."""
        del dialect
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Out of the database."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


# A row number is never given twice (sqlite_autoincrement): who still reads a forgotten artifact must not get another's.
detectors = Table(
    "detectors",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", String(63), nullable=False),
    Column("uid", String(36), nullable=False),
    Column("last_version", Integer, nullable=False),
    UniqueConstraint("uid", "namespace"),
    sqlite_autoincrement=True,
)
"""Keyed by the UID within its namespace: any namespace can name a service account after a foreign UID, and must then
neither read that detector nor stand in its way. `last_version` only grows, so that no version is ever given twice."""

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("detector_id", ForeignKey("detectors.id", ondelete="CASCADE"), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("size", Integer, nullable=False),
    UniqueConstraint("detector_id", "digest"),
    sqlite_autoincrement=True,
)
"""A model file. The same bytes of one detector are kept once, whatever number of versions they are."""

chunks = Table(
    "chunks",
    metadata,
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
"""A model file's bytes: 1 MiB a row, the last one shorter."""

versions = Table(
    "versions",
    metadata,
    Column("detector_id", ForeignKey("detectors.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(64), nullable=False),
    Column("artifact_id", ForeignKey("artifacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("info", Text, nullable=False),
    Column("created", Utc, nullable=False),
    UniqueConstraint("detector_id", "fingerprint"),
)
"""`info` is the JSON of a `ModelInfo`, as it was published."""

living_lists = Table(
    "living_lists",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("resource_version", String(20), nullable=False),
    Column("received", Utc, nullable=False),
)
"""The last list of living detectors, in one row."""

missing_detectors = Table(
    "missing_detectors",
    metadata,
    Column("detector_id", ForeignKey("detectors.id", ondelete="CASCADE"), primary_key=True),
    Column("since", Utc, nullable=False),
    Column("confirmed", Utc, nullable=True, index=True),
)
"""Detectors that the lists lack: `since` the first that did; `confirmed` by a second one: they may be deleted."""
