"""Applies theme and language of a person; Streamlit keeps a theme of its own in the browser, page by page."""

from typing import Literal

import streamlit as st

PATHS = (
    "/", "/report", "/bugs", "/bug", "/board", "/dashboard", "/review", "/models", "/analytics", "/notifications",
    "/settings", "/admin",
)  # fmt: skip

_SCRIPT = """
export default function ({ data }) {
  const app = document.querySelector(".stApp");
  const follow = () => { document.documentElement.style.colorScheme = getComputedStyle(app).colorScheme; };
  const watch = new MutationObserver(follow);
  if (app) { follow(); watch.observe(app, { attributes: true, attributeFilter: ["class"] }); }
  document.documentElement.lang = data.language;
  choose(data);
  return () => watch.disconnect();
}

function choose(data) {
  try {
    // Where and what Streamlit 1.67 keeps: "stActiveTheme-<path>-v2" is "Light", "Dark" or "System".
    const wanted = { light: "Light", dark: "Dark", system: "System" }[data.theme];
    const applied = localStorage.getItem("bugflow-theme") ?? "System";
    if (!wanted || wanted === applied) return;
    localStorage.setItem("bugflow-theme", wanted);
    for (const path of data.paths) localStorage.setItem(`stActiveTheme-${path}-v2`, JSON.stringify(wanted));
    if (localStorage.getItem("bugflow-theme") === wanted) window.location.reload();
  } catch { /* a browser that keeps nothing follows the system */ }
}
"""


def apply_theme(theme: Literal["light", "dark", "system"], *, language: str) -> None:
    data = {"theme": theme, "language": language, "paths": PATHS}
    with st.sidebar:
        st.components.v2.component("bugflow_theme", js=_SCRIPT)(key="theme", data=data, height=1)
