"""Who is signed in to the UI: tokens stay on the server, the browser holds a random number."""

import secrets
import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

import streamlit as st

from bugflow.client import Client
from bugflow.schemas.accounts import Me, UserRead
from bugflow.schemas.teams import TagRead

Value = TypeVar("Value")

COOKIE = "bugflow_session"
_STATE = "bugflow_session"

IDLE_SECONDS = 12 * 3600
"""A working day: whoever comes back the next morning signs in again."""

ME_SECONDS = 20.0
LIST_SECONDS = 60.0
"""Teams, projects and people change rarely; a minute keeps pages within the API's 100 requests a minute."""


class Session:
    """One sign-in: the person's way to the API, and what was read lately."""

    def __init__(self, client: Client) -> None:
        self.id = secrets.token_urlsafe(32)
        self.client = client
        self.seen_at = time.monotonic()
        self._kept: dict[str, tuple[float, object]] = {}

    def keep(self, name: str, read: Callable[[], Value], *, seconds: float) -> Value:
        """What `read` returned at most `seconds` ago, else what it returns now."""
        found = self._kept.get(name)
        if found is not None and found[0] > time.monotonic():
            return cast("Value", found[1])
        value = read()
        self._kept[name] = (time.monotonic() + seconds, value)
        return value

    def forget(self, *names: str) -> None:
        """Read anew what a write has changed; without names everything."""
        for name in names or tuple(self._kept):
            self._kept.pop(name, None)

    @property
    def me(self) -> Me:
        return self.keep("me", self.client.get_me, seconds=ME_SECONDS)

    @property
    def teams(self) -> list[TagRead]:
        return self.keep("teams", self.client.list_teams, seconds=LIST_SECONDS)

    @property
    def projects(self) -> list[TagRead]:
        return self.keep("projects", self.client.list_projects, seconds=LIST_SECONDS)

    @property
    def users(self) -> list[UserRead]:
        return self.keep("users", self._read_users, seconds=LIST_SECONDS)

    def _read_users(self) -> list[UserRead]:
        people: list[UserRead] = []
        cursor: str | None = None
        for _ in range(10):  # a thousand people; whoever has more finds the rest by name in the API
            page = self.client.list_users(cursor=cursor)
            people += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return people

    @property
    def team_names(self) -> list[str]:
        return [team.name for team in self.teams if team.is_active]

    @property
    def project_names(self) -> list[str]:
        return [project.name for project in self.projects if project.is_active]


class SessionStore:
    """All sign-ins of this process."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def open(self, client: Client) -> Session:
        session = Session(client)
        with self._lock:
            oldest = time.monotonic() - IDLE_SECONDS
            self._sessions = {key: one for key, one in self._sessions.items() if one.seen_at > oldest}
            self._sessions[session.id] = session
        return session

    def find(self, session_id: str | None) -> Session | None:
        session = self._sessions.get(session_id or "")
        if session is None or session.seen_at < time.monotonic() - IDLE_SECONDS:
            return None
        session.seen_at = time.monotonic()
        return session

    def close(self, session_id: str | None) -> None:
        """End a sign-in in every tab; the API's tokens are revoked by `Client.sign_out`."""
        with self._lock:
            self._sessions.pop(session_id or "", None)


SESSIONS = SessionStore()


def find_current() -> Session | None:
    """The session of the tab whose script runs.

    The cookie is HttpOnly: the browser sends it with the WebSocket's handshake, its scripts cannot read it.
    """
    session_id = st.session_state.get(_STATE)
    if session_id is None:
        session_id = st.context.cookies.get(COOKIE)
        st.session_state[_STATE] = session_id
    return SESSIONS.find(session_id)


def current() -> Session:
    """The session of the tab whose script runs; pages are only drawn for people who have one.

    Raises:
        SessionEnded: It was ended meanwhile, in another tab or by time.
    """
    session = find_current()
    if session is None:
        raise SessionEnded
    return session


class SessionEnded(Exception):  # noqa: N818 - not an error: people sign out
    """Nobody is signed in here any more."""
