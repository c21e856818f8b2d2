"""Alembic's entry: runs the migrations on the engine that `upgrade` or `downgrade` hands over."""

from typing import Any

from alembic import context
from sqlalchemy import Engine, text

from bugflow.db.migrations import LOCK_TIMEOUT_MS
from bugflow.db.tables import Base


def _ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Leave out the full-text tables and indexes, which SQLAlchemy cannot describe, and the tables of DBOS."""
    if kind == "table":
        return name in Base.metadata.tables
    return not (kind == "index" and name == "ix_bug_search")


def run() -> None:
    engine: Engine = context.config.attributes["engine"]
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET lock_timeout = {LOCK_TIMEOUT_MS}"))
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            include_name=_ours,
            transaction_per_migration=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


run()
