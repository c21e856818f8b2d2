"""Review: what people are asked to look at beyond what the machine was not sure of."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_25_review"
down_revision = "2026_11_25_health"
branch_labels = None
depends_on = None

WORD = sa.String(length=20)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "review_request",
        sa.Column("bug_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("cause", WORD, nullable=False),
        sa.Column("feedback_id", WHOLE, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_review_request_bug_id_bug")),
        sa.ForeignKeyConstraint(["feedback_id"], ["feedback.id"], name=op.f("fk_review_request_feedback_id_feedback")),
        sa.PrimaryKeyConstraint("bug_id", "task", "cause", name=op.f("pk_review_request")),
    )
    op.create_index("ix_review_request_cause_bug_id", "review_request", ["cause", "bug_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER review_request_no_{verb.lower()} BEFORE {verb} ON review_request "
                "BEGIN SELECT RAISE(ABORT, 'review_request is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER review_request_append_only BEFORE UPDATE OR DELETE ON review_request "
            "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
        )


def downgrade() -> None:
    op.drop_table("review_request")
