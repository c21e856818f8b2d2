"""What bugs are compared by: kept with them, read later where it is missing, taken up by every process."""

import ctypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, extract, or_, select
from sqlalchemy.orm import Session

from bugflow.db.engine import Database
from bugflow.db.queries import insert_many
from bugflow.db.tables import Bug, BugFingerprint, Project
from bugflow.domain.duplicates import Fingerprint
from bugflow.domain.predictions import BugText
from bugflow.ml.duplicates.index import BugIndex
from bugflow.ml.duplicates.search import LiveSearch, indexed, read_all
from bugflow.ml.duplicates.words import SCHEME, read_words, to_bytes
from bugflow.ml.text import clean

LOADED = 10_000  # rows at a time while an index is filled: 12 MB
STRAGGLERS = (
    200  # ids below the highest one seen that may still appear on PostgreSQL, where they are not in commit order
)
READ_AT_ONCE = 64  # bugs a step of the background reading: some two seconds


def keep(session: Session, fingerprints: Mapping[int, Fingerprint]) -> None:
    """Keep what some bugs are compared by, by id, in place of what was kept before."""
    session.execute(delete(BugFingerprint).where(BugFingerprint.bug_id.in_(fingerprints)))
    keep_new(session, fingerprints.items())


def keep_new(session: Session, fingerprints: Iterable[tuple[int, Fingerprint]]) -> None:
    """The same for bugs that were written just now."""
    rows = [
        {"bug_id": n, "scheme": one.scheme, "encoder": one.encoder, "words": one.words, "vector": one.vector}
        for n, one in fingerprints
    ]
    insert_many(session, BugFingerprint, rows)


def keep_words(session: Session, bug_id: int, text: BugText) -> None:
    """Keep what a bug says since it was edited; a worker reads its meaning in a moment."""
    keep(session, {bug_id: Fingerprint(SCHEME, to_bytes(read_words(clean(text))))})


def find_kept(session: Session, bug_id: int) -> Fingerprint | None:
    """What a bug is compared by."""
    row = session.scalar(select(BugFingerprint).where(BugFingerprint.bug_id == bug_id))
    return Fingerprint(row.scheme, row.words, row.encoder, row.vector) if row else None


def find_vectors(session: Session, bug_ids: Sequence[int]) -> NDArray[np.float32]:
    """The meanings of some bugs, float32 [n, d] of unit length; zeros for one that was not read (anew) yet.

    Those of one encoder: the one that read the newest bug.
    """
    kept = BugFingerprint
    newest = select(kept.encoder).where(kept.encoder.is_not(None)).order_by(kept.id.desc()).limit(1)
    found = find_read(session, bug_ids, encoder=session.scalar(newest) or "")
    vectors = np.zeros((len(bug_ids), max(map(len, found.values()), default=1)), np.float32)
    for place, n in enumerate(bug_ids):
        if n in found:
            vectors[place] = found[n]
    return vectors


def find_read(session: Session, bug_ids: Sequence[int], *, encoder: str) -> dict[int, NDArray[np.float16]]:
    """The meanings, float16 [d], of those bugs that this encoder has read as they are now."""
    kept = BugFingerprint
    found: dict[int, NDArray[np.float16]] = {}
    for start in range(0, len(bug_ids), LOADED):  # databases take some thousand values at a time
        some = bug_ids[start : start + LOADED]
        query = select(kept.bug_id, kept.vector).where(kept.bug_id.in_(some), kept.encoder == encoder)
        found |= {n: np.frombuffer(vector, np.float16) for n, vector in session.execute(query) if vector is not None}
    return found


def name_unread(session: Session, encoder: str) -> str | None:
    """Names the bugs that this encoder has not read yet, by the newest of them; None where all are read."""
    newest = session.execute(_unread(encoder).add_columns(BugFingerprint.id).limit(1)).first()
    return None if newest is None else f"{encoder}-{newest[0]}-{newest[1] or 0}"


def read_some(database: Database, search: LiveSearch) -> int:
    """Read the newest bugs that were not read for their meaning yet; how many. Opens its own transactions."""
    with database.read() as session:
        ids = session.scalars(_unread(search.encoder.name)).all()
        texts = _texts(session, ids)
    if not texts:
        return 0
    prints = read_all(search, [clean(text) for text in texts.values()])
    with database.write() as session:
        unchanged = _texts(session, ids)
        keep(session, {n: one for n, one in zip(texts, prints, strict=True) if unchanged.get(n) == texts[n]})
    return len(texts)


def _unread(encoder: str) -> Select[int]:
    kept = BugFingerprint
    query = select(Bug.id).outerjoin(kept, kept.bug_id == Bug.id)
    return query.where(or_(kept.encoder.is_(None), kept.encoder != encoder)).order_by(Bug.id.desc()).limit(READ_AT_ONCE)


def _texts(session: Session, ids: Iterable[int]) -> dict[int, BugText]:
    query = select(Bug.id, Bug.title, Bug.description, Project.name).join(Bug.project).where(Bug.id.in_(list(ids)))
    return {n: BugText(title, description, project) for n, title, description, project in session.execute(query)}


def follow(database: Database, *, encoder: str) -> Callable[[BugIndex], None]:
    """What brings an index up to date: one short query where nothing is new.

    Whoever comes while another thread is at it goes on with what the index holds.
    """
    newest = 0
    seen: set[int] = set()
    busy = Lock()

    def catch_up(index: BugIndex) -> None:
        nonlocal newest, seen
        if not busy.acquire(blocking=len(index) == 0):
            return
        n_loaded = 0
        try:
            while True:
                floor = newest if database.is_sqlite else newest - STRAGGLERS
                with database.read() as session:
                    ids = session.scalars(
                        select(BugFingerprint.id)
                        .where(BugFingerprint.id > floor)
                        .order_by(BugFingerprint.id)
                        .limit(LOADED + STRAGGLERS)
                    ).all()
                    new = [n for n in ids if n not in seen][:LOADED]
                    if not new:
                        break
                    _load(session, index, new, encoder=encoder)
                n_loaded += len(new)
                newest = max(newest, new[-1])
                seen = {n for n in seen | set(new) if n > newest - STRAGGLERS}
            if n_loaded > LOADED:
                _give_back_memory()
        finally:
            busy.release()

    return catch_up


def _give_back_memory() -> None:
    """Give back what filling an index took and freed: with 100,000 bugs 614 MB are 437 after it. glibc only."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _load(session: Session, index: BugIndex, ids: list[int], *, encoder: str) -> None:
    kept = BugFingerprint
    filed = extract("epoch", Bug.created_at)  # a hundred thousand moments take half a second in Python
    query = (
        select(kept.bug_id, kept.scheme, kept.words, kept.encoder, kept.vector, filed, Project.name)
        .join(Bug, Bug.id == kept.bug_id)
        .join(Bug.project)
        .where(kept.id.between(ids[0], ids[-1]))
        .order_by(kept.id)
    )
    wanted = set(ids)
    rows = session.execute(query.add_columns(kept.id)).all()
    d = index.n_dimensions
    index.add(
        indexed(bug_id, Fingerprint(scheme, words, by, vector), float(seconds), project.lower(), encoder=encoder, d=d)
        for bug_id, scheme, words, by, vector, seconds, project, n in rows
        if n in wanted
    )
