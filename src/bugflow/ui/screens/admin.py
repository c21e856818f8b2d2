"""Admin: people, teams, projects, channels of teams, and the audit log."""

from html import escape

import streamlit as st

from bugflow.ui import directory, look, trouble
from bugflow.ui.channels import show_team_channels
from bugflow.ui.session import Session, current

PAGE_SIZE = 25


def show_audit(session: Session) -> None:
    look.show(
        '<p class="bf-note">Each entry carries the hash of the one before it, so that none can be changed unseen.</p>'
    )
    if st.button("Verify the chain", icon=":material/verified:"):
        with trouble.attempt(), st.spinner("Checking every entry"):
            verdict = session.client.verify_audit()
            if verdict.ok:
                st.success(
                    f"The chain holds. Entries: {verdict.n_entries}. Head: {verdict.head}", icon=":material/verified:"
                )
            else:
                st.error(trouble.plain(verdict.problem or "The chain is broken."), icon=":material/gpp_bad:")
    cursors: list[str | None] = st.session_state.setdefault("audit_cursors", [None])
    found = session.client.list_audit(cursor=cursors[-1], limit=PAGE_SIZE)
    people = {user.id: user.display_name for user in session.users}
    rows = "".join(
        f"<tr><td>{one.number}</td><td>{one.at:%Y-%m-%d %H:%M:%S}</td>"
        f"<td>{escape(people.get(one.actor_id, str(one.actor_id)) if one.actor_id else '')}</td>"
        f"<td>{escape(one.action)}</td><td>{escape(one.subject)}</td><td><code>{escape(one.hash[:12])}</code></td></tr>"
        for one in found.items
    )
    head = "".join(f"<th>{name}</th>" for name in ("No.", "Time (UTC)", "Who", "What", "Of", "Hash"))
    look.show(
        '<div class="bf-scroll" tabindex="0" role="region" aria-label="Audit log">'
        f'<table class="bf-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    with st.container(horizontal=True):
        if len(cursors) > 1:
            st.button("Newer", icon=":material/chevron_left:", on_click=cursors.__delitem__, args=(-1,))
        if found.next_cursor is not None:
            st.button("Older", icon=":material/chevron_right:", on_click=cursors.append, args=(found.next_cursor,))


@trouble.guarded
def page() -> None:
    session = current()
    look.heading("Admin")
    names = ["People", "Teams", "Projects", "Channels", "Audit log"]
    if not session.me.is_admin:
        names.remove("People")
    tabs = dict(zip(names, st.tabs(names, key="tab", on_change="rerun"), strict=True))
    draw = {
        "People": directory.show_people,
        "Teams": directory.show_teams,
        "Projects": directory.show_projects,
        "Channels": show_team_channels,
        "Audit log": show_audit,
    }
    for name, tab in tabs.items():
        if tab.open:  # only the open tab asks the API
            with tab:
                draw[name](session)


page()
