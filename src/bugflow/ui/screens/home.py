"""The first page: where a person's work is."""

import streamlit as st

st.switch_page(st.session_state["home"])
