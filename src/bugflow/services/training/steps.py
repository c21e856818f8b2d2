"""The steps of a retraining: each opens its own transactions, and done twice does no harm."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import func, select

from bugflow.db.engine import Database
from bugflow.db.tables import Feedback, GateVerdict, ModelRow, RetrainingRun
from bugflow.domain.gate import judge, read_evidence
from bugflow.domain.predictions import Task
from bugflow.domain.registry import RunState
from bugflow.ml.artifact import load_artifact
from bugflow.ml.calibration import DEFAULT_PROMISE
from bugflow.ml.encoder import load_encoder
from bugflow.ml.features import extract
from bugflow.ml.shelf import Shelf, next_name
from bugflow.ml.text import clean
from bugflow.services import feedback, registry
from bugflow.services.duplicates.fingerprints import find_read
from bugflow.services.promises import find_promises
from bugflow.services.retraining import end, get_locked
from bugflow.services.training.comparison import compare
from bugflow.services.training.lessons import find_lessons

FEWEST = 20  # words of people on a task; with fewer nothing is learned that is not luck


def plan(database: Database, shelf: Shelf, run_id: int) -> list[str]:
    """Decide what is learned from: the words of people up to now. The tasks for which they are enough."""
    lying = shelf.names()
    with database.write() as session:
        run = get_locked(session, run_id)
        if run.state.ended:
            return []
        up_to = session.scalar(select(func.max(Feedback.id))) or 0
        taken = {*lying, *session.scalars(select(ModelRow.name))}
        plans, refused = {}, []
        for task in Task:
            rows = feedback.find_training_rows(session, task, up_to=up_to)
            reason = _too_few(task, len(rows))
            if reason is None:  # texts of a thousand bugs are read only where they may be learned
                lessons = find_lessons(session, task, up_to=up_to, since=0)
                reason = _too_alike(task, [lesson.label for lesson in lessons])
            if reason is not None:
                refused.append(reason)
                continue
            said = "\n".join(f"{row.bug_id} {row.label}" for row in rows)
            plans[task.value] = {
                "model": next_name(task, taken),
                "n": len(rows),
                "by_label": dict(Counter(row.label for row in rows)),
                "hash": hashlib.sha256(said.encode()).hexdigest(),
            }
        run.up_to_feedback_id, run.plan, run.outcome = up_to, plans, " ".join(refused)
        run.state, run.step = RunState.RUNNING, "planned"
    return list(plans)


def fit(database: Database, shelf: Shelf, run_id: int, task: Task, *, now: datetime) -> dict[str, Any] | None:
    """Adapt the task's model, keep it on the shelf, and ask it and the champion about the same reports.

    None where the run was cancelled meanwhile. A model that cannot be made ends the run.
    """
    from bugflow.ml.train.adapt import adapt  # noqa: PLC0415 - scikit-learn takes seconds, and only training needs it
    from bugflow.ml.train.corrections import Corrections  # noqa: PLC0415

    with database.write() as session:
        run = get_locked(session, run_id)
        if run.state.ended:
            return None
        run.step = f"learning {task.value}"
        champion = registry.adopt_first(session, shelf, task, now=now)
        base, name = champion.base or champion.name, str(run.plan[task.value]["model"])
        lessons = find_lessons(session, task, up_to=run.up_to_feedback_id, since=champion.up_to_feedback_id)
    encoder = load_encoder()
    with database.read() as session:
        read = find_read(session, [lesson.bug_id for lesson in lessons], encoder=encoder.name)
    answering = load_artifact(shelf.get(champion.name, manifest_hash=champion.manifest_hash))
    features = extract([clean(lesson.text) for lesson in lessons])
    encoder.remember(  # what was read when it was reported is not read again: that took a third of a retraining
        {
            text: read[lesson.bug_id]
            for lesson, text in zip(lessons, features.texts, strict=True)
            if lesson.bug_id in read
        }
    )
    known = Corrections(
        features, [lesson.label for lesson in lessons], np.asarray([lesson.weight for lesson in lessons], np.float64)
    )
    adapted = adapt(load_artifact(shelf.get(base)), known, name=name, encoder=encoder)
    shelf.keep(adapted.artifact)
    with database.read() as session:
        promise = find_promises(session).get(task, DEFAULT_PROMISE)
    evidence = compare(lessons, features, adapted, answering, promise=promise)
    figures = adapted.artifact.report["adapted"]
    return asdict(evidence) | {"promise": promise, "champion": champion.name, "base": base, "figures": figures}


def decide(
    database: Database, shelf: Shelf, run_id: int, task: Task, found: Mapping[str, Any], *, now: datetime
) -> bool:
    """Let the gate judge, and register the candidate with its verdict. Whether it passed."""
    facts = dict(found)
    promise, champion = float(facts.pop("promise")), str(facts.pop("champion"))
    base, figures = str(facts.pop("base")), dict(facts.pop("figures"))
    rules = judge(read_evidence(facts), promise=promise)
    passed = all(rule.passed for rule in rules)
    with database.read() as session:
        name = str(session.get_one(RetrainingRun, run_id).plan[task.value]["model"])
    with database.write() as session:
        run = get_locked(session, run_id)
        if run.state.ended:
            return False
        run.step = f"judged {task.value}"
        known = session.scalar(
            select(GateVerdict).where(GateVerdict.run_id == run_id, GateVerdict.task == task).limit(1)
        )
        if known is not None:
            return known.passed
        row = registry.register(
            session,
            name,
            task,
            base=base,
            run_id=run_id,
            shelf=shelf,
            up_to=run.up_to_feedback_id,
            figures=figures,
            now=now,
        )
        reason = "It passed the gate." if passed else next(rule.text for rule in rules if not rule.passed)
        registry.note_candidate(session, row, reason=reason, now=now)
        session.add(
            GateVerdict(
                run_id=run_id,
                task=task,
                candidate=name,
                champion=champion,
                passed=passed,
                rules=[asdict(rule) for rule in rules],
                created_at=now,
            )
        )
    return passed


def conclude(database: Database, shelf: Shelf, run_id: int, *, promote: bool, now: datetime) -> None:
    """Promote what passed, if that is the policy, and end the run with its outcome in words."""
    with database.write() as session:
        run = get_locked(session, run_id)
        if run.state.ended:
            return
        verdicts = session.scalars(
            select(GateVerdict).where(GateVerdict.run_id == run_id).order_by(GateVerdict.id)
        ).all()
        words = [run.outcome] if run.outcome else []
        state = RunState.REFUSED
        for verdict in verdicts:
            if not verdict.passed:
                failed = " ".join(str(rule["text"]) for rule in verdict.rules if not rule["passed"])
                words.append(f"{verdict.candidate} was refused. {failed}")
            elif promote:
                reason = f"It passed the gate of run {run_id}."
                registry.promote(session, shelf, verdict.candidate, actor=None, reason=reason, now=now)
                words.append(f"{verdict.candidate} answers now in place of {verdict.champion}.")
                state = RunState.PROMOTED
            else:
                words.append(f"{verdict.candidate} passed the gate and waits for a project manager.")
                state = RunState.PASSED if state is RunState.REFUSED else state
        end(session, run_id, state, " ".join(words), now=now)


def fail(database: Database, run_id: int, reason: str, *, refused: bool, now: datetime) -> None:
    """End a run that cannot go on, with the reason; refused where what it should learn from is at fault."""
    with database.write() as session:
        if not get_locked(session, run_id).state.ended:
            end(session, run_id, RunState.REFUSED if refused else RunState.FAILED, reason, now=now)


def _too_few(task: Task, n_spoken: int) -> str | None:
    """Why nothing can be learned from so many bugs on which people spoke, if so."""
    if not n_spoken:
        return f"Nobody has said anything about a {task.value} yet."
    if n_spoken < FEWEST:
        return f"For {task.value} people have spoken on {n_spoken} bugs; it takes {FEWEST}."
    return None


def _too_alike(task: Task, labels: Sequence[str]) -> str | None:
    """Why nothing can be learned from bugs of these labels, if so."""
    if len(set(labels)) > 1:
        return None
    return f"Every bug is {labels[0]}: of one {task.value} alone nothing can be learned."
