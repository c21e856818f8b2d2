"""Review: the predictions worth a look, one at a time; a key confirms, a click corrects."""

from html import escape

import streamlit as st

from bugflow.domain.predictions import Decision, Task
from bugflow.errors import BugFlowError
from bugflow.schemas.bugs import BugRead
from bugflow.schemas.feedback import FeedbackCreate, ReviewItem
from bugflow.schemas.stats import Overview
from bugflow.ui import look, triage, trouble
from bugflow.ui.format import FEEDBACK_NAMES, TASK_NAMES, ago, label_name
from bugflow.ui.session import Session, current

KEEP_SECONDS = 20.0


def show_progress(overview: Overview) -> None:
    new, every = overview.n_new_corrections, overview.retrain_after_corrections
    text = f"New corrections: {new} of {every}. Then the next model is trained."
    st.progress(min(new / every, 1.0), text=text)


def confirm(session: Session, item: ReviewItem) -> None:
    """A person agrees with both values as they stand."""
    values = {Task.SEVERITY: item.bug.severity.value, Task.TEAM: item.bug.team}
    open_tasks = [one.task for one in item.predictions if one.decision is not Decision.AUTO] or list(values)
    try:
        for task in open_tasks:
            session.client.give_feedback(FeedbackCreate(bug_id=item.bug.id, task=task, label=values[task]))
    except BugFlowError as error:
        trouble.toast_later(trouble.plain(trouble.message_of(error)), icon=":material/error:")
    else:
        trouble.toast_later(f"Bug #{item.bug.id} confirmed", icon=":material/thumb_up:")
    forget(session)


def forget(session: Session) -> None:
    session.forget("queue", "overview", "board", "me")


def skip(bug: BugRead) -> None:
    st.session_state.setdefault("skipped", set()).add(bug.id)


def show_item(session: Session, item: ReviewItem) -> None:
    bug = item.bug
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(border=True):
        look.show(f'<h2 class="bf-sub">{escape(bug.title)}</h2>', look.bug_line(bug))
        look.show(look.text_block(bug.description))
        st.page_link(
            "screens/bug.py", label="Open the bug", icon=":material/open_in_full:", query_params={"id": str(bug.id)}
        )
    with right:
        for prediction in item.predictions:
            with st.container(border=True):
                triage.show_prediction(prediction.task, prediction)
        with st.container(horizontal=True):
            st.button(
                "Confirm as it is",
                type="primary",
                icon=":material/thumb_up:",
                shortcut="a",
                on_click=confirm,
                args=(session, item),
                key=f"confirm_{bug.id}",
            )
            st.button(
                "Skip", icon=":material/skip_next:", shortcut="s", on_click=skip, args=(bug,), key=f"skip_{bug.id}"
            )
        look.show('<h2 class="bf-sub">Correct it</h2>')
        detail = session.client.get_bug(bug.id).bug
        triage.correction(session, detail, prefix="review", confirmable=False)


def show_recent(session: Session) -> None:
    with st.expander("Lately said", icon=":material/history:", key="recent", on_change="rerun") as recent:
        if not recent.open:
            return
        rows = session.client.list_feedback(limit=25).items
        if not rows:
            look.empty("Nobody has corrected or confirmed anything yet", "It shows here, newest first.")
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
    look.heading("Review", "Bugs whose triage BugFlow was not sure of. What you say is kept.")
    overview = session.keep("overview", session.client.get_overview, seconds=KEEP_SECONDS)
    show_progress(overview)
    queue = session.keep("queue", lambda: session.client.list_review_queue(limit=50), seconds=KEEP_SECONDS).items
    skipped: set[int] = st.session_state.get("skipped", set())
    waiting = [item for item in queue if item.bug.id not in skipped]
    if waiting:
        look.show(f'<p class="bf-note" role="status">Waiting: {max(overview.n_needs_review, len(waiting))}</p>')
        show_item(session, waiting[0])
    else:
        look.empty("Nothing to review", "New reports that BugFlow is not sure of appear here.")
        if skipped and st.button("Show the skipped ones again", icon=":material/replay:"):
            st.session_state["skipped"] = set()
            forget(session)
            st.rerun()
    show_recent(session)


page()
