"""Analytics: what comes in, who carries it, and how the predictions fare."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from html import escape

import plotly.graph_objects as go
import streamlit as st

from bugflow.schemas.stats import Acceptance
from bugflow.ui import charts, look, trouble
from bugflow.ui.format import TASK_NAMES, percent
from bugflow.ui.session import current

KEEP_SECONDS = timedelta(minutes=1).total_seconds()


def chart(title: str, about: str, rows: Sequence[object], draw: Callable[[], go.Figure], *, key: str) -> None:
    with st.container(border=True):
        look.show(f'<h2 class="bf-sub">{title}</h2><p class="bf-note">{about}</p>')
        if rows:
            st.plotly_chart(draw(), config=charts.CONFIG, key=key, alt=f"{title}. {about}")
        else:
            look.empty("Nothing to draw yet", "The chart fills with the first reports and corrections.")


def acceptance_table(rows: Sequence[Acceptance]) -> None:
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Field", "Model", "Predicted", "Corrected", "Confirmed", "Kept", "Coverage", "Precision")
    )
    body = "".join(
        f"<tr><td>{TASK_NAMES[one.task]}</td><td>{escape(one.model_version)}</td><td>{one.n_predicted}</td>"
        f"<td>{one.n_corrected}</td><td>{one.n_confirmed}</td><td>{percent(one.acceptance)}</td>"
        f"<td>{percent(one.coverage)}</td><td>{percent(one.precision)}</td></tr>"
        for one in rows
    )
    look.show(
        '<div class="bf-scroll" tabindex="0" role="region" aria-label="Predictions by model">'
        f'<table class="bf-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>',
    )


@trouble.guarded
def page() -> None:
    session = current()
    client = session.client
    look.heading("Analytics")
    counts = session.keep("severities", client.count_severities, seconds=KEEP_SECONDS)
    loads = session.keep("loads", client.list_team_loads, seconds=KEEP_SECONDS)
    weeks = session.keep("weeks", client.list_feedback_weeks, seconds=KEEP_SECONDS)
    accepted = session.keep("acceptance", client.list_acceptance, seconds=KEEP_SECONDS)
    left, right = st.columns(2)
    with left:
        some = [one for one in counts if one.n_total]
        chart("Severity", "All bugs", some, lambda: charts.severity_donut(counts), key="donut")
    with right:
        chart("Team workload", "Open and in progress", loads, lambda: charts.team_bars(loads), key="teams")
    trends()
    chart(
        "Feedback", "Corrections so far, and confirmations each week", weeks,
        lambda: charts.feedback_area(weeks), key="feedback",
    )  # fmt: skip
    chart(
        "Predictions",
        "Kept: nobody corrected it. Coverage: the share on which BugFlow acted alone. Precision: of those, kept.",
        accepted,
        lambda: charts.acceptance_bars(accepted),
        key="acceptance",
    )
    if accepted:
        acceptance_table(accepted)


@st.fragment
@trouble.guarded
def trends() -> None:
    session = current()
    days = st.segmented_control(
        "Days",
        [30, 90, 365],
        default=90,
        required=True,
        key="days",
        format_func=lambda n: f"{n} days",
        label_visibility="collapsed",
    )
    rows = session.keep(f"trend_{days}", lambda: session.client.list_trend(days=int(days or 90)), seconds=KEEP_SECONDS)
    chart(
        "Trend",
        "Reported and resolved each day, and what is left",
        rows,
        lambda: charts.trend_lines(rows),
        key="trend",
    )


page()
