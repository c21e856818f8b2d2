"""The first schema: people, teams, projects, bugs with their history, predictions, feedback, notifications, audit."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_first"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
WORD = sa.String(length=20)
WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

APPEND_ONLY = ("audit_entry", "bug_event", "prediction", "feedback")
"""Tables whose rows are only ever added: training must see what was known when, and the log must be believed."""


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=80), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_action"), "audit_entry", ["action"], unique=False)
    op.create_index(op.f("ix_audit_entry_subject"), "audit_entry", ["subject"], unique=False)

    op.create_table(
        "audit_head",
        sa.Column("id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "project",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
    )
    op.create_table(
        "team",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )
    op.create_table(
        "user",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("username", sa.String(length=150), nullable=False),
        sa.Column("display_name", sa.String(length=150), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("role", WORD, nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("team_id", WHOLE, nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("locale", sa.String(length=10), nullable=True),
        sa.Column("preferences", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("erased_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_user_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user")),
        sa.UniqueConstraint("username", name=op.f("uq_user_username")),
    )
    op.create_index(op.f("ix_user_team_id"), "user", ["team_id"], unique=False)

    op.create_table(
        "bug",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("project_id", WHOLE, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("severity", WORD, nullable=False),
        sa.Column("severity_rank", WHOLE, nullable=False),
        sa.Column("severity_set_by", WORD, nullable=False),
        sa.Column("team_id", WHOLE, nullable=False),
        sa.Column("team_set_by", WORD, nullable=False),
        sa.Column("needs_review", sa.Boolean(), nullable=False),
        sa.Column("reporter_id", WHOLE, nullable=False),
        sa.Column("assigned_to_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["assigned_to_id"], ["user.id"], name=op.f("fk_bug_assigned_to_id_user")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_bug_project_id_project")),
        sa.ForeignKeyConstraint(["reporter_id"], ["user.id"], name=op.f("fk_bug_reporter_id_user")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_bug_team_id_team")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bug")),
    )
    op.create_index("ix_bug_assigned_to_id_created_at", "bug", ["assigned_to_id", "created_at", "id"], unique=False)
    op.create_index("ix_bug_created_at_id", "bug", ["created_at", "id"], unique=False)
    op.create_index("ix_bug_needs_review_created_at", "bug", ["needs_review", "created_at", "id"], unique=False)
    op.create_index("ix_bug_project_id_created_at", "bug", ["project_id", "created_at", "id"], unique=False)
    op.create_index("ix_bug_reporter_id_created_at", "bug", ["reporter_id", "created_at", "id"], unique=False)
    op.create_index("ix_bug_severity_rank_id", "bug", ["severity_rank", "id"], unique=False)
    op.create_index(
        "ix_bug_statistics",
        "bug",
        ["status", "severity", "team_id", "needs_review", "assigned_to_id", "created_at", "resolved_at"],
        unique=False,
    )
    op.create_index("ix_bug_status_created_at", "bug", ["status", "created_at", "id"], unique=False)
    op.create_index("ix_bug_team_id_created_at", "bug", ["team_id", "created_at", "id"], unique=False)
    op.create_index("ix_bug_updated_at_id", "bug", ["updated_at", "id"], unique=False)

    op.create_table(
        "sign_in",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("refresh_hash", sa.String(length=64), nullable=False),
        sa.Column("previous_refresh_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_sign_in_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
    )
    op.create_index("ix_sign_in_expires_at", "sign_in", ["expires_at"], unique=False)
    op.create_index(op.f("ix_sign_in_previous_refresh_hash"), "sign_in", ["previous_refresh_hash"], unique=False)
    op.create_index(op.f("ix_sign_in_refresh_hash"), "sign_in", ["refresh_hash"], unique=False)
    op.create_index(op.f("ix_sign_in_user_id"), "sign_in", ["user_id"], unique=False)

    op.create_table(
        "attachment",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("uploader_id", WHOLE, nullable=False),
        sa.Column("filename", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", WHOLE, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_attachment_bug_id_bug")),
        sa.ForeignKeyConstraint(["uploader_id"], ["user.id"], name=op.f("fk_attachment_uploader_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index(op.f("ix_attachment_bug_id"), "attachment", ["bug_id"], unique=False)

    op.create_table(
        "bug_event",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("field", sa.String(length=30), nullable=True),
        sa.Column("old_value", sa.Text(), nullable=True),
        sa.Column("new_value", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_bug_event_actor_id_user")),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_bug_event_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bug_event")),
    )
    op.create_index("ix_bug_event_bug_id_id", "bug_event", ["bug_id", "id"], unique=False)
    op.create_index("ix_bug_event_kind_created_at", "bug_event", ["kind", "created_at", "bug_id"], unique=False)

    op.create_table(
        "comment",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("author_id", WHOLE, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("edited_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_comment_author_id_user")),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_comment_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
    )
    op.create_index(op.f("ix_comment_bug_id"), "comment", ["bug_id"], unique=False)

    op.create_table(
        "idempotency_key",
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("bug_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_idempotency_key_bug_id_bug")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_idempotency_key_user_id_user")),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index("ix_idempotency_key_created_at", "idempotency_key", ["created_at"], unique=False)

    op.create_table(
        "imported_bug",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("source", sa.String(length=80), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_imported_bug_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imported_bug")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_imported_bug_source_external_id")),
    )
    op.create_index(op.f("ix_imported_bug_bug_id"), "imported_bug", ["bug_id"], unique=False)

    op.create_table(
        "notification",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("user_id", WHOLE, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("actor_id", WHOLE, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("read_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_notification_actor_id_user")),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_notification_bug_id_bug")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_notification_user_id_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notification")),
    )
    op.create_index("ix_notification_user_id_read_at_id", "notification", ["user_id", "read_at", "id"], unique=False)

    op.create_table(
        "prediction",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("task", WORD, nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("probabilities", JSON, nullable=False),
        sa.Column("decision", WORD, nullable=False),
        sa.Column("source", WORD, nullable=False),
        sa.Column("model_version", sa.String(length=80), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_prediction_bug_id_bug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction")),
    )
    op.create_index("ix_prediction_bug_id_task", "prediction", ["bug_id", "task"], unique=False)
    op.create_index(
        "ix_prediction_statistics", "prediction", ["task", "model_version", "decision", "created_at"], unique=False
    )

    op.create_table(
        "feedback",
        sa.Column("id", WHOLE, nullable=False),
        sa.Column("bug_id", WHOLE, nullable=False),
        sa.Column("prediction_id", WHOLE, nullable=True),
        sa.Column("task", WORD, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("predicted", sa.String(length=80), nullable=False),
        sa.Column("old_label", sa.String(length=80), nullable=False),
        sa.Column("label", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("actor_id", WHOLE, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_feedback_actor_id_user")),
        sa.ForeignKeyConstraint(["bug_id"], ["bug.id"], name=op.f("fk_feedback_bug_id_bug")),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["prediction.id"], name=op.f("fk_feedback_prediction_id_prediction")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index("ix_feedback_bug_id_task_id", "feedback", ["bug_id", "task", "id"], unique=False)
    op.create_index("ix_feedback_created_at", "feedback", ["created_at"], unique=False)

    _seed()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_search_and_guards()
    else:
        _postgresql_search_and_guards()


def _seed() -> None:
    """The four teams of the requirements document, and the empty audit log's end."""
    now = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        now = now.replace(tzinfo=None)
    team = sa.table(
        "team", sa.column("name"), sa.column("description"), sa.column("is_active"), sa.column("created_at")
    )
    descriptions = {
        "Backend": "Servers, APIs, databases, business logic",
        "Frontend": "Web pages, layout, browser behaviour",
        "Mobile": "Android and iOS apps",
        "DevOps": "Build, deployment, infrastructure, monitoring",
    }
    op.bulk_insert(
        team,
        [{"name": n, "description": d, "is_active": True, "created_at": now} for n, d in descriptions.items()],
    )
    head = sa.table("audit_head", sa.column("id"), sa.column("number"), sa.column("hash"))
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": "0" * 64}])


def _sqlite_search_and_guards() -> None:
    op.execute(
        "CREATE VIRTUAL TABLE bug_search USING fts5("
        "title, description, content='bug', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3')"
    )
    add = "INSERT INTO bug_search(rowid, title, description) VALUES (new.id, new.title, new.description);"
    cut = (
        "INSERT INTO bug_search(bug_search, rowid, title, description) "
        "VALUES ('delete', old.id, old.title, old.description);"
    )
    op.execute(f"CREATE TRIGGER bug_search_insert AFTER INSERT ON bug BEGIN {add} END")
    op.execute(f"CREATE TRIGGER bug_search_delete AFTER DELETE ON bug BEGIN {cut} END")
    op.execute(f"CREATE TRIGGER bug_search_update AFTER UPDATE OF title, description ON bug BEGIN {cut} {add} END")
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _postgresql_search_and_guards() -> None:
    op.execute(
        "CREATE INDEX ix_bug_search ON bug USING gin (to_tsvector('simple'::regconfig, title || ' ' || description))"
    )
    op.execute(
        "CREATE FUNCTION bugflow_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION bugflow_append_only()"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE bug_search")
    op.drop_index("ix_feedback_created_at", table_name="feedback")
    op.drop_index("ix_feedback_bug_id_task_id", table_name="feedback")

    op.drop_table("feedback")
    op.drop_index("ix_prediction_statistics", table_name="prediction")
    op.drop_index("ix_prediction_bug_id_task", table_name="prediction")

    op.drop_table("prediction")
    op.drop_index("ix_notification_user_id_read_at_id", table_name="notification")

    op.drop_table("notification")
    op.drop_index(op.f("ix_imported_bug_bug_id"), table_name="imported_bug")

    op.drop_table("imported_bug")
    op.drop_index("ix_idempotency_key_created_at", table_name="idempotency_key")

    op.drop_table("idempotency_key")
    op.drop_index(op.f("ix_comment_bug_id"), table_name="comment")

    op.drop_table("comment")
    op.drop_index("ix_bug_event_kind_created_at", table_name="bug_event")
    op.drop_index("ix_bug_event_bug_id_id", table_name="bug_event")

    op.drop_table("bug_event")
    op.drop_index(op.f("ix_attachment_bug_id"), table_name="attachment")

    op.drop_table("attachment")
    op.drop_index(op.f("ix_sign_in_user_id"), table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_refresh_hash"), table_name="sign_in")
    op.drop_index(op.f("ix_sign_in_previous_refresh_hash"), table_name="sign_in")
    op.drop_index("ix_sign_in_expires_at", table_name="sign_in")

    op.drop_table("sign_in")
    op.drop_index("ix_bug_updated_at_id", table_name="bug")
    op.drop_index("ix_bug_team_id_created_at", table_name="bug")
    op.drop_index("ix_bug_status_created_at", table_name="bug")
    op.drop_index("ix_bug_statistics", table_name="bug")
    op.drop_index("ix_bug_severity_rank_id", table_name="bug")
    op.drop_index("ix_bug_reporter_id_created_at", table_name="bug")
    op.drop_index("ix_bug_project_id_created_at", table_name="bug")
    op.drop_index("ix_bug_needs_review_created_at", table_name="bug")
    op.drop_index("ix_bug_created_at_id", table_name="bug")
    op.drop_index("ix_bug_assigned_to_id_created_at", table_name="bug")

    op.drop_table("bug")
    op.drop_index(op.f("ix_user_team_id"), table_name="user")

    op.drop_table("user")
    op.drop_table("team")
    op.drop_table("project")
    op.drop_table("audit_head")
    op.drop_index(op.f("ix_audit_entry_subject"), table_name="audit_entry")
    op.drop_index(op.f("ix_audit_entry_action"), table_name="audit_entry")

    op.drop_table("audit_entry")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION bugflow_append_only")
