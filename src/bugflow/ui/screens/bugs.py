"""My bugs: what is assigned to me, what my team has, what I reported; filters live in the URL."""

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import MOVES, Status
from bugflow.domain.predictions import Severity
from bugflow.schemas.accounts import Me
from bugflow.schemas.bugs import BugFilter, BugRead
from bugflow.ui import look, triage, trouble
from bugflow.ui.format import MOVE_ICONS, MOVE_NAMES, SEVERITY_NAMES, STATUS_NAMES
from bugflow.ui.session import Session, current

VIEWS = {"assigned": "Assigned to me", "team": "My team", "reported": "Reported by me", "all": "All"}
SORTS = {
    "-updated_at": "Last changed",
    "-created_at": "Newest",
    "created_at": "Oldest",
    "-severity": "Most severe",
}
PAGE_SIZE = 25


def wanted_bugs(me: Me, session: Session) -> BugFilter:
    """The filter widgets, each bound to a part of the URL, as the API's filter."""
    views = {key: name for key, name in VIEWS.items() if key != "team" or me.team}
    first_view = {Role.TESTER: "reported", Role.DEVELOPER: "assigned", Role.PM: "all"}[me.role]
    view = st.segmented_control(
        "View",
        list(views),
        default=first_view,
        format_func=lambda key: views[key],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    search, order = st.columns([3, 1], vertical_alignment="bottom")
    text = search.text_input(
        "Search",
        key="q",
        bind="query-params",
        placeholder="Words in title or text",
        icon=":material/search:",
        type="search",
    )
    sort = order.selectbox("Order", list(SORTS), format_func=lambda key: SORTS[key], key="sort", bind="query-params")
    with st.expander("Filters", icon=":material/filter_list:", expanded=has_filters()):
        first, second = st.columns(2)
        status = first.multiselect(
            "Status",
            [str(one) for one in Status],
            format_func=lambda one: STATUS_NAMES[Status(one)],
            key="status",
            bind="query-params",
        )
        severity = second.multiselect(
            "Severity",
            [str(one) for one in reversed(Severity)],
            format_func=lambda one: SEVERITY_NAMES[Severity(one)],
            key="severity",
            bind="query-params",
        )
        team = first.multiselect("Team", session.team_names, key="team", bind="query-params")
        project = second.multiselect("Project", session.project_names, key="project", bind="query-params")
    return BugFilter(
        status=[Status(one) for one in status],
        severity=[Severity(one) for one in severity],
        team=team,
        project=project,
        q=text.strip()[:500] or None if text else None,
        assigned_to={"assigned": "me", "team": "my_team"}.get(str(view)),
        reporter="me" if view == "reported" else None,
        sort=sort,
        limit=PAGE_SIZE,
        total=True,
    )


def has_filters() -> bool:
    return any(name in st.query_params for name in ("status", "severity", "team", "project"))


def cursors_of(wanted: BugFilter) -> list[str | None]:
    """Where each page that was turned to begins; another filter starts at the first."""
    question = wanted.model_dump_json()
    if st.session_state.get("bugs_question") != question:
        st.session_state["bugs_question"] = question
        st.session_state["bugs_cursors"] = [None]
    cursors: list[str | None] = st.session_state["bugs_cursors"]
    return cursors


def is_own(me: Me, bug: BugRead) -> bool:
    """Whether a move is worth offering; the API decides."""
    if me.role is Role.PM:
        return True
    people = {bug.reporter.id} | ({bug.assigned_to.id} if bug.assigned_to else set())
    return me.role is Role.DEVELOPER and (me.id in people or bug.team == me.team)


def row(session: Session, me: Me, bug: BugRead) -> None:
    with st.container(border=True):
        text, action = st.columns([5, 1.3], vertical_alignment="center")
        with text:
            st.page_link("screens/bug.py", label=trouble.plain(bug.title), query_params={"id": str(bug.id)})
            look.show(look.bug_line(bug))
        if is_own(me, bug):
            status = MOVES[bug.status][0]
            action.button(
                "Reopen" if bug.status is Status.RESOLVED else MOVE_NAMES[status],
                icon=MOVE_ICONS[status],
                key=f"move_{bug.id}",
                width="stretch",
                on_click=triage.quick_move,
                args=(session, bug, status),
            )


def turn(cursors: list[str | None], *, to: str | None) -> None:
    if to is None:
        cursors.pop()
    else:
        cursors.append(to)


def pager(cursors: list[str | None], next_cursor: str | None) -> None:
    if len(cursors) == 1 and next_cursor is None:
        return
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            disabled=len(cursors) == 1,
            on_click=turn,
            args=(cursors,),
            kwargs={"to": None},
        )
        st.text(f"Page {len(cursors)}")
        st.button(
            "Next",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=next_cursor is None,
            on_click=turn,
            args=(cursors,),
            kwargs={"to": next_cursor},
        )


@trouble.guarded
def page() -> None:
    session = current()
    me = session.me
    look.heading("My bugs")
    wanted = wanted_bugs(me, session)
    cursors = cursors_of(wanted)
    found = session.client.list_bugs(wanted.model_copy(update={"cursor": cursors[-1]}))
    if not found.items:
        look.empty("No bugs here", "Nothing matches this view and these filters.")
        return
    look.show(f'<p class="bf-note" role="status">Bugs: {found.total}</p>' if found.total is not None else "")
    with st.container(key="bugs", gap="small"):
        for bug in found.items:
            row(session, me, bug)
    pager(cursors, found.next_cursor)


page()
