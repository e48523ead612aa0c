"""What acting from chat needs: accounts, errands, the catalogue, commands, rooms by their id."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

DOCUMENT = sa.JSON()
INSTANT = sa.BigInteger()


def upgrade() -> None:
    """Make the tables, and write down the channel that each room has."""
    op.create_table(
        "accounts",
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("pagerduty_id", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("sealed_tokens", sa.Text),
        sa.Column("expires_at", INSTANT),
        sa.Column("connected_at", INSTANT, nullable=False),
    )
    op.create_table(
        "errands",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("note", DOCUMENT),
    )
    op.create_table(
        "catalogue",
        sa.Column("kind", sa.String(64), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("extra", DOCUMENT),
        sa.Column("seen_at", INSTANT, nullable=False),
    )
    op.create_table(
        "commands",
        sa.Column("team_id", sa.Text, primary_key=True),
        sa.Column("command_id", sa.Text, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("sealed_token", sa.Text, nullable=False),
        sa.Column("updated_at", INSTANT, nullable=False),
    )
    op.add_column("ledger", sa.Column("channel_id", sa.Text))
    op.create_index("ledger_channel", "ledger", ["channel_id"])
    slot, result = sa.column("slot", sa.Text), sa.column("result", DOCUMENT)
    op.execute(
        sa.update(sa.table("ledger", slot, sa.column("channel_id", sa.Text)))
        .where(sa.or_(slot == "channel", slot.like("retired:%:channel")))
        .values(channel_id=result["id"].as_string())
    )
