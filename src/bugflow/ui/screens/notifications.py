"""Notifications: what happened to the bugs that concern me."""

from html import escape

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.errors import BugFlowError
from bugflow.schemas.notifications import NotificationRead
from bugflow.ui import look, toasts, trouble
from bugflow.ui.format import NOTIFICATION_NAMES, ago, moment_text
from bugflow.ui.language import gettext as _
from bugflow.ui.language import said
from bugflow.ui.session import Session, current

PAGE_SIZE = 25


def mark_read(session: Session, ids: list[int] | None) -> None:
    try:
        session.client.read_notifications(ids)
    except BugFlowError as error:
        toasts.refused(error)
    session.forget("me")


def row(session: Session, one: NotificationRead) -> None:
    with st.container(border=True):
        text, action = st.columns([5, 1.3], vertical_alignment="center")
        with text:
            who = escape(one.actor.display_name) if one.actor else "BugFlow"
            new = look.flag(_("New")) if one.read_at is None else ""
            look.show(
                f'<div class="bf-line"><b>{NOTIFICATION_NAMES[one.kind]}</b>{new}<span class="bf-soft">{who}</span>'
                f'<time class="bf-soft" title="{moment_text(one.created_at)}">{ago(one.created_at)}</time></div>'
            )
            if one.bug_id is None:
                look.show(f"<p>{escape(said(one.said or ''))}</p>")
                if session.me.role is Role.PM:
                    st.page_link("screens/models.py", label=_("Models"))
            else:
                st.page_link(
                    "screens/bug.py",
                    label=trouble.plain(f"#{one.bug_id} {one.bug_title}"),
                    query_params={"id": str(one.bug_id)},
                )
        if one.read_at is None:
            action.button(
                _("Mark read"),
                icon=":material/done:",
                key=f"read_{one.id}",
                width="stretch",
                on_click=mark_read,
                args=(session, [one.id]),
            )


@trouble.guarded
def page() -> None:
    session = current()
    look.heading(_("Notifications"))
    with st.container(horizontal=True, vertical_alignment="center"):
        unread = st.toggle(_("Only unread"), key="unread", bind="query-params", width="content")
        st.button(_("Mark all read"), icon=":material/done_all:", on_click=mark_read, args=(session, None))
    cursors: list[str | None] = st.session_state.setdefault(f"notification_cursors_{unread}", [None])
    found = session.client.list_notifications(unread=unread, cursor=cursors[-1], limit=PAGE_SIZE)
    if not found.items:
        look.empty(_("Nothing new"), _("You are told when a bug is assigned to you, moves, or is talked about."))
        return
    with st.container(key="bugs", gap="small"):
        for one in found.items:
            row(session, one)
    if found.next_cursor is not None:
        st.button(_("Older"), icon=":material/expand_more:", on_click=cursors.append, args=(found.next_cursor,))
    if len(cursors) > 1:
        st.button(
            _("Back to the newest"),
            icon=":material/vertical_align_top:",
            on_click=cursors.__delitem__,
            args=(slice(1, None),),
        )


page()
