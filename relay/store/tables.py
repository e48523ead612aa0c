"""The tables, as the code of today wants them. A change here needs a migration and a new HEAD.

Times are whole microseconds since 1970 in UTC: one type that both databases compare exactly.
A purged incident keeps its row, its channel's ledger row and the names of its events (without
their payload): that is the whole tombstone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

HEAD = "0001"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[datetime]):
    """An aware datetime, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else EPOCH + timedelta(microseconds=value)


ROW_ID = BigInteger().with_variant(Integer(), "sqlite")
DOCUMENT = JSON(none_as_null=True)

metadata = MetaData()

# Alembic's own table, which it leaves out of its comparisons: so it is none of ours.
version = Table("relay_version", MetaData(), Column("version_num", String(32), primary_key=True))

relay = Table(
    "relay",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("instance", String(32), nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("headers", DOCUMENT, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("delivery_id", Text),
    Column("dead_letter", Text),
    UniqueConstraint("source", "body_hash", name="deliveries_once"),
)

nonces = Table(
    "nonces",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("nonce_hash", String(64), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("received_at", Instant, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("incident_id", Text, nullable=False),
    Column("born", Boolean),
    Column("resolved_at", Instant),
    Column("last_seq", BigInteger, nullable=False),
    Column("wakes", BigInteger, nullable=False),
    Column("touched_at", Instant, nullable=False),
    Column("due_at", Instant),
    Column("owner", Text),
    Column("fence", BigInteger, nullable=False),
    Column("lease_until", Instant),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text),
    Column("status", String(32)),
    Column("snapshot", DOCUMENT),
    Column("purged_at", Instant),
    UniqueConstraint("key", name="incidents_once"),
    Index("incidents_due", "due_at", "id"),
    Index("incidents_owner", "owner"),
)

events = Table(
    "events",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("delivery", ROW_ID, ForeignKey("deliveries.id")),
    Column("incident", ROW_ID, ForeignKey("incidents.id")),
    Column("payload", Text),
    UniqueConstraint("name", name="events_once"),
    Index("events_incident", "incident", "id"),
    Index("events_delivery", "delivery"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("incident", ROW_ID, ForeignKey("incidents.id"), primary_key=True),
    Column("slot", Text, primary_key=True),
    Column("state", String(16), nullable=False),
    Column("operation_id", Text, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("wanted", DOCUMENT),
    Column("delivered", DOCUMENT),
    Column("result", DOCUMENT),
    Column("intent_at", Instant, nullable=False),
    Column("server_at", Instant),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False),
    Index("ledger_state", "state"),
)

people = Table(
    "people",
    metadata,
    Column("key", Text, primary_key=True),
    Column("username", Text),
    Column("user_id", Text),
    Column("reason", Text),
    Column("checked_at", Instant, nullable=False),
)

secrets = Table(
    "verified_secrets",
    metadata,
    Column("fingerprint", String(128), primary_key=True),
    Column("verified_at", Instant, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("seen_at", Instant, nullable=False),
)
