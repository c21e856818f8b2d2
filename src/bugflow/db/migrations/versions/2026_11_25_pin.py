"""Pins: bugs that every later model must get right."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_pin"
down_revision = "2026_11_25_experiments"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pin",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("task", sa.String(length=20), nullable=False),
        sa.Column("is_pinned", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_pin_bug_id_bug")),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_pin_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pin")),
    )
    op.create_index("ix_pin_bug_id_task_id", "pin", ["bug_id", "task", "id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER pin_no_{verb.lower()} BEFORE {verb} ON pin "
                "BEGIN SELECT RAISE(ABORT, 'pin is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER pin_append_only BEFORE UPDATE OR DELETE ON pin "
            "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
        )


def downgrade() -> None:
    op.drop_table("pin")
