"""The dashboard: how things stand, and what needs me."""

from html import escape

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity
from bugflow.schemas.bugs import BugFilter
from bugflow.schemas.stats import Overview, SeverityCount, TeamLoad
from bugflow.ui import look, onboarding, trouble
from bugflow.ui.format import hours_text, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

KEEP_SECONDS = 20.0


def show_totals(overview: Overview) -> None:
    tiles: list[tuple[str, int | str, str]] = [
        (_("Open"), overview.n_open, _("Nobody works on it yet")),
        (_("In progress"), overview.n_in_progress, _("Somebody works on it")),
        (_("Critical"), overview.n_critical_open, _("Not resolved")),
        (_("Nobody assigned"), overview.n_unassigned, _("Not resolved")),
        (_("Reported"), overview.n_reported_last_7_days, _("Last 7 days")),
        (_("Resolved"), overview.n_resolved_last_7_days, _("Last 7 days")),
        (_("Time to triage"), hours_text(overview.median_hours_to_triage), _("Median, last 90 days")),
        (_("Predictions kept"), percent(overview.acceptance), _("Nobody corrected them")),
    ]
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{about}</small></dd></div>" for name, value, about in tiles)
    look.show(f'<dl class="bf-tiles">{cells}</dl>')


def show_severities(counts: list[SeverityCount]) -> None:
    total = max((one.n_open + one.n_in_progress for one in counts), default=0) or 1
    rows = "".join(
        f'<li class="bf-load"><span>{look.severity_badge(one.severity)}</span>'
        f'<b class="bf-bar-{escape(one.severity)}" style="--share:{(one.n_open + one.n_in_progress) / total:.3f}"'
        f' aria-hidden="true"></b><span>{one.n_open + one.n_in_progress}</span></li>'
        for one in sorted(counts, key=lambda one: -Severity(one.severity).rank)
    )
    look.show(f'<ol class="bf-bars">{rows}</ol>')


def show_teams(loads: list[TeamLoad]) -> None:
    total = max((one.n_open + one.n_in_progress for one in loads), default=0) or 1
    rows = "".join(
        f'<li class="bf-load"><span>{look.team_chip(one.team)}</span>'
        f'<b style="--share:{(one.n_open + one.n_in_progress) / total:.3f}" aria-hidden="true"></b>'
        f"<span>{one.n_open + one.n_in_progress}</span></li>"
        for one in loads
    )
    look.show(f'<ol class="bf-bars">{rows}</ol>')


def show_mine(session: Session, overview: Overview) -> None:
    me = session.me
    if me.role is Role.PM and overview.n_needs_review:
        st.page_link("screens/review.py", label=_("To review: {n}", n=overview.n_needs_review), icon=":material/rule:")
    wanted = BugFilter(assigned_to="me", status=[Status.OPEN, Status.IN_PROGRESS], sort="-severity", limit=8)
    mine = session.keep("mine", lambda: session.client.list_bugs(wanted), seconds=KEEP_SECONDS).items
    if not mine:
        look.empty(_("Nothing is waiting for you"), _("Bugs that are assigned to you show here, most severe first."))
        return
    with st.container(key="bugs", gap="small"):
        for bug in mine:
            with st.container(border=True):
                st.page_link("screens/bug.py", label=trouble.plain(bug.title), query_params={"id": str(bug.id)})
                look.show(look.bug_line(bug))


@trouble.guarded
def page() -> None:
    session = current()
    look.heading(_("Dashboard"))
    overview = session.keep("overview", session.client.get_overview, seconds=KEEP_SECONDS)
    if not overview.n_bugs:
        onboarding.first_steps(session)
        return
    show_totals(overview)
    left, right = st.columns([3, 2], gap="large")
    with left:
        look.section(_("What needs me"))
        show_mine(session, overview)
    with right:
        with st.container(border=True):
            look.section(_("Not resolved, by severity"))
            show_severities(session.keep("severities", session.client.count_severities, seconds=KEEP_SECONDS))
        with st.container(border=True):
            look.section(_("Not resolved, by team"))
            show_teams(session.keep("loads", session.client.list_team_loads, seconds=KEEP_SECONDS))


page()
