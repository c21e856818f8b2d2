"""Settings: how I am called, what I am told about and where, how BugFlow looks, my password."""

from html import escape

import streamlit as st

from bugflow.domain.accounts import MIN_PASSWORD_CHARACTERS
from bugflow.domain.notifications import NotificationKind
from bugflow.schemas.accounts import Me, MePatch, PasswordChange, Preferences
from bugflow.ui import look, trouble
from bugflow.ui.channels import show_own_channels
from bugflow.ui.format import NOTIFICATION_NAMES, ROLE_NAMES
from bugflow.ui.session import Session, current

LANGUAGES = {"": "As the browser says", "en": "English", "es": "Español", "de": "Deutsch"}
THEMES = {"system": "As the system says", "light": "Light", "dark": "Dark"}


def save(session: Session, patch: MePatch, message: str = "Saved") -> None:
    session.client.update_me(patch)
    session.forget("me", "users")
    trouble.toast_later(message)
    st.rerun()


def profile(session: Session, me: Me) -> None:
    with st.form("profile"):
        look.show('<h2 class="bf-sub">Profile</h2>')
        facts = {"User name": me.username, "Role": ROLE_NAMES[me.role], "Team": me.team or ""}
        rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
        look.show(f'<dl class="bf-facts">{rows}</dl>')
        name = st.text_input("Name that others see", me.display_name, max_chars=150, autocomplete="name")
        email = st.text_input("E-mail", me.email or "", max_chars=320, autocomplete="email")
        locale = st.selectbox(
            "Language",
            list(LANGUAGES),
            index=list(LANGUAGES).index(me.locale or ""),
            format_func=lambda key: LANGUAGES[key],
        )
        if st.form_submit_button("Save profile", type="primary"):
            with trouble.attempt():
                if not name.strip():
                    st.warning("The name cannot be empty.")
                    return
                save(
                    session,
                    MePatch.model_validate(
                        {"display_name": name.strip(), "email": email.strip() or None, "locale": locale or None}
                    ),
                )


def preferences(session: Session, me: Me) -> None:
    with st.form("preferences"):
        look.show('<h2 class="bf-sub">Look and notifications</h2>')
        theme = st.radio(
            "Theme",
            list(THEMES),
            index=list(THEMES).index(me.preferences.theme),
            format_func=lambda key: THEMES[key],
            horizontal=True,
        )
        heard = st.pills(
            "Tell me about",
            [str(kind) for kind in NotificationKind],
            selection_mode="multi",
            default=[str(kind) for kind in NotificationKind if str(kind) not in me.preferences.muted],
            format_func=lambda kind: NOTIFICATION_NAMES[NotificationKind(kind)],
            wrap=True,
        )
        if st.form_submit_button("Save preferences", type="primary"):
            muted = [str(kind) for kind in NotificationKind if str(kind) not in heard]
            with trouble.attempt():
                chosen = Preferences.model_validate({"theme": theme, "muted": muted})
                save(session, MePatch(preferences=chosen))


def password(session: Session) -> None:
    with st.form("password", clear_on_submit=True):
        look.show('<h2 class="bf-sub">Password</h2>')
        old = st.text_input("Present password", type="password", autocomplete="current-password", max_chars=1024)
        new = st.text_input("New password", type="password", autocomplete="new-password", max_chars=1024)
        again = st.text_input("New password again", type="password", autocomplete="new-password", max_chars=1024)
        if st.form_submit_button("Change password", type="primary"):
            if len(new) < MIN_PASSWORD_CHARACTERS:
                st.warning(f"Use at least {MIN_PASSWORD_CHARACTERS} characters.")
            elif new != again:
                st.warning("The new passwords differ.")
            else:
                with trouble.attempt():
                    session.client.change_password(PasswordChange(old_password=old, new_password=new))
                    st.success("The password is changed. Other sign-ins of yours have ended.")


@trouble.guarded
def page() -> None:
    session = current()
    me = session.me
    look.heading("Settings")
    left, right = st.columns(2, gap="large")
    with left:
        profile(session, me)
        show_own_channels(session)
    with right:
        preferences(session, me)
        password(session)


page()
