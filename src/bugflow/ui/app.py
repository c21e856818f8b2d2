"""The Streamlit script: who is here, which pages they have."""

import contextlib
from pathlib import Path

import streamlit as st

from bugflow.domain.accounts import Role
from bugflow.errors import BugFlowError
from bugflow.schemas.accounts import Me
from bugflow.ui import language, look, toasts, trouble
from bugflow.ui.components.theme import apply_theme
from bugflow.ui.format import ROLE_NAMES
from bugflow.ui.language import gettext as _
from bugflow.ui.session import SESSIONS, Session, find_current

HERE = Path(__file__).parent
# Pages lie in `screens`: of a folder named `pages` Streamlit would make a navigation of its own.
HOME = {Role.TESTER: "screens/report.py", Role.DEVELOPER: "screens/bugs.py", Role.PM: "screens/dashboard.py"}


def _page(name: str, title: str, icon: str, *, url: str = "", hidden: bool = False, default: bool = False) -> st.Page:
    return st.Page(
        f"screens/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=url or name,
        visibility="hidden" if hidden else "visible",
        default=default,
    )


def pages_for(me: Me) -> list[st.Page]:
    """The pages a person has. The API decides what they may do; this only spares them closed doors.

    One list without sections: Streamlit draws those as list items outside of a list, which screen readers stumble on.
    """
    pages = [
        _page("home", _("Home"), "home", hidden=True, default=True),
        _page("report", _("Report"), "edit_square"),
        _page("bugs", _("My bugs"), "bug_report"),
        _page("bug", _("Bug"), "bug_report", hidden=True),
    ]
    if me.role is not Role.TESTER:
        pages += [_page("board", _("Board"), "view_kanban"), _page("dashboard", _("Dashboard"), "speed")]
    if me.role is Role.PM:
        pages += [_page("review", _("Review"), "rule"), _page("models", _("Models"), "model_training")]
        pages.append(_page("analytics", _("Analytics"), "monitoring"))
    pages += [_page("notifications", _("Notifications"), "notifications"), _page("settings", _("Settings"), "settings")]
    if me.role is Role.PM:
        pages.append(_page("admin", _("Admin"), "admin_panel_settings"))
    return pages


def sign_out(session: Session) -> None:
    """End the session here and at the API, in every tab."""
    SESSIONS.close(session.id)
    with contextlib.suppress(BugFlowError):  # signed out here, whatever the API says; its token soon expires
        session.client.sign_out()


def sidebar(session: Session, me: Me) -> None:
    with st.sidebar, st.container(key="me"):
        team = f"{ROLE_NAMES[me.role]} \N{MIDDLE DOT} {me.team}" if me.team else ROLE_NAMES[me.role]
        look.show(look.person(me.display_name, team))
        if me.n_unread:
            st.page_link(
                "screens/notifications.py",
                label=_("Unread: {n}", n=me.n_unread),
                icon=":material/notifications_unread:",
            )
        st.button(_("Sign out"), icon=":material/logout:", width="stretch", on_click=sign_out, args=(session,))


def main() -> None:
    st.set_page_config(page_title="BugFlow", page_icon=HERE / "icon.png", layout="wide")
    st.html(look.STYLE)
    language.choose(st.context.locale)
    session = find_current()
    if session is None:
        trouble.end_session()
        return
    try:
        me = session.me
    except BugFlowError as error:
        if trouble.is_ended(error):
            trouble.end_session()
        else:
            trouble.show(error)
        return
    language.choose(me.locale, st.context.locale)
    st.session_state["home"] = HOME[me.role]
    st.logo(HERE / "logo.svg", size="large", icon_image=HERE / "icon.png")
    apply_theme(me.preferences.theme, language=language.current())
    page = st.navigation(pages_for(me), expanded=True)
    sidebar(session, me)
    toasts.show()
    page.run()


main()
