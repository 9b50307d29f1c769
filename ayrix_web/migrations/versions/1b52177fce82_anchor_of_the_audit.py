"""The anchor of the audit: where its chain begins once old entries were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1b52177fce82"
down_revision = "1b7b5643d85f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "audit_anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchor")),
    )


def downgrade() -> None:
    """Take the tables back."""
    op.drop_table("audit_anchor")
