"""What people decided about bugs that say the same, for training and for how sure is sure enough in a project."""

import json
from collections.abc import Collection
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.db.tables import Bug, DuplicateLink, DuplicateVerdict, Project
from bugflow.domain.duplicates import DuplicateDecision
from bugflow.ml.calibration import fit_own_bar
from bugflow.ml.duplicates.search import PROMISE


def own_bars(session: Session, project_ids: Collection[int]) -> dict[int, float]:
    """From which probability on a bug of a project is likely, where people decided about enough suggestions there."""
    newest = select(func.max(DuplicateVerdict.id)).group_by(DuplicateVerdict.bug_id, DuplicateVerdict.other_id)
    query = (
        select(Bug.project_id, DuplicateVerdict.probability, DuplicateVerdict.decision)
        .join(Bug, Bug.id == DuplicateVerdict.bug_id)
        .where(Bug.project_id.in_(project_ids), DuplicateVerdict.id.in_(newest))
    )
    said: dict[int, list[tuple[float, bool]]] = {}
    for project_id, probability, decision in session.execute(query):
        if probability is not None:
            said.setdefault(project_id, []).append((probability, decision is DuplicateDecision.CONFIRMED))
    bars = {project_id: fit_own_bar(decided, promise=PROMISE) for project_id, decided in said.items()}
    return {project_id: bar for project_id, bar in bars.items() if bar is not None}


def write_reports(session: Session, path: Path) -> int:
    """All bugs with what they repeat, as a file that training reads; how many repeat one."""
    roots = dict(session.execute(select(DuplicateLink.bug_id, DuplicateLink.root_id)).all())
    query = (
        select(Bug.id, Bug.title, Bug.description, Project.name, Bug.created_at)
        .join(Project, Project.id == Bug.project_id)
        .order_by(Bug.created_at, Bug.id)
    )
    with path.open("w", encoding="utf-8") as file:
        for bug_id, title, description, project, created_at in session.execute(query):
            row = {
                "id": str(bug_id),
                "title": title,
                "description": description,
                "project": project,
                "created": created_at.isoformat(),
                "duplicate_of": str(roots.get(bug_id, "")),
                "closed_as_duplicate": bug_id in roots,
            }
            file.write(json.dumps(row) + "\n")
    return len(roots)


def list_dismissed(session: Session) -> list[tuple[str, str]]:
    """Pairs that a person called different, the newer bug first."""
    row = DuplicateVerdict
    newest = select(func.max(row.id)).group_by(row.bug_id, row.other_id)
    query = select(row.bug_id, row.other_id).where(row.id.in_(newest), row.decision != DuplicateDecision.CONFIRMED)
    return [(str(max(pair)), str(min(pair))) for pair in session.execute(query)]
