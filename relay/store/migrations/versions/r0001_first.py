"""The first schema. Never edited once released: what changes later is a later revision."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON()
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "relay",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("instance", sa.String(32), nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("headers", DOCUMENT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("delivery_id", sa.Text),
        sa.Column("dead_letter", sa.Text),
        sa.UniqueConstraint("source", "body_hash", name="deliveries_once"),
    )
    op.create_table(
        "nonces",
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("nonce_hash", sa.String(64), primary_key=True),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
    )
    op.create_table(
        "incidents",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("born", sa.Boolean),
        sa.Column("resolved_at", INSTANT),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("wakes", sa.BigInteger, nullable=False),
        sa.Column("touched_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT),
        sa.Column("owner", sa.Text),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("lease_until", INSTANT),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("status", sa.String(32)),
        sa.Column("snapshot", DOCUMENT),
        sa.Column("purged_at", INSTANT),
        sa.UniqueConstraint("key", name="incidents_once"),
        sa.Index("incidents_due", "due_at", "id"),
        sa.Index("incidents_owner", "owner"),
    )
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("delivery", ROW_ID, sa.ForeignKey("deliveries.id")),
        sa.Column("incident", ROW_ID, sa.ForeignKey("incidents.id")),
        sa.Column("payload", sa.Text),
        sa.UniqueConstraint("name", name="events_once"),
        sa.Index("events_incident", "incident", "id"),
        sa.Index("events_delivery", "delivery"),
    )
    op.create_table(
        "ledger",
        sa.Column("incident", ROW_ID, sa.ForeignKey("incidents.id"), primary_key=True),
        sa.Column("slot", sa.Text, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("operation_id", sa.Text, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("wanted", DOCUMENT),
        sa.Column("delivered", DOCUMENT),
        sa.Column("result", DOCUMENT),
        sa.Column("intent_at", INSTANT, nullable=False),
        sa.Column("server_at", INSTANT),
        sa.Column("reason", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Index("ledger_state", "state"),
    )
    op.create_table(
        "people",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("username", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("checked_at", INSTANT, nullable=False),
    )
    op.create_table(
        "verified_secrets",
        sa.Column("fingerprint", sa.String(128), primary_key=True),
        sa.Column("verified_at", INSTANT, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("seen_at", INSTANT, nullable=False),
    )
