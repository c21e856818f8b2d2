"""Duplicates: what bugs are compared by, links, what people decided, followers."""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_23_duplicates"
down_revision = "2026_11_22_first"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(length=20)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "bug_fingerprint",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("scheme", sa.String(length=20), nullable=False),
        sa.Column("encoder", sa.String(length=80), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_bug_fingerprint_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bug_fingerprint")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_bug_fingerprint_bug_id"), "bug_fingerprint", ["bug_id"], unique=False)
    op.create_index("ix_bug_fingerprint_encoder_id", "bug_fingerprint", ["encoder", "id"], unique=False)
    op.create_table(
        "duplicate_link",
        sa.Column("bug_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("root_id", WHOLE, nullable=False),
        sa.Column("actor_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_duplicate_link_bug_id_bug")),
        sa.ForeignKeyConstraint(["root_id"], ["bug.id"], name=op.f("fk_duplicate_link_root_id_bug")),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_duplicate_link_actor_id_user")),
        sa.PrimaryKeyConstraint("bug_id", name=op.f("pk_duplicate_link")),
    )
    op.create_index(op.f("ix_duplicate_link_root_id"), "duplicate_link", ["root_id"], unique=False)
    op.create_table(
        "duplicate_verdict",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("other_id", WHOLE, nullable=False),
        sa.Column("decision", WORD, nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("actor_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_duplicate_verdict_bug_id_bug")),
        sa.ForeignKeyConstraint(["other_id"], ["bug.id"], name=op.f("fk_duplicate_verdict_other_id_bug")),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_duplicate_verdict_actor_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_verdict")),
    )
    op.create_index(op.f("ix_duplicate_verdict_other_id"), "duplicate_verdict", ["other_id"], unique=False)
    op.create_index(
        "ix_duplicate_verdict_bug_id_other_id", "duplicate_verdict", ["bug_id", "other_id", "id"], unique=False
    )
    op.create_table(
        "bug_follower",
        sa.Column("bug_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("user_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_bug_follower_bug_id_bug")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_bug_follower_user_id_user")),
        sa.PrimaryKeyConstraint("bug_id", "user_id", name=op.f("pk_bug_follower")),
    )
    op.create_index(op.f("ix_bug_follower_user_id"), "bug_follower", ["user_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER duplicate_verdict_no_{verb.lower()} BEFORE {verb} ON duplicate_verdict "
                "BEGIN SELECT RAISE(ABORT, 'duplicate_verdict is append-only'); END"
            )
    else:
        op.execute(
            "CREATE TRIGGER duplicate_verdict_append_only BEFORE UPDATE OR DELETE ON duplicate_verdict "
            "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
        )


def downgrade() -> None:
    for table in ("bug_follower", "duplicate_verdict", "duplicate_link", "bug_fingerprint"):
        op.drop_table(table)
