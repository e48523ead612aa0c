"""The tables, as the code of today wants them. A change here needs a migration and a new HEAD.

Times are whole microseconds since 1970 in UTC: one type that both databases compare exactly.
A purged incident keeps its row, its channel's ledger row and the names of its events (without
their payload): that is the whole tombstone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

HEAD = "0002"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True)

metadata = sa.MetaData()

# Alembic's own table, which it leaves out of its comparisons: so it is none of ours.
version = sa.Table(
    "relay_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
)

relay = sa.Table(
    "relay",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("instance", sa.String(32), nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("headers", DOCUMENT, nullable=False),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("delivery_id", sa.Text),
    sa.Column("dead_letter", sa.Text),
    sa.UniqueConstraint("source", "body_hash", name="deliveries_once"),
)

nonces = sa.Table(
    "nonces",
    metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("nonce_hash", sa.String(64), primary_key=True),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("received_at", Instant, nullable=False),
)

incidents = sa.Table(
    "incidents",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("key", sa.String(64), nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("incident_id", sa.Text, nullable=False),
    sa.Column("born", sa.Boolean),
    sa.Column("resolved_at", Instant),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("wakes", sa.BigInteger, nullable=False),
    sa.Column("touched_at", Instant, nullable=False),
    sa.Column("due_at", Instant),
    sa.Column("owner", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("lease_until", Instant),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("problem", sa.Text),
    sa.Column("status", sa.String(32)),
    sa.Column("snapshot", DOCUMENT),
    sa.Column("purged_at", Instant),
    sa.UniqueConstraint("key", name="incidents_once"),
    sa.Index("incidents_due", "due_at", "id"),
    sa.Index("incidents_owner", "owner"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", ROW_ID, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("delivery", ROW_ID, sa.ForeignKey("deliveries.id")),
    sa.Column("incident", ROW_ID, sa.ForeignKey("incidents.id")),
    sa.Column("payload", sa.Text),
    sa.UniqueConstraint("name", name="events_once"),
    sa.Index("events_incident", "incident", "id"),
    sa.Index("events_delivery", "delivery"),
)

ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column("incident", ROW_ID, sa.ForeignKey("incidents.id"), primary_key=True),
    sa.Column("slot", sa.Text, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("operation_id", sa.Text, nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("wanted", DOCUMENT),
    sa.Column("delivered", DOCUMENT),
    sa.Column("result", DOCUMENT),
    sa.Column("intent_at", Instant, nullable=False),
    sa.Column("server_at", Instant),
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("channel_id", sa.Text),  # of a channel's row alone: what finds a room's incident
    sa.Index("ledger_state", "state"),
    sa.Index("ledger_channel", "channel_id"),
)

people = sa.Table(
    "people",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("username", sa.Text),
    sa.Column("user_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("checked_at", Instant, nullable=False),
)

secrets = sa.Table(
    "verified_secrets",
    metadata,
    sa.Column("fingerprint", sa.String(128), primary_key=True),
    sa.Column("verified_at", Instant, nullable=False),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("seen_at", Instant, nullable=False),
)

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False),
    sa.Column("pagerduty_id", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("method", sa.String(16), nullable=False),
    sa.Column("sealed_tokens", sa.Text),
    sa.Column("expires_at", Instant),
    sa.Column("connected_at", Instant, nullable=False),
)

errands = sa.Table(
    "errands",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("note", DOCUMENT),
)

catalogue = sa.Table(
    "catalogue",
    metadata,
    sa.Column("kind", sa.String(64), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("extra", DOCUMENT),
    sa.Column("seen_at", Instant, nullable=False),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("team_id", sa.Text, primary_key=True),
    sa.Column("command_id", sa.Text, nullable=False),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("sealed_token", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)
