"""Bugs that say the same: what is known of a bug's likes, and what people decide: link, dismiss, split, follow."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.engine import Database
from bugflow.db.queries import insert_new, one_at_a_time
from bugflow.db.tables import Bug, BugEvent, BugFollower, DuplicateLink, DuplicateVerdict
from bugflow.domain.accounts import Action, Actor, demand
from bugflow.domain.audit import AuditAction
from bugflow.domain.bugs import EventKind
from bugflow.domain.duplicates import DuplicateCandidate, DuplicateDecision, Reading, choose_root
from bugflow.domain.predictions import BugText
from bugflow.errors import AlreadyLinked, CircularLink, NotFound
from bugflow.ml.duplicates.search import DuplicateSearch
from bugflow.ml.text import clean
from bugflow.schemas.duplicates import DuplicatesRead, LinkedBug
from bugflow.services import audit
from bugflow.services.bugs import reading
from bugflow.services.duplicates import finding, fingerprints


def read_duplicates(
    database: Database, search: DuplicateSearch, bug_id: int, *, actor: Actor, n: int
) -> DuplicatesRead:
    """A bug's links, at most n bugs that the machine finds beyond them, and who is affected.

    Opens its own transactions; the search runs between them.

    Raises:
        NotFound: There is no such bug.
    """
    with database.read() as session:
        bug = reading.get_bug(session, bug_id)
        cleaned = clean(BugText(bug.title, bug.description, bug.project.name))
        decided = _decided(session, bug_id)
        kept = fingerprints.find_kept(session, bug_id)
    found: list[DuplicateCandidate] = []
    if n:
        fingerprint = kept if kept is not None and kept.vector else search.read(cleaned, Reading.MEANING)
        wanted = n + finding.SPARE + len(decided)
        candidates = search.find(cleaned, fingerprint, n=wanted, without=bug_id) if fingerprint else []
        found = [one for one in candidates if one.bug_id not in decided]
    with database.read() as session:
        return describe(session, bug_id, found=found, actor=actor, n=n)


def describe(
    session: Session, bug_id: int, *, found: Sequence[DuplicateCandidate], actor: Actor, n: int
) -> DuplicatesRead:
    """A bug's links, candidates and followers, as they stand in this transaction.

    Raises:
        NotFound: There is no such bug.
    """
    bug = reading.get_bug(session, bug_id)
    own = session.get(DuplicateLink, bug_id)
    root = session.get_one(Bug, own.root_id, options=[joinedload(Bug.project)]) if own else None
    children = select(Bug).join(DuplicateLink, DuplicateLink.bug_id == Bug.id).where(DuplicateLink.root_id == bug_id)
    repeated_by = session.scalars(children.options(joinedload(Bug.project)).order_by(Bug.id)).all()
    return DuplicatesRead(
        repeats=LinkedBug.model_validate(root) if root else None,
        repeated_by=[LinkedBug.model_validate(one) for one in repeated_by],
        candidates=finding.shown(session, found, n=n, without=bug_id),
        n_affected=finding.count_affected(session, [bug_id])[bug_id],
        follows=session.get(BugFollower, (bug_id, actor.id)) is not None,
        may_link=reading.may(actor, Action.LINK_DUPLICATE, bug),
    )


def link(
    session: Session, bug_id: int, other_id: int, *, actor: Actor, now: datetime, probability: float | None = None
) -> int:
    """Say that a bug repeats another one; what repeated the bug so far repeats the root from now on.

    Its reporter follows the root. The status of neither changes: that is for whoever works on it.

    Returns:
        The root.

    Raises:
        NotFound: One of the two does not exist.
        Forbidden: The bug is not the actor's own.
        CircularLink: They are one bug, or the other one repeats this one.
        AlreadyLinked: The bug repeats another one already.
    """
    one_at_a_time(session, DuplicateLink)
    bug = _own(session, bug_id, actor)
    reading.demand_bug(session, other_id)
    query = select(DuplicateLink.bug_id, DuplicateLink.root_id).where(DuplicateLink.bug_id.in_([bug_id, other_id]))
    roots = dict(session.execute(query).all())
    root_id = choose_root(bug_id, other_id, roots=roots)
    before = roots.get(bug_id)
    if before is not None and before != root_id:
        raise AlreadyLinked(bug_id=bug_id, root_id=before)
    if before == root_id:
        return root_id
    session.execute(update(DuplicateLink).where(DuplicateLink.root_id == bug_id).values(root_id=root_id))
    session.add(DuplicateLink(bug_id=bug_id, root_id=root_id, actor_id=actor.id, created_at=now))
    _decide(session, bug_id, other_id, DuplicateDecision.CONFIRMED, actor=actor, now=now, probability=probability)
    follow(session, root_id, user_id=bug.reporter_id, now=now)
    _note(session, bug, EventKind.LINKED, root_id, actor=actor, now=now)
    audit.record(session, AuditAction.BUG_LINKED, actor_id=actor.id, subject=f"bug:{bug_id}", now=now, root=root_id)
    return root_id


def dismiss(
    session: Session, bug_id: int, other_id: int, *, actor: Actor, now: datetime, probability: float | None = None
) -> None:
    """Say that two bugs are not the same: they are not suggested for one another again.

    Raises:
        NotFound: One of the two does not exist.
        Forbidden: The bug is not the actor's own.
        CircularLink: They are one bug.
        AlreadyLinked: They are linked; split them instead.
    """
    _own(session, bug_id, actor)
    reading.demand_bug(session, other_id)
    if bug_id == other_id:
        raise CircularLink(reason="a bug is always the same as itself")
    linked = session.get(DuplicateLink, bug_id)
    if linked is not None and linked.root_id == other_id:
        raise AlreadyLinked(bug_id=bug_id, root_id=other_id)
    _decide(session, bug_id, other_id, DuplicateDecision.DISMISSED, actor=actor, now=now, probability=probability)


def split(session: Session, bug_id: int, other_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a link back: the bug stands for itself again.

    Raises:
        NotFound: The bug does not exist, or does not repeat the other one.
        Forbidden: The bug is not the actor's own.
    """
    one_at_a_time(session, DuplicateLink)
    bug = _own(session, bug_id, actor)
    linked = session.get(DuplicateLink, bug_id)
    if linked is None or linked.root_id != other_id:
        raise NotFound(what=f"link from bug {bug_id} to bug", key=other_id)
    session.delete(linked)
    _decide(session, bug_id, other_id, DuplicateDecision.SPLIT, actor=actor, now=now)
    _note(session, bug, EventKind.SPLIT, other_id, actor=actor, now=now)
    audit.record(session, AuditAction.BUG_SPLIT, actor_id=actor.id, subject=f"bug:{bug_id}", now=now, root=other_id)


def follow(session: Session, bug_id: int, *, user_id: int, now: datetime) -> int:
    """Say "this is mine too" of a bug, or of the root that it repeats: who says so is told what becomes of it.

    Returns:
        The bug that is followed.

    Raises:
        NotFound: There is no such bug.
    """
    reading.demand_bug(session, bug_id)
    linked = session.get(DuplicateLink, bug_id)
    root_id = linked.root_id if linked else bug_id
    insert_new(session, BugFollower, {"bug_id": root_id, "user_id": user_id, "created_at": now})
    return root_id


def unfollow(session: Session, bug_id: int, *, user_id: int) -> None:
    """Take it back; for somebody who does not follow nothing changes.

    Raises:
        NotFound: There is no such bug.
    """
    reading.demand_bug(session, bug_id)
    row = session.get(BugFollower, (bug_id, user_id))
    if row is not None:
        session.delete(row)


def _own(session: Session, bug_id: int, actor: Actor) -> Bug:
    bug = reading.get_locked(session, bug_id)
    demand(actor, Action.LINK_DUPLICATE, own=reading.owns(actor, bug))
    return bug


def _decide(
    session: Session,
    bug_id: int,
    other_id: int,
    decision: DuplicateDecision,
    *,
    actor: Actor,
    now: datetime,
    probability: float | None = None,
) -> None:
    session.add(
        DuplicateVerdict(
            bug_id=bug_id,
            other_id=other_id,
            decision=decision,
            probability=probability,
            actor_id=actor.id,
            created_at=now,
        )
    )


def _note(session: Session, bug: Bug, kind: EventKind, root_id: int, *, actor: Actor, now: datetime) -> None:
    old, new = (None, str(root_id)) if kind is EventKind.LINKED else (str(root_id), None)
    session.add(
        BugEvent(
            bug_id=bug.id,
            kind=kind,
            actor_id=actor.id,
            field="duplicate_of",
            old_value=old,
            new_value=new,
            created_at=now,
        )
    )
    reading.touch(bug, now=now)


def _decided(session: Session, bug_id: int) -> set[int]:
    """Bugs about which a person spoke in relation to this one, unless the last word was that they are linked anew."""
    row = DuplicateVerdict
    newest = (
        select(func.max(row.id))
        .where(or_(row.bug_id == bug_id, row.other_id == bug_id))
        .group_by(row.bug_id, row.other_id)
        .scalar_subquery()
    )
    rows = session.execute(select(row.bug_id, row.other_id, row.decision).where(row.id.in_(newest)))
    said = {(other if one == bug_id else one) for one, other, decision in rows if decision in DuplicateDecision}
    links = select(DuplicateLink.bug_id, DuplicateLink.root_id)
    linked = session.execute(links.where(or_(DuplicateLink.bug_id == bug_id, DuplicateLink.root_id == bug_id)))
    return said | {n for pair in linked for n in pair if n != bug_id}
