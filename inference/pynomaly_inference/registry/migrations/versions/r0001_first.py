"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "detectors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("uid", sa.String(36), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_detectors"),
        sa.UniqueConstraint("uid", "namespace", name="uq_detectors_uid_namespace"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "artifacts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("detector_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_artifacts"),
        sa.ForeignKeyConstraint(["detector_id"], ["detectors.id"], name="fk_artifacts_detector_id", ondelete="CASCADE"),
        sa.UniqueConstraint("detector_id", "digest", name="uq_artifacts_detector_id_digest"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "chunks",
        sa.Column("artifact_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("artifact_id", "position", name="pk_chunks"),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name="fk_chunks_artifact_id", ondelete="CASCADE"),
    )
    op.create_table(
        "versions",
        sa.Column("detector_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("artifact_id", sa.Integer(), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("detector_id", "version", name="pk_versions"),
        sa.ForeignKeyConstraint(["detector_id"], ["detectors.id"], name="fk_versions_detector_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name="fk_versions_artifact_id", ondelete="CASCADE"),
        sa.UniqueConstraint("detector_id", "fingerprint", name="uq_versions_detector_id_fingerprint"),
    )
    op.create_index("ix_versions_artifact_id", "versions", ["artifact_id"])
