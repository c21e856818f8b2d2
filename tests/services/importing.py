"""Files of other trackers, made and imported in one line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from tests.factories import House

from bugflow.db.tables import AuditEntry, Base, Bug, BugEvent, ImportedBug, PredictionRow, Project, User
from bugflow.services.imports.importing import ImportOptions, ImportReport, import_file

WRITTEN = (Bug, BugEvent, ImportedBug, PredictionRow, AuditEntry, Project, User)


@dataclass
class Importing:
    """An installation that imports files from one folder."""

    house: House
    folder: Path

    def file(self, content: str | bytes, name: str = "bugs.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def rows(self, *rows: dict[str, Any], name: str = "bugs.jsonl") -> Path:
        return self.file("".join(f"{json.dumps(row)}\n" for row in rows), name)

    def run(self, path: Path, **given: Any) -> ImportReport:
        progress = given.pop("progress", lambda _n: None)
        options = ImportOptions(**{"source": "old", "default_project": "Old", **given})
        runtime = self.house.runtime
        return import_file(
            runtime.database,
            runtime.predictor,
            path,
            options=options,
            policy=runtime.policy,
            now=self.house.now,
            progress=progress,
        )

    def bugs(self) -> list[Bug]:
        with self.house.runtime.database.read() as session:
            return list(session.scalars(select(Bug).order_by(Bug.id)))

    def users(self) -> list[User]:
        with self.house.runtime.database.read() as session:
            return list(session.scalars(select(User).order_by(User.id)))

    def counts(self) -> dict[str, int]:
        return counts(self.house)


def counts(house: House, *tables: type[Base]) -> dict[str, int]:
    """Rows of each table."""
    with house.runtime.database.read() as session:
        return {
            table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
            for table in tables or WRITTEN
        }


def reasons(report: ImportReport) -> dict[int, str]:
    return {bad.line: bad.reason for bad in report.bad_rows}
