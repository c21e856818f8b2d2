"""Finding earlier bugs that say the same, as people see them: the root, its state, whether it may have come back."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bugflow.db.engine import Database
from bugflow.db.tables import Bug, BugFollower, DuplicateLink
from bugflow.domain.bugs import Status
from bugflow.domain.duplicates import DuplicateCandidate, Reading, is_older
from bugflow.domain.predictions import BugText
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.ml.text import MAX_DESCRIPTION_CHARACTERS, clean
from bugflow.schemas.duplicates import (
    DuplicateRead,
    DuplicateSearchRequest,
    DuplicatesFound,
    EvidenceRead,
)
from bugflow.services.duplicates import decisions

SPARE = 5  # candidates beyond those wanted: some fall together in one root, or were dismissed
LEAST_SHOWN = 0.015
"""A candidate below this probability is not shown: silence says more. Of the demo's duplicates none is below it."""


def search_duplicates(database: Database, search: DuplicateSearch, *, body: DuplicateSearchRequest) -> DuplicatesFound:
    """What a report that is being written may repeat; nothing is saved, no transaction is open while it is read."""
    text = clean(BugText(body.title or "", body.description, body.project))
    notes = [f"text truncated after {MAX_DESCRIPTION_CHARACTERS:,} characters"] if text.truncated else []
    fingerprint = search.read(text, Reading.MEANING) if text.title or text.description or text.code else None
    found = search.find(text, fingerprint, n=body.limit + SPARE) if fingerprint else []
    with database.read() as session:
        return DuplicatesFound(candidates=shown(session, found, n=body.limit), notes=notes)


def shown(
    session: Session, found: Sequence[DuplicateCandidate], *, n: int, without: int | None = None
) -> list[DuplicateRead]:
    """Candidates as people see them: each root once, at most n, none that is gone or too improbable."""
    probable = [one for one in found if one.probability >= LEAST_SHOWN]
    ids = [one.bug_id for one in probable]
    roots = dict(
        session.execute(select(DuplicateLink.bug_id, DuplicateLink.root_id).where(DuplicateLink.bug_id.in_(ids))).all()
    )
    wanted = {roots.get(n, n) for n in ids} - {without, roots.get(without or 0)}
    query = select(Bug).where(Bug.id.in_(wanted)).options(joinedload(Bug.project))
    bugs = {bug.id: bug for bug in session.scalars(query)}
    affected = count_affected(session, [*bugs])
    bars = decisions.own_bars(session, {bug.project_id for bug in bugs.values()}) if bugs else {}
    best: dict[int, DuplicateRead] = {}
    for one in probable:
        bug = bugs.get(roots.get(one.bug_id, one.bug_id))
        if bug is not None and bug.id not in best:
            best[bug.id] = DuplicateRead(
                bug_id=bug.id,
                title=bug.title,
                status=bug.status,
                project=bug.project.name,
                created_at=bug.created_at,
                probability=round(one.probability, 4),
                similarity=round(one.similarity, 4),
                evidence=[EvidenceRead.model_validate(evidence) for evidence in one.evidence],
                likely=one.probability >= bars[bug.project_id] if bug.project_id in bars else one.likely,
                possible_regression=bug.status is Status.RESOLVED and not is_older(one.versions, _versions(bug)),
                n_affected=affected[bug.id],
            )
    return [*best.values()][:n]


def _versions(bug: Bug) -> Sequence[str]:
    return clean(BugText(bug.title, bug.description, None)).versions


def count_affected(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """For each bug how many people it affects: reporters of it and of what repeats it, and followers, each once."""
    people: dict[int, set[int]] = {n: set() for n in ids}
    own = select(Bug.id, Bug.reporter_id).where(Bug.id.in_(ids))
    repeats = select(DuplicateLink.root_id, Bug.reporter_id).join(Bug, Bug.id == DuplicateLink.bug_id)
    followers = select(BugFollower.bug_id, BugFollower.user_id).where(BugFollower.bug_id.in_(ids))
    for query in (own, repeats.where(DuplicateLink.root_id.in_(ids)), followers):
        for bug_id, user_id in session.execute(query):
            people[bug_id].add(user_id)
    return {n: len(found) for n, found in people.items()}


def followers_of(session: Session, bug_id: int) -> list[int]:
    """Who is told what becomes of a bug because it affects them too."""
    return list(session.scalars(select(BugFollower.user_id).where(BugFollower.bug_id == bug_id)))
