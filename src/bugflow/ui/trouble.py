"""What people see when something cannot be done: the API down, the session ended, a limit, a refusal."""

import functools
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import streamlit as st

from bugflow import errors
from bugflow.client import ApiProblem
from bugflow.errors import ApiUnreachable, BugFlowError
from bugflow.ui import look
from bugflow.ui.components.address import leave
from bugflow.ui.language import gettext as _
from bugflow.ui.language import said_as
from bugflow.ui.session import SESSIONS, SessionEnded, find_current

Arguments = ParamSpec("Arguments")


def plain(text: str) -> str:
    """Text from elsewhere for an element that draws Markdown: it is shown as written."""
    unlinked = re.sub(r"\b(?:https?|ftp|mailto)(?=:)|\bwww(?=\.)|@", "\\g<0>\N{WORD JOINER}", " ".join(text.split()))
    escaped = re.sub(r"([\\`*_{}\[\]()#+\-.!|~<>$&^=])", r"\\\1", unlinked)
    return re.sub(r":(?=[\w/+\\-]+:|[\w-]+\\?\[)", ":\N{WORD JOINER}", escaped)  # icons, emoji codes and colours


def message_of(error: BugFlowError) -> str:
    """The error in words, with the fields that a body was refused for."""
    if isinstance(error, ApiProblem):
        fields = "; ".join(
            f"{field.path.removeprefix('body.')}: {field.message}" for field in error.problem.errors or []
        )
        detail = said_as(_template_of(error.code), error.problem.detail)
        return f"{detail} ({fields})" if fields else detail
    if isinstance(error, ApiUnreachable):
        return _("BugFlow's API does not answer, so nothing was read or saved. It may be restarting.")
    return said_as(_template_of(error.code), str(error))


def _template_of(code: str) -> str:
    """The message of an error before its facts were put in; it is the docstring of its class."""
    return getattr(errors, code, errors.BugFlowError).__doc__ or ""


def is_ended(error: Exception) -> bool:
    return isinstance(error, SessionEnded) or (isinstance(error, ApiProblem) and error.code == "NotSignedIn")


def end_session() -> None:
    """Close what is left of the session and go to the sign-in page."""
    session = find_current()
    if session is not None:
        SESSIONS.close(session.id)
    st.info(_("You are signed out. Sign in to go on."), icon=":material/logout:")
    look.show(f'<a href="/sign-in" target="_self">{_("Sign in")}</a>')
    leave()


def show(error: BugFlowError) -> None:
    """The error in place of what could not be drawn, with the way on."""
    if isinstance(error, ApiProblem) and error.code == "TooManyRequests":
        seconds = math.ceil(error.retry_after_seconds or 10)
        st.warning(
            _("Too many requests in a short time. Wait {n} s, then try again.", n=seconds),
            icon=":material/hourglass_top:",
        )
    elif isinstance(error, ApiProblem) and error.problem.status == 403:
        st.warning(plain(message_of(error)), icon=":material/lock:")
        return
    elif isinstance(error, ApiProblem) and error.problem.status == 404:
        look.empty(_("Not found"), message_of(error))
        return
    else:
        st.error(plain(message_of(error)), icon=":material/error:")
    if st.button(_("Try again"), icon=":material/refresh:", key="try_again"):
        st.rerun()


def guarded(draw: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """A page or fragment that shows its trouble instead of breaking."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            draw(*args, **kwargs)
        except (BugFlowError, SessionEnded) as error:
            if is_ended(error):
                end_session()
            elif isinstance(error, BugFlowError):
                show(error)

    return drawn


@contextmanager
def attempt() -> Iterator[None]:
    """A write whose refusal is said below the button, and the page goes on. An ended session still ends the page."""
    try:
        yield
    except BugFlowError as error:
        if is_ended(error):
            raise
        st.error(plain(message_of(error)), icon=":material/error:")
