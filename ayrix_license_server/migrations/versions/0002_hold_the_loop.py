"""Add what a loop needs that holds: requests, left addresses, elder keys, provisional leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ayrix_foundation.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_WAITING = sa.text("state = 'waiting'")
_STATES = "state IN ('active', 'clone_suspected', 'replaced', 'retired')"
_STATES_BEFORE = "state IN ('active', 'clone_suspected', 'replaced')"


def upgrade() -> None:
    """Bring the tables up."""
    op.create_table(
        "audit_anchor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_anchor")),
    )
    with op.batch_alter_table("license", schema=None) as batch_op:
        batch_op.add_column(sa.Column("provisional_from", UtcDateTime(), nullable=True))
        batch_op.add_column(sa.Column("floor", sa.JSON(none_as_null=True), nullable=True))
    _widen_installation()
    _create_request()
    op.create_table(
        "left_address",
        sa.Column("id", _ID, nullable=False),
        sa.Column("installation_id", sa.String(length=43), nullable=False),
        sa.Column("address", sa.String(length=15), nullable=False),
        sa.Column("left_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["installation_id"],
            ["installation.id"],
            name=op.f("fk_left_address_installation_id_installation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_left_address")),
    )
    with op.batch_alter_table("left_address", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_left_address_left_at"), ["left_at"], unique=False)
        batch_op.create_index("ix_left_address_of", ["installation_id", "address"], unique=False)


def _widen_installation() -> None:
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("oldest_gen", sa.Integer(), nullable=False, server_default="1")
        )
        batch_op.add_column(sa.Column("replaced_at", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("nonce", sa.String(length=43), nullable=True))
        batch_op.add_column(sa.Column("nonce_until", sa.BigInteger(), nullable=True))
        batch_op.add_column(
            sa.Column("provisional_hardware", sa.JSON(none_as_null=True), nullable=True)
        )
        batch_op.add_column(sa.Column("provisional_until", sa.BigInteger(), nullable=True))
    # Until now every older generation was one that the customer had shut out.
    op.execute("UPDATE installation SET oldest_gen = gen")
    # Nothing refers to the table yet, so that it can be written anew with its other CHECK.
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.alter_column("oldest_gen", existing_type=sa.Integer(), server_default=None)
        batch_op.drop_constraint(op.f("ck_installation_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_installation_state"), _STATES)


def _create_request() -> None:
    op.create_table(
        "request",
        sa.Column("id", _ID, nullable=False),
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("license_id", _ID, nullable=False),
        sa.Column("installation_id", sa.String(length=43), nullable=False),
        sa.Column("public_key", sa.String(length=43), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("hardware", sa.JSON(), nullable=False),
        sa.Column("address", sa.String(length=15), nullable=False),
        sa.Column("reason", sa.String(length=2000), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("decided_by", sa.String(length=200), nullable=False),
        sa.Column("answer", sa.String(length=2000), nullable=False),
        sa.CheckConstraint(
            "kind IN ('hardware', 'address', 'clone')", name=op.f("ck_request_kind")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'declined')", name=op.f("ck_request_state")
        ),
        sa.ForeignKeyConstraint(
            ["license_id"], ["license.id"], name=op.f("fk_request_license_id_license")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        sa.UniqueConstraint("token", name=op.f("uq_request_token")),
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_request_installation_id"), ["installation_id"], unique=False
        )
        batch_op.create_index(
            "uq_request_waiting",
            ["license_id", "installation_id", "kind"],
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        )


def downgrade() -> None:
    """Take the tables back."""
    op.drop_table("left_address")
    op.drop_table("request")
    op.execute("UPDATE installation SET state = 'replaced' WHERE state = 'retired'")
    with op.batch_alter_table("installation", schema=None) as batch_op:
        batch_op.drop_constraint(op.f("ck_installation_state"), type_="check")
        batch_op.create_check_constraint(op.f("ck_installation_state"), _STATES_BEFORE)
        for column in (
            "provisional_until",
            "provisional_hardware",
            "nonce_until",
            "nonce",
            "replaced_at",
            "oldest_gen",
        ):
            batch_op.drop_column(column)
    # Other tables refer to this one: it must not be written anew.
    with op.batch_alter_table("license", schema=None, recreate="never") as batch_op:
        batch_op.drop_column("floor")
        batch_op.drop_column("provisional_from")
    op.drop_table("audit_anchor")
