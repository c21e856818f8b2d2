"""What the machine said about a bug, why, and a person's word on it."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from html import escape

import streamlit as st

from bugflow.domain.bugs import SetBy, Status, moves_between
from bugflow.domain.predictions import Decision, Severity, Task
from bugflow.errors import BugFlowError
from bugflow.schemas.bugs import BugDetail, BugPatch, BugRead, BugUpdate
from bugflow.schemas.feedback import FeedbackCreate, FeedbackGiven
from bugflow.schemas.pins import PinCreate
from bugflow.schemas.predictions import (
    ExplanationRead,
    LabelProbability,
    PredictionRead,
    StoredPrediction,
)
from bugflow.ui import look, toasts, trouble
from bugflow.ui.format import (
    DECISION_NAMES,
    MOVE_ICONS,
    MOVE_NAMES,
    SOURCE_NAMES,
    STATUS_NAMES,
    TASK_NAMES,
    label_name,
    percent,
    shares,
    sureness,
)
from bugflow.ui.language import gettext as _
from bugflow.ui.language import ngettext, said
from bugflow.ui.session import Session


def in_question(prediction: PredictionRead | StoredPrediction) -> list[LabelProbability]:
    """Three labels: the chosen one first, even where others are likelier, then the likeliest of the others."""
    ranked = sorted(prediction.probabilities.items(), key=lambda one: (one[0] != prediction.label, -one[1]))[:3]
    return [LabelProbability(label=label, probability=share) for label, share in ranked]


def verdict(prediction: PredictionRead | StoredPrediction) -> str:
    """The prediction as honest as it is: one label where the machine is sure, else the ones in question."""
    if prediction.decision is Decision.AUTO:
        sure = sureness(prediction.confidence)
        return f"{label_name(prediction.label)}: {sure}, {percent(prediction.confidence)}"
    top = [(one.label, one.probability) for one in in_question(prediction)]
    return f"{DECISION_NAMES[prediction.decision]}: {shares(top[:2])}"


def _is_outweighed(prediction: PredictionRead | StoredPrediction) -> bool:
    """Whether another label is likelier: the chosen one is the one whose mistakes cost least."""
    p = prediction.probabilities
    return max(p.values(), default=0.0) > p.get(prediction.label, 0.0)


def show_prediction(task: Task, prediction: PredictionRead | StoredPrediction) -> None:
    badge = look.severity_badge(prediction.label) if task is Task.SEVERITY else look.team_chip(prediction.label)
    source = SOURCE_NAMES.get(prediction.source, prediction.model_version)
    look.show(
        f'<div class="bf-line"><span class="bf-soft">{TASK_NAMES[task]}</span>{badge}'
        f'<span class="bf-soft">{escape(source)}</span></div>',
        f'<p class="bf-verdict">{escape(verdict(prediction))}</p>',
        look.bars(in_question(prediction)),
    )
    if _is_outweighed(prediction):
        look.note(
            _(
                "Not the likeliest label, but the one whose mistakes cost least: rare and severe ones are missed more "
                "easily."
            )
        )


def show_reason(explanation: ExplanationRead, *, n: int = 5) -> None:
    without = re.sub(r"\*(.+?)\*", r'"\1"', explanation.counterfactual or "")
    notes = [note for note in (without, *explanation.notes) if note]
    look.note(_("Because of"))
    look.show(look.reasons(explanation.contributions, n=n))
    for note in notes:
        look.note(said(note))


def show_nearest(explanation: ExplanationRead) -> None:
    """The bugs most like it that people labelled."""
    if not explanation.nearest:
        return
    look.note(_("Most alike of those that people labelled"))
    for one in explanation.nearest:
        badge = look.severity_badge(one.label) if explanation.task is Task.SEVERITY else look.team_chip(one.label)
        st.page_link("screens/bug.py", label=trouble.plain(one.title), query_params={"id": str(one.bug_id)})
        look.show(f'<div class="bf-line"><span class="bf-number">#{one.bug_id}</span>{badge}</div>')


def show_why(explanations: Sequence[ExplanationRead], bug: BugRead) -> None:
    """The description with the words marked that counted, for one predicted field at a time."""
    tasks = [one.task for one in explanations]
    chosen = st.segmented_control(
        _("Words that counted for"),
        tasks,
        default=tasks[0],
        format_func=lambda task: TASK_NAMES[task],
        required=True,
        key=f"why_{bug.id}",
    )
    explanation = next(one for one in explanations if one.task is chosen)
    title = look.highlighted(bug.title, explanation.contributions, part=look.TITLE)
    look.show(f"<b>{title}</b>", look.highlighted(bug.description, explanation.contributions))
    badge = (
        look.severity_badge(explanation.label)
        if explanation.task is Task.SEVERITY
        else look.team_chip(explanation.label)
    )
    look.show(f'<div class="bf-line"><span class="bf-soft">{_("Speaks for or against")}</span>{badge}</div>')
    show_reason(explanation, n=12)
    show_nearest(explanation)


def move_buttons(session: Session, bug: BugDetail, *, etag: str | None = None, prefix: str = "move") -> None:
    if not bug.moves:
        return
    with st.container(horizontal=True):
        for status in bug.moves:
            first = status is bug.moves[0]
            if st.button(
                MOVE_NAMES[status] if bug.status is not Status.RESOLVED else _("Reopen"),
                icon=MOVE_ICONS[status],
                type="primary" if first else "secondary",
                key=f"{prefix}_{bug.id}_{status}",
            ):
                with trouble.attempt():
                    session.client.patch_bug(bug.id, BugPatch(status=status), etag=etag)
                    moved = _("Bug #{id}: {what}", id=bug.id, what=STATUS_NAMES[status])
                    changed(session, moved, back=partial(move_back, session, bug.id, status, bug.status))


def quick_move(session: Session, bug: BugRead, status: Status) -> None:
    """A button's callback: the list below is drawn with the new status."""
    try:
        session.client.update_bug(BugUpdate(bug_id=bug.id, status=status))
    except BugFlowError as error:
        toasts.refused(error)
    else:
        session.forget("board", "overview")
        toasts.later(
            _("Bug #{id}: {what}", id=bug.id, what=STATUS_NAMES[status]),
            back=partial(move_back, session, bug.id, status, bug.status),
        )


def move_back(session: Session, bug_id: int, now: Status, former: Status) -> None:
    """Take a move back, by the moves that there are."""
    for status in moves_between(now, former):
        session.client.update_bug(BugUpdate(bug_id=bug_id, status=status))
    session.forget("board", "overview")


def changed(session: Session, message: str, *, back: Callable[[], object] | None = None) -> None:
    """After a write: what was kept is read anew, the page is drawn anew, with the way back."""

    def undo() -> None:
        back and back()
        forget(session)

    forget(session)
    toasts.later(message, back=undo if back else None)
    st.rerun()


def forget(session: Session) -> None:
    session.forget("board", "overview", "me", "queue", "contradictions", "pins")


def recorded(given: FeedbackGiven) -> str:
    """What a word did, in words: counted, and what it changed for bugs that say nearly the same."""
    told = [_("Recorded. Corrections so far: {n}.", n=given.feedback_count)]
    if given.n_new_suggestions:
        new = given.n_new_suggestions
        told.append(ngettext("{n} open bug got a new suggestion.", "{n} open bugs got a new suggestion.", new))
    if given.n_similar_waiting:
        alike = given.n_similar_waiting
        told.append(ngettext("{n} similar one waits for you.", "{n} similar ones wait for you.", alike))
    return " ".join(told)


def give_feedback(session: Session, bug: BugRead, task: Task, label: str, *, reason: str = "") -> None:
    given = session.client.give_feedback(
        FeedbackCreate(bug_id=bug.id, task=task, label=label, reason=reason.strip() or None)
    )
    changed(session, recorded(given))


def correction(session: Session, bug: BugDetail, *, prefix: str = "correct", confirmable: bool = True) -> None:
    """A PM's word on severity and team: choose, say why, done. Choosing what it is confirms it."""
    options: dict[Task, list[str]] = {Task.SEVERITY: [str(one) for one in Severity], Task.TEAM: session.team_names}
    now = {Task.SEVERITY: bug.severity.value, Task.TEAM: bug.team}
    set_by = {Task.SEVERITY: bug.severity_set_by, Task.TEAM: bug.team_set_by}
    for task, offered in options.items():
        chosen = st.pills(
            TASK_NAMES[task],
            offered if now[task] in offered else [now[task], *offered],
            default=now[task],
            format_func=label_name,
            required=True,
            wrap=True,
            key=f"{prefix}_{task}_{bug.id}_{bug.version}",
        )
        label = str(chosen)
        if label != now[task]:
            with st.form(f"{prefix}_{task}_reason_{bug.id}", border=False):
                reason = st.text_input(_("Reason (optional)"), max_chars=500, key=f"{prefix}_{task}_why_{bug.id}")
                name = trouble.plain(label_name(label))
                if st.form_submit_button(_("Correct to {label}", label=name), type="primary", icon=":material/check:"):
                    with trouble.attempt():
                        give_feedback(session, bug, task, label, reason=reason)
        elif (
            confirmable
            and set_by[task] is SetBy.MACHINE
            and st.button(
                _("Confirm: {label}", label=trouble.plain(label_name(label))),
                icon=":material/thumb_up:",
                key=f"{prefix}_{task}_confirm_{bug.id}",
            )
        ):
            with trouble.attempt():
                give_feedback(session, bug, task, label)


def pins(session: Session, bug: BugDetail) -> None:
    """Hold every later model to what people call this bug, or no longer."""
    with st.container(horizontal=True):
        for task in Task:
            if task not in bug.pinned:
                with st.popover(
                    _("Pin: {field}", field=TASK_NAMES[task]), icon=":material/keep:", key=f"ask_pin_{task}_{bug.id}"
                ):
                    pin(session, bug, task)
            elif st.button(
                _("Unpin: {field}", field=TASK_NAMES[task]), icon=":material/keep_off:", key=f"unpin_{task}_{bug.id}"
            ):
                with trouble.attempt():
                    session.client.unpin_bug(bug.id, task)
                    again = PinCreate(bug_id=bug.id, task=task)
                    changed(
                        session,
                        _("No longer pinned: {field}", field=TASK_NAMES[task]),
                        back=partial(session.client.pin_bug, again),
                    )


def pin(session: Session, bug: BugDetail, task: Task) -> None:
    now = bug.severity.value if task is Task.SEVERITY else bug.team
    with st.form(f"pin_{task}_{bug.id}", border=False):
        look.note(_("A new model that no longer says {label} here is refused.", label=label_name(now)))
        reason = st.text_input(_("Reason (optional)"), max_chars=500, key=f"pin_{task}_why_{bug.id}")
        if st.form_submit_button(_("Pin: {field}", field=TASK_NAMES[task]), type="primary"):
            with trouble.attempt():
                session.client.pin_bug(PinCreate(bug_id=bug.id, task=task, reason=reason.strip() or None))
                changed(
                    session,
                    _("Pinned: {field}", field=TASK_NAMES[task]),
                    back=partial(session.client.unpin_bug, bug.id, task),
                )
