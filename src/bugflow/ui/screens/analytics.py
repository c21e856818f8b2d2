"""Analytics: what comes in, who carries it, and how the predictions fare."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from html import escape

import plotly.graph_objects as go
import streamlit as st

from bugflow.schemas.health import ModelHealth
from bugflow.schemas.stats import Acceptance, Accuracy
from bugflow.ui import charts, look, trouble
from bugflow.ui.format import DASH, TASK_NAMES, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.language import ngettext
from bugflow.ui.session import current

KEEP_SECONDS = timedelta(minutes=1).total_seconds()


def chart(title: str, about: str, rows: Sequence[object], draw: Callable[[], go.Figure], *, key: str) -> None:
    with st.container(border=True):
        look.section(title, about)
        if rows:
            st.plotly_chart(draw(), config=charts.CONFIG, key=key, alt=f"{title}. {about}")
        else:
            look.empty(_("Nothing to draw yet"), _("The chart fills with the first reports and corrections."))


def table(label: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    head = "".join(f"<th>{name}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    look.show(
        f'<div class="bf-scroll" tabindex="0" role="region" aria-label="{label}">'
        f'<table class="bf-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
    )


def acceptance_table(rows: Sequence[Acceptance]) -> None:
    table(
        _("Predictions by model"),
        (
            _("Field"), _("Model"), _("Predicted"), _("Corrected"), _("Confirmed"), _("Kept"), _("Coverage"),
            _("Precision"),
        ),
        [
            (
                TASK_NAMES[one.task], one.model_version, one.n_predicted, one.n_corrected, one.n_confirmed,
                percent(one.acceptance), percent(one.coverage), percent(one.precision),
            )
            for one in rows
        ],
    )  # fmt: skip


def accuracy_table(rows: Sequence[Accuracy]) -> None:
    """How often it is right, from random checks alone: people mostly correct what is wrong."""
    look.section(
        _("Random checks"),
        _(
            "Right: of the bugs drawn at random on which a project manager has spoken. The true share lies in the "
            "range in 95 of 100 cases."
        ),
    )
    table(
        _("Random checks by model"),
        (_("Field"), _("Model"), _("Drawn"), _("Decided"), _("Right"), _("Range")),
        [
            (
                TASK_NAMES[one.task], one.model_version, one.n_drawn, one.n_decided, percent(one.accuracy),
                _("{low} to {high}", low=percent(one.low), high=percent(one.high)) if one.n_decided else DASH,
            )
            for one in rows
        ],
    )  # fmt: skip


def sureness(healths: Sequence[ModelHealth]) -> None:
    """Whether what answers now is as sure as it may be, over its newest reports."""
    left, right = st.columns(2)
    with left:
        spoken = [one for one in healths if one.reliability]
        chart(
            _("Reliability"),
            _(
                "How sure BugFlow was, and how often it was right, where people spoke. Below the dotted line it is too "
                "sure, above it not sure enough."
            ),
            spoken,
            lambda: charts.reliability_dots(spoken),
            key="reliability",
        )
    with right:
        known = [one for one in healths if one.tradeoff]
        chart(
            _("Precision and coverage"),
            _("If it acted only where it is surest: on which share of the reports, and how many of these were kept."),
            known,
            lambda: charts.tradeoff_lines(known),
            key="tradeoff",
        )


@trouble.guarded
def page() -> None:
    session = current()
    client = session.client
    look.heading(_("Analytics"))
    counts = session.keep("severities", client.count_severities, seconds=KEEP_SECONDS)
    loads = session.keep("loads", client.list_team_loads, seconds=KEEP_SECONDS)
    weeks = session.keep("weeks", client.list_feedback_weeks, seconds=KEEP_SECONDS)
    accepted = session.keep("acceptance", client.list_acceptance, seconds=KEEP_SECONDS)
    left, right = st.columns(2)
    with left:
        some = [one for one in counts if one.n_total]
        chart(_("Severity"), _("All bugs"), some, lambda: charts.severity_donut(counts), key="donut")
    with right:
        chart(_("Team workload"), _("Open and in progress"), loads, lambda: charts.team_bars(loads), key="teams")
    trends()
    triaged = session.keep("triage", client.list_triage_weeks, seconds=KEEP_SECONDS)
    chart(
        _("Time to triage"),
        _("Median hours until a person moved, assigned, corrected or confirmed a report, by the week in which it came"),
        [one for one in triaged if one.n_triaged],
        lambda: charts.triage_bars(triaged),
        key="triage",
    )
    chart(
        _("Feedback"), _("Corrections so far, and confirmations each week"), weeks,
        lambda: charts.feedback_area(weeks), key="feedback",
    )  # fmt: skip
    chart(
        _("Predictions"),
        _("Kept: nobody corrected it. Coverage: the share on which BugFlow acted alone. Precision: of those, kept."),
        accepted,
        lambda: charts.acceptance_bars(accepted),
        key="acceptance",
    )
    if accepted:
        acceptance_table(accepted)
    healths = session.keep("health", client.list_model_health, seconds=KEEP_SECONDS)
    sureness(healths)
    measured = session.keep("accuracy", client.list_accuracy, seconds=KEEP_SECONDS)
    if measured:
        accuracy_table(measured)


@st.fragment
@trouble.guarded
def trends() -> None:
    session = current()
    days = st.segmented_control(
        _("Days"),
        [30, 90, 365],
        default=90,
        required=True,
        key="days",
        format_func=lambda n: ngettext("{n} day", "{n} days", n),
        label_visibility="collapsed",
    )
    rows = session.keep(f"trend_{days}", lambda: session.client.list_trend(days=int(days or 90)), seconds=KEEP_SECONDS)
    chart(
        _("Trend"),
        _("Reported and resolved each day, and what is left"),
        rows,
        lambda: charts.trend_lines(rows),
        key="trend",
    )


page()
