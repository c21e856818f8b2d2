"""My bugs: what is assigned to me, what my team has, what I reported; filters live in the URL."""

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import MOVES, Status
from bugflow.domain.predictions import Severity
from bugflow.schemas.accounts import Me
from bugflow.schemas.bugs import BugFilter, BugRead
from bugflow.ui import look, triage, trouble
from bugflow.ui.format import MOVE_ICONS, MOVE_NAMES, SEVERITY_NAMES, STATUS_NAMES
from bugflow.ui.language import Names, follow_link, mark, number_text
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

VIEWS = Names(
    {
        "assigned": mark("Assigned to me"),
        "team": mark("My team"),
        "reported": mark("Reported by me"),
        "all": mark("All"),
    }
)
SORTS = Names(
    {
        "-updated_at": mark("Last changed"),
        "-created_at": mark("Newest"),
        "created_at": mark("Oldest"),
        "-severity": mark("Most severe"),
    }
)
PAGE_SIZE = 25


def wanted_bugs(me: Me, session: Session) -> BugFilter:
    """The filter widgets, each bound to a part of the URL, as the API's filter."""
    views = {key: name for key, name in VIEWS.items() if key != "team" or me.team}
    first_view = {Role.TESTER: "reported", Role.DEVELOPER: "assigned", Role.PM: "all"}[me.role]
    followed = follow_link("view", VIEWS, many=False)
    view = st.segmented_control(
        _("View"),
        list(views),
        default=None if followed else first_view,
        format_func=lambda key: views[key],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    search, order = st.columns([3, 1], vertical_alignment="bottom")
    text = search.text_input(
        _("Search"),
        key="q",
        bind="query-params",
        placeholder=_("Words in title or text"),
        icon=":material/search:",
        type="search",
    )
    follow_link("sort", SORTS, many=False)
    sort = order.selectbox(_("Order"), list(SORTS), format_func=lambda key: SORTS[key], key="sort", bind="query-params")
    follow_link("status", STATUS_NAMES, many=True)
    follow_link("severity", SEVERITY_NAMES, many=True)
    with st.expander(_("Filters"), icon=":material/filter_list:", expanded=has_filters()):
        first, second = st.columns(2)
        status = first.multiselect(
            _("Status"),
            [str(one) for one in Status],
            format_func=lambda one: STATUS_NAMES[Status(one)],
            key="status",
            bind="query-params",
            placeholder=_("All"),
        )
        severity = second.multiselect(
            _("Severity"),
            [str(one) for one in reversed(Severity)],
            format_func=lambda one: SEVERITY_NAMES[Severity(one)],
            key="severity",
            bind="query-params",
            placeholder=_("All"),
        )
        team = first.multiselect(_("Team"), session.team_names, key="team", bind="query-params", placeholder=_("All"))
        project = second.multiselect(
            _("Project"), session.project_names, key="project", bind="query-params", placeholder=_("All")
        )
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
                _("Reopen") if bug.status is Status.RESOLVED else MOVE_NAMES[status],
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
            _("Previous"),
            icon=":material/chevron_left:",
            disabled=len(cursors) == 1,
            on_click=turn,
            args=(cursors,),
            kwargs={"to": None},
        )
        st.text(_("Page {n}", n=len(cursors)))
        st.button(
            _("Next"),
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
    look.heading(_("My bugs"))
    wanted = wanted_bugs(me, session)
    cursors = cursors_of(wanted)
    found = session.client.list_bugs(wanted.model_copy(update={"cursor": cursors[-1]}))
    if not found.items:
        if wanted.reporter and not (wanted.q or has_filters()):
            look.empty(
                _("You have not reported anything yet"), _("What you report shows here, with what becomes of it.")
            )
            st.page_link("screens/report.py", label=_("Report a bug"), icon=":material/edit_square:")
        else:
            look.empty(_("No bugs here"), _("Nothing matches this view and these filters."))
        return
    if found.total is not None:
        look.show(f'<p class="bf-note" role="status">{_("Bugs: {n}", n=number_text(found.total))}</p>')
    with st.container(key="bugs", gap="small"):
        for bug in found.items:
            row(session, me, bug)
    pager(cursors, found.next_cursor)


page()
