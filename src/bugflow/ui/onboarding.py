"""What a new installation, or somebody new to it, is told first: the next step, with the way to it."""

from html import escape
from typing import NamedTuple

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.ui import look
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session


class Step(NamedTuple):
    title: str
    about: str
    page: str
    link: str
    query: dict[str, str]
    done: bool = False


def first_steps(session: Session) -> None:
    """In place of figures that are not there yet."""
    me = session.me
    steps = _steps_of_a_pm(session) if me.role is Role.PM else []
    steps.append(
        Step(
            _("Report the first bug"),
            _("Plain words are enough. BugFlow suggests severity and team, and says how sure it is."),
            "report",
            _("Report a bug"),
            {},
        )
    )
    look.section(_("First steps"), _("Figures appear with the first report."))
    with st.container(key="bugs", gap="small"):
        for step in steps:
            _show(step)
    if me.role is Role.PM:
        look.note(
            _(
                "Coming from another tracker? The command `bugflow import` takes its bugs as CSV, JSON lines or "
                "Parquet, with who reported and decided what."
            )
        )


def _steps_of_a_pm(session: Session) -> list[Step]:
    steps = [
        Step(
            _("Name your teams"),
            _("BugFlow routes bugs to them: {teams}.", teams=", ".join(session.team_names)),
            "admin",
            _("Teams"),
            {"tab": "teams"},
            done=bool(session.team_names),
        ),
        Step(
            _("Name a project"),
            _("A report belongs to one. Whoever reports may also type a new name."),
            "admin",
            _("Projects"),
            {"tab": "projects"},
            done=bool(session.project_names),
        ),
    ]
    if session.me.is_admin:
        steps.insert(
            0,
            Step(
                _("Invite people"),
                _("Testers report, developers work on the board, project managers correct and train."),
                "admin",
                _("People"),
                {"tab": "people"},
                done=len(session.users) > 1,
            ),
        )
    return steps


def _show(step: Step) -> None:
    with st.container(border=True):
        text, action = st.columns([5, 1.6], vertical_alignment="center")
        with text:
            mark = look.flag(_("Done")) if step.done else ""
            look.show(f'<div class="bf-line"><b>{escape(step.title)}</b>{mark}</div>')
            look.note(step.about)
        with action:
            st.page_link(f"screens/{step.page}.py", label=step.link, query_params=step.query, width="stretch")
