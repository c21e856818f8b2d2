"""What is said after an action, and the way back from it while that is fresh."""

import time
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from bugflow.errors import BugFlowError
from bugflow.ui import trouble
from bugflow.ui.language import gettext as _

UNDO_SECONDS = 10


class _Offer(NamedTuple):
    message: str
    back: Callable[[], None]
    until: float
    place: str


def later(
    message: str,
    *,
    icon: str = ":material/check:",
    back: Callable[[], None] | None = None,
    place: str = "page",
) -> None:
    """Say it on the next run: what is said before a rerun would vanish with it.

    Args:
        message: What happened.
        icon: Of the toast.
        back: Takes the action back; offered for `UNDO_SECONDS`, until another action.
        place: Where that is offered: "page", or a fragment that draws itself anew without the page.
    """
    if place == "page":
        st.session_state.setdefault("toasts", []).append((message, icon))
    st.session_state.pop("undo", None)
    if back is not None:
        st.session_state["undo"] = _Offer(message, back, time.monotonic() + UNDO_SECONDS, place)


def refused(error: BugFlowError) -> None:
    """Say on the next run why a button's callback could not do its work."""
    later(trouble.plain(trouble.message_of(error)), icon=":material/error:")


def show() -> None:
    for message, icon in st.session_state.pop("toasts", []):
        st.toast(message, icon=icon)
    offer_undo("page")


def offer_undo(place: str) -> None:
    offered: _Offer | None = st.session_state.get("undo")
    if offered is not None and offered.place == place and time.monotonic() < offered.until:
        _offer(place)


@st.fragment(run_every=UNDO_SECONDS)
def _offer(place: str) -> None:
    offered: _Offer | None = st.session_state.get("undo")
    if offered is None or time.monotonic() >= offered.until:
        st.session_state.pop("undo", None)
        return
    with st.container(key=f"undobar_{place}", horizontal=True, vertical_alignment="center"):
        st.text(offered.message)
        if st.button(_("Undo"), icon=":material/undo:", key=f"undo_button_{place}"):
            _undo(offered)


def _undo(offered: _Offer) -> None:
    st.session_state.pop("undo", None)
    try:
        offered.back()
    except BugFlowError as error:
        refused(error)
    else:
        later(_("Undone"), icon=":material/undo:")
    st.rerun()
