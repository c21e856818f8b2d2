"""News of the models: notifications that are of no bug."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_26_news"
down_revision = "2026_11_25_review"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CHANNEL = sa.table(
    "channel",
    sa.column("id", WHOLE),
    sa.column("user_id", WHOLE),
    sa.column("wanted", sa.JSON().with_variant(JSONB(), "postgresql")),
)
USER = sa.table("user", sa.column("id", WHOLE), sa.column("role", sa.String()))


def upgrade() -> None:
    op.add_column("notification", sa.Column("said", sa.Text(), nullable=True))
    op.add_column("delivery", sa.Column("said", sa.Text(), nullable=True))
    _let_notifications_be_of_no_bug(allowed=True)
    # Channels of project managers that are told what waits for them hear of the models too.
    of_pms = sa.select(CHANNEL).where(CHANNEL.c.user_id.in_(sa.select(USER.c.id).where(USER.c.role == "pm")))
    for channel in op.get_bind().execute(of_pms).all():
        if "review" in channel.wanted:
            _set_wanted(channel.id, [*channel.wanted, "model"])


def downgrade() -> None:
    op.execute("DELETE FROM delivery WHERE kind = 'model'")
    op.execute("DELETE FROM notification WHERE kind = 'model'")
    for channel in op.get_bind().execute(sa.select(CHANNEL)).all():
        _set_wanted(channel.id, [kind for kind in channel.wanted if kind != "model"])
    _let_notifications_be_of_no_bug(allowed=False)
    op.drop_column("delivery", "said")
    op.drop_column("notification", "said")


def _set_wanted(channel_id: int, wanted: list[str]) -> None:
    op.execute(sa.update(CHANNEL).where(CHANNEL.c.id == channel_id).values(wanted=wanted))


def _let_notifications_be_of_no_bug(*, allowed: bool) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("notification", "bug_id", nullable=allowed)
        return
    # SQLite makes the table anew; removing the old one would empty delivery.notification_id, which refers to it.
    op.execute("CREATE TABLE told AS SELECT id, notification_id FROM delivery WHERE notification_id IS NOT NULL")
    with op.batch_alter_table("notification") as table:
        table.alter_column("bug_id", existing_type=WHOLE, nullable=allowed)
    op.execute(
        "UPDATE delivery SET notification_id = (SELECT told.notification_id FROM told WHERE told.id = delivery.id) "
        "WHERE id IN (SELECT id FROM told)"
    )
    op.drop_table("told")
