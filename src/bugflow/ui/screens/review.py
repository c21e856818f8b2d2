"""Review: the predictions worth a look, one at a time; a key confirms, a click corrects."""

from html import escape

import streamlit as st

from bugflow.domain.predictions import Task
from bugflow.errors import BugFlowError
from bugflow.schemas.bugs import BugRead
from bugflow.schemas.feedback import FeedbackCreate
from bugflow.schemas.review import Contradiction, ReviewItem, WordRead
from bugflow.schemas.stats import Overview
from bugflow.ui import look, toasts, triage, trouble
from bugflow.ui.format import FEEDBACK_NAMES, TASK_NAMES, ago, label_name, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.language import number_text, said
from bugflow.ui.session import Session, current

KEEP_SECONDS = 20.0


def show_progress(overview: Overview) -> None:
    new, every = overview.n_new_corrections, overview.retrain_after_corrections
    text = _("New corrections: {n} of {every}. Then the next model is trained.", n=new, every=every)
    st.progress(min(new / every, 1.0), text=text)


def confirm(session: Session, item: ReviewItem) -> None:
    """A person agrees with the values that wait for a word, as they stand."""
    values = {Task.SEVERITY: item.bug.severity.value, Task.TEAM: item.bug.team}
    try:
        for task in item.tasks:
            session.client.give_feedback(FeedbackCreate(bug_id=item.bug.id, task=task, label=values[task]))
    except BugFlowError as error:
        toasts.refused(error)
    else:
        toasts.later(_("Bug #{id} confirmed", id=item.bug.id), icon=":material/thumb_up:")
    forget(session)


def say(session: Session, bug_id: int, task: Task, label: str) -> None:
    """A button's callback: a person gives one field its label."""
    try:
        given = session.client.give_feedback(FeedbackCreate(bug_id=bug_id, task=task, label=label))
    except BugFlowError as error:
        toasts.refused(error)
    else:
        toasts.later(triage.recorded(given))
    forget(session)


def forget(session: Session) -> None:
    session.forget("queue", "contradictions", "overview", "board", "me")


def skip(bug: BugRead) -> None:
    st.session_state.setdefault("skipped", set()).add(bug.id)


def show_item(session: Session, item: ReviewItem) -> None:
    bug = item.bug
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(border=True):
        look.show(f'<h2 class="bf-sub">{escape(bug.title)}</h2>', look.bug_line(bug))
        reasons = "".join(f'<span class="bf-cue">{escape(said(reason))}</span>' for reason in item.reasons)
        look.show(f'<div class="bf-line"><span class="bf-soft">{_("Asked because")}</span>{reasons}</div>')
        look.show(look.text_block(bug.description))
        st.page_link(
            "screens/bug.py", label=_("Open the bug"), icon=":material/open_in_full:", query_params={"id": str(bug.id)}
        )
    with right:
        for prediction in item.predictions:
            with st.container(border=True):
                triage.show_prediction(prediction.task, prediction)
        with st.container(horizontal=True):
            st.button(
                _("Confirm as it is"),
                type="primary",
                icon=":material/thumb_up:",
                shortcut="a",
                on_click=confirm,
                args=(session, item),
                key=f"confirm_{bug.id}",
            )
            if item.suggested_team:
                st.button(
                    _("Give to {team}", team=trouble.plain(item.suggested_team)),
                    icon=":material/group:",
                    on_click=say,
                    args=(session, bug.id, Task.TEAM, item.suggested_team),
                    key=f"twin_{bug.id}",
                )
            st.button(
                _("Skip"), icon=":material/skip_next:", shortcut="s", on_click=skip, args=(bug,), key=f"skip_{bug.id}"
            )
        look.section(_("Correct it"))
        detail = session.client.get_bug(bug.id).bug
        triage.correction(session, detail, prefix="review", confirmable=False)


def show_word(session: Session, word: WordRead, other: WordRead, task: Task) -> None:
    """One side of a contradiction, and the click that settles it for the other side."""
    st.page_link("screens/bug.py", label=trouble.plain(word.title), query_params={"id": str(word.bug_id)})
    badge = look.severity_badge(word.label) if task is Task.SEVERITY else look.team_chip(word.label)
    look.show(
        f'<div class="bf-line"><span class="bf-number">#{word.bug_id}</span>{badge}<span class="bf-soft">'
        f"{FEEDBACK_NAMES[word.kind]} \N{MIDDLE DOT} {escape(word.actor.display_name)} \N{MIDDLE DOT} "
        f"{ago(word.created_at)}</span>"
        f'<span class="bf-soft">{escape(word.reason or "")}</span></div>'
    )
    st.button(
        _("Both are {label}", label=trouble.plain(label_name(word.label))),
        icon=":material/check:",
        on_click=say,
        args=(session, other.bug_id, task, word.label),
        key=f"settle_{task}_{word.bug_id}_{other.bug_id}",
    )


def keep_apart(session: Session, one: Contradiction) -> None:
    """A button's callback: both words stand, because the two bugs are not the same."""
    newer, older = one.words
    try:
        session.client.dismiss_duplicate(newer.bug_id, older.bug_id)
    except BugFlowError as error:
        toasts.refused(error)
    else:
        toasts.later(
            _("#{id} and #{other} are not the same", id=newer.bug_id, other=older.bug_id), icon=":material/call_split:"
        )
    forget(session)


def show_contradictions(session: Session) -> None:
    found = session.keep("contradictions", session.client.list_contradictions, seconds=KEEP_SECONDS)
    if not found:
        return
    look.section(
        _("A second opinion, please: {n}", n=len(found)),
        _(
            "These say nearly the same, and people gave them different labels. While they contradict one another, "
            "nothing is remembered of them."
        ),
    )
    for one in found:
        with st.container(border=True):
            newer, older = one.words
            look.note(_("{field}, alike by {share}", field=TASK_NAMES[one.task], share=percent(one.cosine)))
            for column, word, other in zip(st.columns(2), (newer, older), (older, newer), strict=True):
                with column:
                    show_word(session, word, other, one.task)
            st.button(
                _("They are not the same"),
                icon=":material/call_split:",
                on_click=keep_apart,
                args=(session, one),
                key=f"apart_{one.task}_{newer.bug_id}_{older.bug_id}",
            )


def show_recent(session: Session) -> None:
    with st.expander(_("Lately said"), icon=":material/history:", key="recent", on_change="rerun") as recent:
        if not recent.open:
            return
        rows = session.client.list_feedback(limit=25).items
        if not rows:
            look.empty(_("Nobody has corrected or confirmed anything yet"), _("It shows here, newest first."))
        items = "".join(
            f"<li><b>{FEEDBACK_NAMES[one.kind]}</b> #{one.bug_id} {TASK_NAMES[one.task]}: "
            f"<q>{escape(label_name(one.predicted))}</q> \N{RIGHTWARDS ARROW} <q>{escape(label_name(one.label))}</q>"
            f'<span class="bf-soft">{escape(one.reason or "")}</span>'
            f'<span class="bf-soft">{escape(one.actor.display_name)} \N{MIDDLE DOT} {ago(one.created_at)}</span></li>'
            for one in rows
        )
        look.show(f'<ul class="bf-history">{items}</ul>')


@trouble.guarded
def page() -> None:
    session = current()
    look.heading(_("Review"), _("Where your word teaches most, first. What you say is kept."))
    overview = session.keep("overview", session.client.get_overview, seconds=KEEP_SECONDS)
    show_progress(overview)
    queue = session.keep("queue", lambda: session.client.list_review_queue(limit=50), seconds=KEEP_SECONDS).items
    skipped: set[int] = st.session_state.get("skipped", set())
    waiting = [item for item in queue if item.bug.id not in skipped]
    if waiting:
        n = max(overview.n_needs_review, len(waiting))
        look.show(f'<p class="bf-note" role="status">{_("Waiting: {n}", n=number_text(n))}</p>')
        show_item(session, waiting[0])
    else:
        look.empty(_("Nothing to review"), _("New reports that BugFlow is not sure of appear here."))
        if skipped and st.button(_("Show the skipped ones again"), icon=":material/replay:"):
            st.session_state["skipped"] = set()
            forget(session)
            st.rerun()
    show_contradictions(session)
    show_recent(session)


page()
