"""The board: bugs by status, moved by drag, by arrow keys or by touch; a card opens its bug beside the board."""

from functools import partial
from html import escape

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity
from bugflow.errors import BugFlowError
from bugflow.schemas.accounts import Me
from bugflow.schemas.bugs import BugFilter, BugPage, BugRead, BugUpdate
from bugflow.ui import look, toasts, triage, trouble
from bugflow.ui.components.board import Answer, Move, draw_board
from bugflow.ui.format import SEVERITY_NAMES, STATUS_NAMES
from bugflow.ui.language import follow_link
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

COLUMN_SIZE = {Status.OPEN: 60, Status.IN_PROGRESS: 40, Status.RESOLVED: 20}
"""Cards a column shows: more than fit on a screen, few enough that a move is drawn within half a second."""

KEEP_SECONDS = 15.0
"""What others move is seen this much later at most; a move of one's own shows at once."""

Columns = dict[Status, BugPage]


def wanted_bugs(session: Session) -> BugFilter:
    first, second, third, fourth = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    text = first.text_input(_("Search"), key="q", bind="query-params", placeholder=_("Words"), icon=":material/search:")
    team = second.multiselect(_("Team"), session.team_names, key="team", bind="query-params", placeholder=_("All"))
    follow_link("severity", SEVERITY_NAMES, many=True)
    severity = third.multiselect(
        _("Severity"),
        [str(one) for one in reversed(Severity)],
        format_func=lambda one: SEVERITY_NAMES[Severity(one)],
        key="severity",
        bind="query-params",
        placeholder=_("All"),
    )
    mine = fourth.toggle(_("Only mine"), key="mine", bind="query-params")
    return BugFilter(
        q=text.strip()[:500] or None if text else None,
        team=team,
        severity=[Severity(one) for one in severity],
        assigned_to="me" if mine else None,
        sort="-updated_at",
    )


def read_columns(session: Session, wanted: BugFilter) -> Columns:
    def read() -> tuple[BugFilter, Columns]:
        return wanted, {
            status: session.client.list_bugs(wanted.model_copy(update={"status": [status], "limit": size}))
            for status, size in COLUMN_SIZE.items()
        }

    kept_for, columns = session.keep("board", read, seconds=KEEP_SECONDS)
    if kept_for != wanted:
        session.forget("board")
        return session.keep("board", read, seconds=KEEP_SECONDS)[1]
    return columns


def is_movable(me: Me, bug: BugRead) -> bool:
    """Whether the API would let this person move the bug, as far as a list shows."""
    people = {bug.reporter.id} | ({bug.assigned_to.id} if bug.assigned_to else set())
    return me.role is Role.PM or me.id in people or bug.team == me.team


def apply_move(session: Session, columns: Columns, move: Move) -> Answer:
    """Tell the API, and put the card where the answer says; a refusal leaves it where it was."""
    old, bug = next(
        ((status, bug) for status, page in columns.items() for bug in page.items if bug.id == move.bug_id), (None, None)
    )
    title = bug.title if bug else f"#{move.bug_id}"
    try:
        session.client.update_bug(BugUpdate(bug_id=move.bug_id, status=move.to))
    except BugFlowError as error:
        if trouble.is_ended(error):
            raise
        return Answer(move.number, move.bug_id, ok=False, message=f"{title}: {trouble.message_of(error)}")
    if bug is not None and old is not None:
        columns[old].items.remove(bug)
        columns[move.to].items.insert(0, bug.model_copy(update={"status": move.to}))
        toasts.later(
            f"{bug.title}: {STATUS_NAMES[move.to]}",
            back=partial(triage.move_back, session, bug.id, move.to, old),
            place="board",
        )
    session.forget("overview")
    return Answer(move.number, move.bug_id, ok=True, message=f"{title}: {STATUS_NAMES[move.to]}")


@trouble.guarded
def show_bug(bug_id: int) -> None:
    session = current()
    bug = session.client.get_bug(bug_id).bug
    look.show(f'<h2 class="bf-sub">{escape(bug.title)}</h2>', look.bug_line(bug))
    st.page_link(
        "screens/bug.py",
        label=_("Open the whole page"),
        icon=":material/open_in_full:",
        query_params={"id": str(bug.id)},
    )
    triage.move_buttons(session, bug, prefix="drawer_move")
    with st.container(border=True):
        look.show(look.text_block(bug.description))
    for prediction in bug.predictions:
        with st.container(border=True):
            triage.show_prediction(prediction.task, prediction)
    if bug.may_correct:
        look.section(_("Correct the triage"), level=3)
        triage.correction(session, bug, prefix="drawer_correct")


@st.fragment
@trouble.guarded
def board(wanted: BugFilter) -> None:
    session = current()
    columns = read_columns(session, wanted)
    me = session.me
    bugs = {status: page.items for status, page in columns.items()}
    toasts.offer_undo("board")
    move, opened = draw_board(
        bugs,
        movable={bug.id for items in bugs.values() for bug in items if is_movable(me, bug)},
        more={status for status, page in columns.items() if page.next_cursor},
        answer=st.session_state.pop("board_answer", None),  # said once
    )
    if move is not None:
        st.session_state["board_answer"] = apply_move(session, columns, move)
        st.rerun(scope="fragment")
    if opened is not None:
        st.dialog(_("Bug"), width="medium", position="right")(show_bug)(opened)


@trouble.guarded
def page() -> None:
    look.heading(_("Board"))
    board(wanted_bugs(current()))


page()
