"""Two models on live bugs: beginning a comparison, how it stands, what came of it."""

from html import escape

import streamlit as st

from bugflow.domain.experiments import ALARMING, ENOUGH, ExperimentKind
from bugflow.errors import BugFlowError
from bugflow.schemas.experiments import ExperimentCreate, ExperimentRead
from bugflow.ui import look, trouble
from bugflow.ui.format import EXPERIMENT_NAMES, ago, percent
from bugflow.ui.session import Session

KEEP_SECONDS = 10.0
N_SHOWN = 10
HALF, SILENTLY = "For half of the bugs", "For none, silently"


def ask_comparison(session: Session, challenger: str) -> None:
    """A button that asks how a model is to be held against the one that answers, and why."""
    with st.popover("Compare", icon=":material/compare_arrows:", key=f"compare_{challenger}"):
        with st.form(f"comparison_{challenger}", border=False):
            how = st.radio("It answers", [SILENTLY, HALF], key=f"how_{challenger}")
            reason = st.text_input("Reason", max_chars=500, key=f"why_{challenger}")
            if not st.form_submit_button("Compare", type="primary"):
                return
            if not reason.strip():
                st.error("Say why: it is kept with the comparison.")
                return
        kind = ExperimentKind.AB if how == HALF else ExperimentKind.SHADOW
        try:
            session.client.start_experiment(ExperimentCreate(challenger=challenger, kind=kind, reason=reason))
        except BugFlowError as error:
            trouble.show(error)
            return
    trouble.toast_later(f"{challenger} is being compared", icon=":material/compare_arrows:")
    session.forget("experiments")
    st.rerun()


def show_comparisons(session: Session) -> None:
    """Those that run, with their figures and a way to stop them; below what came of earlier ones."""
    found = session.keep("experiments", lambda: session.client.list_experiments(limit=N_SHOWN), seconds=KEEP_SECONDS)
    look.show('<h2 class="bf-sub">Comparisons</h2>')
    if not found.items:
        look.empty(
            "No two models were compared yet",
            "After each promotion the former model goes on answering silently, and comes back if it was better.",
        )
    for one in found.items:
        if one.ended_at is None:
            _show_running(session, one)
    items = "".join(
        f"<li><b>{EXPERIMENT_NAMES[one.kind]}</b> {escape(one.champion)} and {escape(one.challenger)}"
        f'<span class="bf-soft">{escape(one.outcome)}</span><span class="bf-soft">{ago(one.ended_at)}</span></li>'
        for one in found.items
        if one.ended_at is not None
    )
    if items:
        look.show(f'<ul class="bf-history">{items}</ul>')


def _show_running(session: Session, one: ExperimentRead) -> None:
    with st.container(border=True):
        look.show(
            f"<p><b>{EXPERIMENT_NAMES[one.kind]}</b>: {escape(one.champion)} and {escape(one.challenger)} "
            f'<span class="bf-soft">{ago(one.created_at)}</span></p>'
            f'<p class="bf-note" role="status">{_figures(one)}</p>'
        )
        st.button("Stop", icon=":material/close:", on_click=stop, args=(session, one), key=f"stop_{one.id}")


def _figures(one: ExperimentRead) -> str:
    """How it stands, in a few words."""
    found = one.comparison
    if not found.n:
        return "No bug counts yet. One does when people have had their time to correct it."
    bar = ALARMING if one.kind is ExperimentKind.PROBATION else ENOUGH
    decided = f"The evidence is {min(found.surprise, 9_999):,.1f}; {bar:.0f} decides."
    if one.kind is ExperimentKind.AB:
        return (
            f"Corrected: {escape(one.champion)} {found.corrected_of_champion} of {found.shown_by_champion}, "
            f"{escape(one.challenger)} {found.corrected_of_challenger} of {found.shown_by_challenger}. {decided}"
        )
    return (
        f"Of {found.n} bugs both said the same on {percent(found.n_agreed / found.n)}. Right alone: "
        f"{escape(one.champion)} {found.only_champion}, {escape(one.challenger)} {found.only_challenger}. {decided}"
    )


def stop(session: Session, one: ExperimentRead) -> None:
    with trouble.attempt():
        session.client.stop_experiment(one.id, reason="Stopped on the page of models.")
        trouble.toast_later(f"The comparison of {one.champion} and {one.challenger} was stopped")
    session.forget("experiments")
