"""What is known of detectors that are gone."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "living_lists",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("resource_version", sa.String(20), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_living_lists"),
    )
    op.create_table(
        "missing_detectors",
        sa.Column("detector_id", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("detector_id", name="pk_missing_detectors"),
        sa.ForeignKeyConstraint(
            ["detector_id"], ["detectors.id"], name="fk_missing_detectors_detector_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_missing_detectors_confirmed", "missing_detectors", ["confirmed"])
