"""The seal over what decides about the license, and what was asked of the seller."""

import sqlalchemy as sa
from alembic import op

from ayrix_foundation.database import UtcDateTime

revision = "1b53c04a7f1e"
down_revision = "1b52177fce82"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the tables up."""
    op.add_column("installation", sa.Column("seal", sa.String(length=43), nullable=True))
    op.create_table(
        "seller_request",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("poll_url", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("key_hint", sa.String(length=4), nullable=True),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("next_poll_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_seller_request")),
    )


def downgrade() -> None:
    """Take the tables back."""
    op.drop_table("seller_request")
    op.drop_column("installation", "seal")
