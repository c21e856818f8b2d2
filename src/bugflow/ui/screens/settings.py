"""Settings: how I am called, what I am told about and where, how BugFlow looks, my password."""

from html import escape

import streamlit as st

from bugflow.domain.accounts import MIN_PASSWORD_CHARACTERS
from bugflow.domain.notifications import NotificationKind, kinds_for
from bugflow.schemas.accounts import Me, MePatch, PasswordChange, Preferences
from bugflow.ui import language, look, toasts, trouble
from bugflow.ui.channels import show_own_channels
from bugflow.ui.format import NOTIFICATION_NAMES, ROLE_NAMES
from bugflow.ui.language import Names, mark
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

THEMES = Names({"system": mark("As the system says"), "light": mark("Light"), "dark": mark("Dark")})


def save(session: Session, patch: MePatch) -> None:
    session.client.update_me(patch)
    session.forget("me", "users")
    toasts.later(_("Saved"))
    st.rerun()


def profile(session: Session, me: Me) -> None:
    with st.form("profile"):
        look.section(_("Profile"))
        facts = {_("User name"): me.username, _("Role"): ROLE_NAMES[me.role], _("Team"): me.team or ""}
        rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
        look.show(f'<dl class="bf-facts">{rows}</dl>')
        name = st.text_input(_("Name that others see"), me.display_name, max_chars=150, autocomplete="name")
        email = st.text_input(_("E-mail"), me.email or "", max_chars=320, autocomplete="email")
        languages: dict[str | None, str] = {None: _("As the browser says")}
        languages.update(language.names())
        chosen = language.negotiate(me.locale) if me.locale else None
        locale = st.selectbox(
            _("Language"),
            list(languages),
            index=list(languages).index(chosen),
            format_func=lambda key: languages[key],
        )
        if st.form_submit_button(_("Save profile"), type="primary"):
            with trouble.attempt():
                if not name.strip():
                    st.warning(_("The name cannot be empty."))
                    return
                save(
                    session,
                    MePatch.model_validate(
                        {"display_name": name.strip(), "email": email.strip() or None, "locale": locale}
                    ),
                )


def preferences(session: Session, me: Me) -> None:
    with st.form("preferences"):
        look.section(_("Look and notifications"))
        theme = st.radio(
            _("Theme"),
            list(THEMES),
            index=list(THEMES).index(me.preferences.theme),
            format_func=lambda key: THEMES[key],
            horizontal=True,
        )
        kinds = [str(kind) for kind in kinds_for(me.role)]
        heard = st.pills(
            _("Tell me about"),
            kinds,
            selection_mode="multi",
            default=[kind for kind in kinds if kind not in me.preferences.muted],
            format_func=lambda kind: NOTIFICATION_NAMES[NotificationKind(kind)],
            wrap=True,
        )
        if st.form_submit_button(_("Save preferences"), type="primary"):
            muted = [kind for kind in kinds if kind not in heard]
            with trouble.attempt():
                chosen = Preferences.model_validate({"theme": theme, "muted": muted})
                save(session, MePatch(preferences=chosen))


def password(session: Session) -> None:
    with st.form("password", clear_on_submit=True):
        look.section(_("Password"))
        old = st.text_input(_("Present password"), type="password", autocomplete="current-password", max_chars=1024)
        new = st.text_input(_("New password"), type="password", autocomplete="new-password", max_chars=1024)
        again = st.text_input(_("New password again"), type="password", autocomplete="new-password", max_chars=1024)
        if st.form_submit_button(_("Change password"), type="primary"):
            if len(new) < MIN_PASSWORD_CHARACTERS:
                st.warning(_("Use at least {n} characters.", n=MIN_PASSWORD_CHARACTERS))
            elif new != again:
                st.warning(_("The new passwords differ."))
            else:
                with trouble.attempt():
                    session.client.change_password(PasswordChange(old_password=old, new_password=new))
                    st.success(_("The password is changed. Other sign-ins of yours have ended."))


@trouble.guarded
def page() -> None:
    session = current()
    me = session.me
    look.heading(_("Settings"))
    left, right = st.columns(2, gap="large")
    with left:
        profile(session, me)
        show_own_channels(session)
    with right:
        preferences(session, me)
        password(session)


page()
