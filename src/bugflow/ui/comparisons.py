"""Two models on live bugs: beginning a comparison, how it stands, what came of it."""

from html import escape

import streamlit as st

from bugflow.domain.experiments import ALARMING, ENOUGH, ExperimentKind
from bugflow.errors import BugFlowError
from bugflow.schemas.experiments import ExperimentCreate, ExperimentRead
from bugflow.ui import look, toasts, trouble
from bugflow.ui.format import EXPERIMENT_NAMES, ago, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.language import number_text, said
from bugflow.ui.session import Session

KEEP_SECONDS = 10.0
N_SHOWN = 10


def ask_comparison(session: Session, challenger: str) -> None:
    """A button that asks how a model is to be held against the one that answers, and why."""
    with st.popover(_("Compare"), icon=":material/compare_arrows:", key=f"compare_{challenger}"):
        with st.form(f"comparison_{challenger}", border=False):
            kind = st.radio(
                _("It answers"),
                [ExperimentKind.SHADOW, ExperimentKind.AB],
                format_func={
                    ExperimentKind.SHADOW: _("For none, silently"),
                    ExperimentKind.AB: _("For half of the bugs"),
                }.__getitem__,
                key=f"how_{challenger}",
            )
            reason = st.text_input(_("Reason"), max_chars=500, key=f"why_{challenger}")
            if not st.form_submit_button(_("Compare"), type="primary"):
                return
            if not reason.strip():
                st.error(_("Say why: it is kept with the comparison."))
                return
        try:
            session.client.start_experiment(ExperimentCreate(challenger=challenger, kind=kind, reason=reason))
        except BugFlowError as error:
            trouble.show(error)
            return
    toasts.later(_("{model} is being compared", model=challenger), icon=":material/compare_arrows:")
    session.forget("experiments")
    st.rerun()


def show_comparisons(session: Session) -> None:
    """Those that run, with their figures and a way to stop them; below what came of earlier ones."""
    found = session.keep("experiments", lambda: session.client.list_experiments(limit=N_SHOWN), seconds=KEEP_SECONDS)
    look.section(_("Comparisons"))
    if not found.items:
        look.empty(
            _("No two models were compared yet"),
            _("After each promotion the former model goes on answering silently, and comes back if it was better."),
        )
    for one in found.items:
        if one.ended_at is None:
            _show_running(session, one)
    items = "".join(
        f"<li><b>{EXPERIMENT_NAMES[one.kind]}</b> {escape(_names(one))}"
        f'<span class="bf-soft">{escape(said(one.outcome))}</span><span class="bf-soft">{ago(one.ended_at)}</span></li>'
        for one in found.items
        if one.ended_at is not None
    )
    if items:
        look.show(f'<ul class="bf-history">{items}</ul>')


def _show_running(session: Session, one: ExperimentRead) -> None:
    with st.container(border=True):
        look.show(
            f"<p><b>{EXPERIMENT_NAMES[one.kind]}</b>: {escape(_names(one))} "
            f'<span class="bf-soft">{ago(one.created_at)}</span></p>'
            f'<p class="bf-note" role="status">{escape(_figures(one))}</p>'
        )
        st.button(_("Stop"), icon=":material/close:", on_click=stop, args=(session, one), key=f"stop_{one.id}")


def _figures(one: ExperimentRead) -> str:
    """How it stands, in a few words."""
    found = one.comparison
    if not found.n:
        return _("No bug counts yet. One does when people have had their time to correct it.")
    bar = ALARMING if one.kind is ExperimentKind.PROBATION else ENOUGH
    evidence = number_text(round(min(found.surprise, 9_999), 1))
    decided = _("The evidence is {evidence}; {bar} decides.", evidence=evidence, bar=f"{bar:.0f}")
    if one.kind is ExperimentKind.AB:
        figures = _(
            "Corrected: {champion} {n_champion} of {of_champion}, {challenger} {n_challenger} of {of_challenger}.",
            champion=one.champion,
            n_champion=found.corrected_of_champion,
            of_champion=found.shown_by_champion,
            challenger=one.challenger,
            n_challenger=found.corrected_of_challenger,
            of_challenger=found.shown_by_challenger,
        )
    else:
        figures = _(
            "Of {n} bugs both said the same on {share}. Right alone: {champion} {n_champion}, "
            "{challenger} {n_challenger}.",
            n=found.n,
            share=percent(found.n_agreed / found.n),
            champion=one.champion,
            n_champion=found.only_champion,
            challenger=one.challenger,
            n_challenger=found.only_challenger,
        )
    return f"{figures} {decided}"


def _names(one: ExperimentRead) -> str:
    return _("{champion} and {challenger}", champion=one.champion, challenger=one.challenger)


def stop(session: Session, one: ExperimentRead) -> None:
    with trouble.attempt():
        session.client.stop_experiment(one.id, reason=_("Stopped on the page of models."))
        toasts.later(_("No longer compared: {models}", models=_names(one)))
    session.forget("experiments")
