"""Comparisons of two models on live bugs, and what the one said that was not shown."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_25_experiments"
down_revision = "2026_11_24_registry"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(length=20)
NAME = sa.String(length=80)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
RUNNING = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "experiment",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("champion", NAME, nullable=False),
        sa.Column("challenger", NAME, nullable=False),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("n_most", WHOLE, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("winner", WORD, nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_experiment_actor_id_user")),
        sa.ForeignKeyConstraint(["champion"], ["model.name"], name=op.f("fk_experiment_champion_model")),
        sa.ForeignKeyConstraint(["challenger"], ["model.name"], name=op.f("fk_experiment_challenger_model")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiment")),
    )
    op.create_index(
        "ux_experiment_task", "experiment", ["task"], unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
    )
    op.create_table(
        "silent_prediction",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("experiment_id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("label", NAME, nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("model_version", NAME, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiment.id"], name=op.f("fk_silent_prediction_experiment_id_experiment")
        ),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_silent_prediction_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silent_prediction")),
    )
    op.create_index(
        "ux_silent_prediction_experiment_id_bug_id", "silent_prediction", ["experiment_id", "bug_id"], unique=True
    )
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER silent_prediction_no_{verb.lower()} BEFORE {verb} ON silent_prediction "
                "BEGIN SELECT RAISE(ABORT, 'silent_prediction is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER silent_prediction_append_only BEFORE UPDATE OR DELETE ON silent_prediction "
            "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
        )


def downgrade() -> None:
    op.drop_table("silent_prediction")
    op.drop_table("experiment")
