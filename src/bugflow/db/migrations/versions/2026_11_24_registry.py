"""The registry: retraining runs, models, their stages, what the gate said, promises."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "2026_11_24_registry"
down_revision = "2026_11_23_duplicates"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(length=20)
NAME = sa.String(length=80)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
GUARDED = ("model", "model_stage", "gate_verdict", "promise")


def upgrade() -> None:
    op.create_table(
        "retraining_run",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("trigger", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("step", NAME, nullable=False),
        sa.Column("up_to_feedback_id", WHOLE, nullable=False),
        sa.Column("plan", JSON, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_retraining_run_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_retraining_run")),
    )
    op.create_index(op.f("ix_retraining_run_state"), "retraining_run", ["state"], unique=False)
    op.create_table(
        "model",
        sa.Column("name", NAME, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("base", NAME, nullable=False),
        sa.Column("run_id", WHOLE, nullable=True),
        sa.Column("manifest_hash", sa.String(length=64), nullable=False),
        sa.Column("up_to_feedback_id", WHOLE, nullable=False),
        sa.Column("figures", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["retraining_run.id"], name=op.f("fk_model_run_id_retraining_run")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_model")),
    )
    op.create_table(
        "model_stage",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("stage", WORD, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["model.name"], name=op.f("fk_model_stage_model_model")),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_model_stage_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_stage")),
    )
    op.create_index(op.f("ix_model_stage_model"), "model_stage", ["model"], unique=False)
    op.create_index("ix_model_stage_task_stage_id", "model_stage", ["task", "stage", "id"], unique=False)
    op.create_table(
        "gate_verdict",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("run_id", WHOLE, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("candidate", NAME, nullable=False),
        sa.Column("champion", NAME, nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("rules", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["retraining_run.id"], name=op.f("fk_gate_verdict_run_id_retraining_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_verdict")),
    )
    op.create_index(op.f("ix_gate_verdict_run_id"), "gate_verdict", ["run_id"], unique=False)
    op.create_table(
        "promise",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("promise", sa.Double(), nullable=False),
        sa.Column("actor_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_promise_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise")),
    )
    op.create_index(op.f("ix_promise_task"), "promise", ["task"], unique=False)
    for table in GUARDED:
        if op.get_bind().dialect.name == "sqlite":
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
                )
        else:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
            )


def downgrade() -> None:
    for table in ("promise", "gate_verdict", "model_stage", "model", "retraining_run"):
        op.drop_table(table)
