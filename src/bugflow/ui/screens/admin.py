"""Admin: people, teams, projects, channels of teams, and the audit log."""

from html import escape

import streamlit as st

from bugflow.ui import directory, look, trouble
from bugflow.ui.channels import show_team_channels
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

PAGE_SIZE = 25


def show_audit(session: Session) -> None:
    look.note(_("Each entry carries the hash of the one before it, so that none can be changed unseen."))
    if st.button(_("Verify the chain"), icon=":material/verified:"):
        with trouble.attempt(), st.spinner(_("Checking every entry")):
            verdict = session.client.verify_audit()
            if verdict.ok:
                st.success(
                    _("The chain holds. Entries: {n}. Head: {hash}", n=verdict.n_entries, hash=verdict.head),
                    icon=":material/verified:",
                )
            else:
                st.error(trouble.plain(verdict.problem or _("The chain is broken.")), icon=":material/gpp_bad:")
    cursors: list[str | None] = st.session_state.setdefault("audit_cursors", [None])
    found = session.client.list_audit(cursor=cursors[-1], limit=PAGE_SIZE)
    people = {user.id: user.display_name for user in session.users}
    rows = "".join(
        f"<tr><td>{one.number}</td><td>{one.at:%Y-%m-%d %H:%M:%S}</td>"
        f"<td>{escape(people.get(one.actor_id, str(one.actor_id)) if one.actor_id else '')}</td>"
        f"<td>{escape(one.action)}</td><td>{escape(one.subject)}</td><td><code>{escape(one.hash[:12])}</code></td></tr>"
        for one in found.items
    )
    names = (_("No."), _("Time (UTC)"), _("Who"), _("What"), _("Of"), _("Hash"))
    head = "".join(f"<th>{name}</th>" for name in names)
    look.show(
        f'<div class="bf-scroll" tabindex="0" role="region" aria-label="{_("Audit log")}">'
        f'<table class="bf-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    with st.container(horizontal=True):
        if len(cursors) > 1:
            st.button(_("Newer"), icon=":material/chevron_left:", on_click=cursors.__delitem__, args=(-1,))
        if found.next_cursor is not None:
            st.button(_("Older"), icon=":material/chevron_right:", on_click=cursors.append, args=(found.next_cursor,))


@trouble.guarded
def page() -> None:
    session = current()
    look.heading(_("Admin"))
    parts = {
        "people": (_("People"), directory.show_people),
        "teams": (_("Teams"), directory.show_teams),
        "projects": (_("Projects"), directory.show_projects),
        "channels": (_("Channels"), show_team_channels),
        "audit": (_("Audit log"), show_audit),
    }
    if not session.me.is_admin:
        del parts["people"]
    names = [name for name, _draw in parts.values()]
    wanted = parts.get(st.query_params.get("tab", ""), (names[0], None))[0]
    tabs = st.tabs(names, default=wanted, key="tab", on_change="rerun")
    for (_name, draw), tab in zip(parts.values(), tabs, strict=True):
        if tab.open:  # only the open tab asks the API
            with tab:
                draw(session)


page()
