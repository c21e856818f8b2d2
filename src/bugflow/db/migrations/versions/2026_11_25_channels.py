"""Channels: ways to tell people outside, and what is to be said through them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_25_channels"
down_revision = "2026_11_25_pin"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(length=20)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=True),
        sa.Column("team_id", WHOLE, nullable=True),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("shown", sa.String(length=400), nullable=False),
        sa.Column("wanted", JSON, nullable=False),
        sa.Column("rhythm", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("turn", WHOLE, nullable=False),
        sa.Column("turn_until", MOMENT, nullable=True),
        sa.Column("next_at", MOMENT, nullable=True),
        sa.Column("n_failures", WHOLE, nullable=False),
        sa.Column("failing_since", MOMENT, nullable=True),
        sa.Column("problem", sa.String(length=500), nullable=True),
        sa.Column("n_given_up", WHOLE, nullable=False),
        sa.Column("delivered_at", MOMENT, nullable=True),
        sa.CheckConstraint("(user_id IS NULL) <> (team_id IS NULL)", name=op.f("ck_channel_one_owner")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_channel_user_id_user")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_channel_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
    )
    op.create_index(op.f("ix_channel_user_id"), "channel", ["user_id"], unique=False)
    op.create_index(op.f("ix_channel_team_id"), "channel", ["team_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("channel_id", WHOLE, nullable=False),
        sa.Column("notification_id", WHOLE, nullable=True),
        sa.Column("kind", WORD, nullable=True),
        sa.Column("bug_id", WHOLE, nullable=True),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("message_key", sa.String(length=32), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("tried_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_delivery_channel_id_channel"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["notification.id"],
            name=op.f("fk_delivery_notification_id_notification"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_delivery_bug_id_bug")),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_delivery_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("channel_id", "notification_id", name=op.f("uq_delivery_channel_id_notification_id")),
    )
    op.create_index(op.f("ix_delivery_message_key"), "delivery", ["message_key"], unique=False)
    op.create_index("ix_delivery_state_channel_id_id", "delivery", ["state", "channel_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("channel")
