"""Channels: where one is told outside of the pages, of what, and when."""

import time
from html import escape

import streamlit as st
from pydantic import SecretStr

from bugflow.domain.channels import TEAM_KINDS, ChannelKind, Rhythm
from bugflow.domain.notifications import NotificationKind, kinds_for
from bugflow.schemas.channels import ChannelCreate, ChannelPatch, ChannelRead
from bugflow.ui import look, toasts, trouble
from bugflow.ui.format import CHANNEL_NAMES, NOTIFICATION_NAMES, RHYTHM_NAMES, ago, moment_text
from bugflow.ui.language import gettext as _
from bugflow.ui.language import mark
from bugflow.ui.session import Session

ADDRESSES = {
    ChannelKind.EMAIL: (mark("E-mail address"), "ann@example.com", ""),
    ChannelKind.SLACK: (
        mark("Address of the web hook"),
        "https://hooks.slack.com/services/…",
        mark("Slack: Incoming Webhooks."),
    ),
    ChannelKind.TEAMS: (
        mark("Address of the workflow"),
        "https://….logic.azure.com/workflows/…",
        mark("Teams: Workflows, “Post to a channel when a webhook request is received”."),
    ),
    ChannelKind.DISCORD: (
        mark("Address of the web hook"),
        "https://discord.com/api/webhooks/…",
        mark("Discord: channel settings, Integrations, Webhooks."),
    ),
    ChannelKind.MATTERMOST: (
        mark("Address"),
        "mmosts://chat.example.com/TOKEN",
        mark("Mattermost: Incoming Webhooks."),
    ),
    ChannelKind.TELEGRAM: (
        mark("Address"),
        "tgram://BOT_TOKEN/CHAT_ID",
        mark("Telegram: make a bot with @BotFather."),
    ),
    ChannelKind.NTFY: (mark("Address"), "ntfys://ntfy.example.com/TOPIC", ""),
    ChannelKind.WEBHOOK: (
        mark("Address"),
        "jsons://example.com/path?+X-Token=SECRET",
        mark("Gets JSON by POST. jsons:// stands for https://, each +NAME=VALUE is a header."),
    ),
}
"""What is asked for a kind: label, example, where one finds it."""

TEST_SECONDS = 8
"""How long to wait for the result of a test; a worker looks every second."""


def show_own_channels(session: Session) -> None:
    look.section(_("Channels"), _("What you are told here can reach you elsewhere, too."))
    own = [one for one in session.client.list_channels() if one.team is None]
    _add(session, teams=None)
    _list(session, own)


def show_team_channels(session: Session) -> None:
    look.note(_("Tell a whole team in one place: what comes to it and what becomes of it."))
    channels = [one for one in session.client.list_channels() if one.team is not None]
    _add(session, teams=session.team_names)
    _list(session, sorted(channels, key=lambda one: (one.team or "", one.id)))


def _add(session: Session, *, teams: list[str] | None) -> None:
    whose = "own" if teams is None else "team"
    with st.expander(_("Add a channel"), icon=":material/add_alert:"):
        chosen = st.selectbox(
            _("How"),
            [str(kind) for kind in ChannelKind],
            format_func=lambda one: CHANNEL_NAMES[ChannelKind(one)],
            key=f"new_channel_kind_{whose}",
        )
        kind = ChannelKind(chosen)
        label, example, hint = ADDRESSES[kind]
        with st.form(f"new_channel_{whose}", border=False):
            team = st.selectbox(_("Team"), teams) if teams is not None else None
            is_mine = kind is ChannelKind.EMAIL and team is None
            address = st.text_input(
                _(label),
                (session.me.email or "") if is_mine else "",
                max_chars=2000,
                placeholder=example,
                help=_(hint) or None,
                autocomplete="email" if is_mine else "off",
                key=f"new_channel_address_{whose}_{kind}",
            )
            name = st.text_input(_("Name (optional)"), max_chars=80, autocomplete="off")
            wanted, rhythm = _choices(f"new_{whose}", kinds_for(session.me.role) if team is None else TEAM_KINDS, None)
            if st.form_submit_button(_("Add"), type="primary", icon=":material/add:"):
                if not address.strip():
                    st.warning(_("An address is needed."))
                    return
                with trouble.attempt():
                    session.client.add_channel(
                        ChannelCreate(
                            address=SecretStr(address.strip()),
                            name=name.strip(),
                            team=team,
                            wanted=wanted,
                            rhythm=rhythm,
                        )
                    )
                    _changed(_("Channel added. Send a test to see that it works."))


def _choices(
    key: str, kinds: tuple[NotificationKind, ...], channel: ChannelRead | None
) -> tuple[list[NotificationKind], Rhythm]:
    wanted = st.pills(
        _("Tell about"),
        [str(kind) for kind in kinds],
        selection_mode="multi",
        default=[str(kind) for kind in kinds if channel is None or kind in channel.wanted],
        format_func=lambda kind: NOTIFICATION_NAMES[NotificationKind(kind)],
        wrap=True,
        key=f"channel_wanted_{key}",
    )
    rhythm = st.radio(
        _("When"),
        [str(rhythm) for rhythm in Rhythm],
        index=0 if channel is None else list(Rhythm).index(channel.rhythm),
        format_func=lambda one: RHYTHM_NAMES[Rhythm(one)],
        horizontal=True,
        key=f"channel_rhythm_{key}",
    )
    return [NotificationKind(kind) for kind in wanted], Rhythm(rhythm)


def _list(session: Session, channels: list[ChannelRead]) -> None:
    if not channels:
        look.empty(_("No channel yet"), _("Messages stay in BugFlow until you add one."))
    for one in channels:
        with st.container(border=True):
            look.show(_line(one, kinds_for(session.me.role) if one.team is None else TEAM_KINDS))
            with st.container(horizontal=True, gap="xsmall"):
                if st.button(_("Test"), icon=":material/send:", key=f"test_channel_{one.id}"):
                    with trouble.attempt():
                        _test(session, one)
                with st.popover(_("Change"), icon=":material/tune:", key=f"change_channel_{one.id}"):
                    _change(session, one)
                with st.popover(_("Remove"), icon=":material/delete:", key=f"remove_channel_{one.id}"):
                    st.warning(_("Nothing will be told here any more, and what still waits is dropped."))
                    if st.button(_("Remove the channel"), type="primary", key=f"removed_channel_{one.id}"):
                        with trouble.attempt():
                            session.client.remove_channel(one.id)
                            _changed(_("Channel removed"))


def _line(one: ChannelRead, every: tuple[NotificationKind, ...]) -> str:
    about = ", ".join(NOTIFICATION_NAMES[kind] for kind in one.wanted) or _("Nothing: it rests")
    kind = CHANNEL_NAMES[one.kind]
    parts = [
        f"<b>{escape(one.name or kind)}</b>",
        look.team_chip(one.team) if one.team else "",
        f'<span class="bf-soft">{kind}</span>' if one.name else "",
        f'<span class="bf-soft">{escape(one.shown)}</span>',
    ]
    return (
        f'<div class="bf-line">{"".join(parts)}</div>'
        f'<p class="bf-note">{RHYTHM_NAMES[one.rhythm]} \N{MIDDLE DOT} '
        f"{_('Everything') if set(every) <= set(one.wanted) else about}</p>"
        f'<p class="bf-note" role="status">{_state(one)}</p>'
    )


def _state(one: ChannelRead) -> str:
    waiting = " " + _("Waiting: {n}.", n=one.n_waiting) if one.n_waiting else ""
    lost = " " + _("Could not be delivered: {n}.", n=one.n_given_up) if one.n_given_up else ""
    if one.is_testing:
        return _("A test is on its way.") + lost
    if one.problem and one.failing_since:
        since = f'<time title="{moment_text(one.failing_since)}">{ago(one.failing_since)}</time>'
        failing = f'<b class="bf-failing">{_("Could not be delivered")}</b>'
        return (
            _("{failing}, since {when}: {why}", failing=failing, when=since, why=escape(one.problem)) + waiting + lost
        )
    if one.delivered_at:
        when = f'<time title="{moment_text(one.delivered_at)}">{ago(one.delivered_at)}</time>'
        return _("Works, last delivered {when}.", when=when) + waiting + lost
    return _("Nothing was sent yet.") + waiting + lost


def _test(session: Session, channel: ChannelRead) -> None:
    session.client.test_channel(channel.id)
    with st.spinner(_("Sending a test")):
        for _second in range(TEST_SECONDS):
            time.sleep(1)
            now = next((one for one in session.client.list_channels() if one.id == channel.id), None)
            if now is None or not now.is_testing:
                break
    if now is None or now.is_testing:
        _changed(_("The test is on its way. Look again in a moment."), icon=":material/schedule:")
    elif now.problem:
        _changed(trouble.plain(_("Could not be delivered: {n}", n=now.problem)), icon=":material/error:")
    else:
        _changed(_("The test arrived"))


def _change(session: Session, one: ChannelRead) -> None:
    with st.form(f"channel_{one.id}", border=False):
        name = st.text_input(_("Name"), one.name, max_chars=80, autocomplete="off", key=f"channel_name_{one.id}")
        wanted, rhythm = _choices(str(one.id), kinds_for(session.me.role) if one.team is None else TEAM_KINDS, one)
        if st.form_submit_button(_("Save"), type="primary", icon=":material/save:"):
            with trouble.attempt():
                session.client.update_channel(one.id, ChannelPatch(name=name.strip(), wanted=wanted, rhythm=rhythm))
                _changed(_("Saved"))


def _changed(message: str, *, icon: str = ":material/check:") -> None:
    toasts.later(message, icon=icon)
    st.rerun()
