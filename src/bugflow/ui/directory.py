"""Who and what there is: people, teams and projects, and the forms that change them."""

from collections.abc import Callable

import streamlit as st

from bugflow.domain.accounts import MIN_PASSWORD_CHARACTERS, Role
from bugflow.schemas.accounts import UserCreate, UserPatch, UserRead
from bugflow.schemas.teams import TagCreate, TagPatch, TagRead
from bugflow.ui import look, toasts, trouble
from bugflow.ui.format import ROLE_NAMES
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session

SHOWN = 50
"""People drawn at once; the search finds the others."""


def _saved(session: Session, message: str) -> None:
    session.forget("users", "teams", "projects", "me")
    toasts.later(message)
    st.rerun()


def show_people(session: Session) -> None:
    with st.expander(_("Add a person"), icon=":material/person_add:"):
        _new_person(session)
    typed = st.text_input(_("Search people"), placeholder=_("Name"), icon=":material/search:", type="search")
    wanted = typed.strip().casefold()
    found = [user for user in session.users if wanted in f"{user.username} {user.display_name}".casefold()]
    if not found:
        look.empty(_("Nobody found"), _("No account has this in its name."))
    for user in found[:SHOWN]:
        _person(session, user)
    if len(found) > SHOWN:
        look.note(_("Shown: {n} of {total}. Search to find the others.", n=SHOWN, total=len(found)))


def _new_person(session: Session) -> None:
    with st.form("new_person", border=False, clear_on_submit=False):
        left, right = st.columns(2)
        username = left.text_input(_("User name"), max_chars=150, autocomplete="off")
        name = right.text_input(_("Name that others see (optional)"), max_chars=150, autocomplete="off")
        password = left.text_input(_("First password"), type="password", max_chars=1024, autocomplete="new-password")
        email = right.text_input(_("E-mail (optional)"), max_chars=320, autocomplete="off")
        role = left.selectbox(_("Role"), list(Role), format_func=lambda one: ROLE_NAMES[one])
        team = right.selectbox(_("Team"), [None, *session.team_names], format_func=_team_name)
        is_admin = st.checkbox(_("Administrator (only for project managers)"))
        if st.form_submit_button(_("Add"), type="primary", icon=":material/person_add:"):
            if not username.strip() or len(password) < MIN_PASSWORD_CHARACTERS:
                least = MIN_PASSWORD_CHARACTERS
                st.warning(_("A user name and a password of at least {n} characters are needed.", n=least))
                return
            with trouble.attempt():
                fields = {
                    "username": username.strip(),
                    "password": password,
                    "role": role,
                    "display_name": name.strip() or None,
                    "email": email.strip() or None,
                    "team": team,
                    "is_admin": is_admin,
                }
                session.client.create_user(
                    UserCreate.model_validate({k: v for k, v in fields.items() if v is not None})
                )
                _saved(session, _("Person added"))


def _team_name(name: str | None) -> str:
    return _("No team") if name is None else name


def _person(session: Session, user: UserRead) -> None:
    with st.container(border=True):
        text, action = st.columns([5, 1.3], vertical_alignment="center")
        rights = [
            ROLE_NAMES[user.role],
            user.team,
            _("Administrator") if user.is_admin else None,
            None if user.is_active else _("Inactive"),
        ]
        shown = " \N{MIDDLE DOT} ".join([user.username, *(one for one in rights if one)])
        with text:
            look.show(look.person(user.display_name, shown))
        is_open = st.session_state.get("edited_person") == user.id
        if action.button(
            _("Close") if is_open else _("Edit"),
            key=f"person_{user.id}",
            width="stretch",
            icon=":material/close:" if is_open else ":material/edit:",
        ):
            st.session_state["edited_person"] = None if is_open else user.id
            st.rerun()
        if is_open:
            _edit_person(session, user)


def _edit_person(session: Session, user: UserRead) -> None:
    with st.form(f"edit_person_{user.id}", border=False):
        left, right = st.columns(2)
        name = left.text_input(_("Name that others see"), user.display_name, max_chars=150)
        role = right.selectbox(
            _("Role"), list(Role), index=list(Role).index(user.role), format_func=lambda one: ROLE_NAMES[one]
        )
        teams = [None, *session.team_names]
        index = teams.index(user.team) if user.team in teams else 0
        team = left.selectbox(_("Team"), teams, index=index, format_func=_team_name)
        password = right.text_input(
            _("New password (empty: unchanged)"), type="password", max_chars=1024, autocomplete="new-password"
        )
        is_admin = left.checkbox(_("Administrator"), user.is_admin)
        is_active = right.checkbox(_("May sign in"), user.is_active)
        if st.form_submit_button(_("Save"), type="primary", icon=":material/save:"):
            wanted = {
                "display_name": name.strip(),
                "role": role,
                "is_admin": is_admin,
                "is_active": is_active,
                "team": team,
            }
            changes = {field: value for field, value in wanted.items() if value != getattr(user, field)}
            if password:
                changes["password"] = password
            with trouble.attempt():
                if changes:
                    session.client.update_user(user.id, UserPatch.model_validate(changes))
                st.session_state["edited_person"] = None
                _saved(session, _("Saved"))
    _erase_person(session, user)


def _erase_person(session: Session, user: UserRead) -> None:
    if user.id == session.me.id:
        return
    with st.popover(_("Erase this person"), icon=":material/person_remove:"):
        st.warning(
            _("Name, e-mail and sign-ins are removed for good. Their reports and comments stay, without the name.")
        )
        typed = st.text_input(_("Type the user name to confirm"), key=f"erase_name_{user.id}", autocomplete="off")
        if st.button(_("Erase for good"), type="primary", disabled=typed != user.username, key=f"erase_{user.id}"):
            with trouble.attempt():
                session.client.erase_user(user.id)
                st.session_state["edited_person"] = None
                _saved(session, _("Person erased"))


def show_teams(session: Session) -> None:
    client = session.client
    _tags(session, session.teams, kind="team", create=client.create_team, update=client.update_team)


def show_projects(session: Session) -> None:
    client = session.client
    _tags(session, session.projects, kind="project", create=client.create_project, update=client.update_project)


def _tags(
    session: Session,
    tags: list[TagRead],
    *,
    kind: str,
    create: Callable[[TagCreate], TagRead],
    update: Callable[[int, TagPatch], TagRead],
) -> None:
    with st.form(f"new_{kind}", border=True, clear_on_submit=True):
        left, right = st.columns([2, 3])
        name = left.text_input(_("Name"), max_chars=80, key=f"new_{kind}_name")
        about = right.text_input(_("What it is for (optional)"), max_chars=500, key=f"new_{kind}_about")
        if st.form_submit_button(_("Add"), type="primary", icon=":material/add:"):
            if not name.strip():
                st.warning(_("A name is needed."))
            else:
                with trouble.attempt():
                    create(TagCreate(name=name.strip(), description=about.strip()))
                    _saved(session, _("Added"))
    if not tags:
        look.empty(_("None yet"), _("Add the first one above."))
    for tag in tags:
        with st.expander(trouble.plain(tag.name), icon=":material/label:" if tag.is_active else ":material/label_off:"):
            _edit_tag(session, tag, kind=kind, update=update)


def _edit_tag(session: Session, tag: TagRead, *, kind: str, update: Callable[[int, TagPatch], TagRead]) -> None:
    with st.form(f"{kind}_{tag.id}", border=False):
        name = st.text_input(_("Name"), tag.name, max_chars=80)
        about = st.text_input(_("What it is for"), tag.description, max_chars=500)
        is_active = st.checkbox(_("Offered for new bugs"), tag.is_active)
        if st.form_submit_button(_("Save"), icon=":material/save:"):
            wanted = {"name": name.strip(), "description": about.strip(), "is_active": is_active}
            changes = {field: value for field, value in wanted.items() if value != getattr(tag, field)}
            with trouble.attempt():
                if changes:
                    update(tag.id, TagPatch.model_validate(changes))
                _saved(session, _("Saved"))
