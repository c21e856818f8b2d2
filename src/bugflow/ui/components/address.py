"""Leaves the app for the sign-in page: Streamlit itself cannot send a browser elsewhere."""

import streamlit as st

_SCRIPT = """
export default function () {
  const here = window.location.pathname + window.location.search;
  const next = here === "/" ? "" : "?next=" + encodeURIComponent(here);
  window.location.assign("/sign-in" + next);
}
"""


def leave() -> None:
    st.components.v2.component("bugflow_address", js=_SCRIPT)(key="leave", height=1)
