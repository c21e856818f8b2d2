"""Hands a text to the server when the writer pauses: Streamlit does so only when the field is left."""

import streamlit as st

_SCRIPT = """
export default function ({ data }) {
  let timer = 0;
  const pause = (event) => {
    const field = event.target;  // listened for on the document: Streamlit may draw the field later, or anew
    if (field.tagName !== "TEXTAREA" || field.getAttribute("aria-label") !== data.label) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (field.value.trim().length < data.least) return;
      // Ctrl+Enter is how a Streamlit text area commits; the caret stays where it is.
      const enter = { key: "Enter", code: "Enter", keyCode: 13, ctrlKey: true, bubbles: true };
      field.dispatchEvent(new KeyboardEvent("keydown", enter));
    }, data.milliseconds);
  };
  document.addEventListener("input", pause);
  for (const field of document.querySelectorAll("textarea")) pause({ target: field });  // typed before this was there
  return () => { clearTimeout(timer); document.removeEventListener("input", pause); };
}
"""

PAUSE_MILLISECONDS = 900
"""Longer than between two words, shorter than reading on; at most 66 predictions a minute, within the API's 100."""


def watch_typing(label: str, *, least_characters: int) -> None:
    data = {"label": label, "least": least_characters, "milliseconds": PAUSE_MILLISECONDS}
    st.components.v2.component("bugflow_typing_pause", js=_SCRIPT)(key="typing_pause", data=data, height=1)
