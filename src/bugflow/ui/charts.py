"""The figures of the analytics page; the document's neon palette lives here and in the severity colours."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import ceil
from typing import Any

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Severity, Task
from bugflow.schemas.health import ModelHealth
from bugflow.schemas.registry import PromiseRead
from bugflow.schemas.stats import Acceptance, FeedbackWeek, SeverityCount, TeamLoad, TrendDay, TriageWeek
from bugflow.ui.format import SEVERITY_NAMES, STATUS_NAMES, TASK_NAMES, label_name
from bugflow.ui.language import gettext as _
from bugflow.ui.language import locale

SEVERITY_COLORS = {"critical": "#ff1744", "high": "#ff9100", "medium": "#ffc400", "low": "#1de9b6"}
FUCHSIA = "#e040fb"
TASK_COLORS = {Task.SEVERITY: "#ff4081", Task.TEAM: "#7c4dff"}
CONFIG: dict[str, Any] = {"displayModeBar": False, "responsive": True}


def _framed(figure: go.Figure) -> go.Figure:
    """Sizes and separators: ink, grid and background come from Streamlit's theme, which follows the browser at once."""
    symbols = locale().number_symbols["latn"]
    figure.update_layout(
        height=320,
        separators=f"{symbols['decimal']}{symbols['group']}",
        margin={"l": 8, "r": 16, "t": 12, "b": 8},
        font={"size": 14},
        legend={"orientation": "h", "y": -0.18, "x": 0, "title": {"text": ""}},
        hoverlabel={"font": {"size": 14}},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True, rangemode="tozero")
    return figure


def severity_donut(counts: Sequence[SeverityCount]) -> go.Figure:
    shown = [one for one in sorted(counts, key=lambda one: -Severity(one.severity).rank) if one.n_total]
    figure = go.Figure(
        go.Pie(
            labels=[label_name(one.severity) for one in shown],
            values=[one.n_total for one in shown],
            hole=0.62,
            sort=False,
            direction="clockwise",
            marker={"colors": [SEVERITY_COLORS.get(one.severity, "#9aa0b4") for one in shown]},
            textinfo="label+value",
            textposition="outside",
            hovertemplate="%{label}: %{value} (%{percent})<extra></extra>",
        )
    )
    figure.add_annotation(text=str(sum(one.n_total for one in shown)), showarrow=False, font={"size": 30})
    _framed(figure)
    return figure.update_layout(showlegend=False, margin={"l": 70, "r": 70, "t": 30, "b": 30})


def team_bars(loads: Sequence[TeamLoad]) -> go.Figure:
    ranked = sorted(loads, key=lambda one: one.n_open + one.n_in_progress)
    totals = [one.n_open + one.n_in_progress for one in ranked]
    most = max(totals, default=0) or 1
    colors = sample_colorscale("Plasma", [0.15 + 0.65 * total / most for total in totals]) if totals else []
    figure = go.Figure(
        go.Bar(
            x=totals,
            y=[one.team for one in ranked],
            orientation="h",
            marker={"color": colors, "cornerradius": 6},
            text=totals,
            textposition="outside",
            cliponaxis=False,
            customdata=[(one.n_open, one.n_in_progress, one.n_critical_open) for one in ranked],
            hovertemplate=f"%{{y}}<br>{STATUS_NAMES[Status.OPEN]}: %{{customdata[0]}}"
            f"<br>{STATUS_NAMES[Status.IN_PROGRESS]}: %{{customdata[1]}}"
            f"<br>{SEVERITY_NAMES[Severity.CRITICAL]}: %{{customdata[2]}}<extra></extra>",
        )
    )
    return _framed(figure).update_xaxes(tickformat=",d", tick0=0, dtick=ceil(most / 5), range=[0, most * 1.15])


def feedback_area(weeks: Sequence[FeedbackWeek]) -> go.Figure:
    days = [one.week for one in weeks]
    figure = go.Figure(
        go.Scatter(
            x=days,
            y=[one.n_corrections_total for one in weeks],
            name=_("Corrections so far"),
            mode="lines+markers" if len(days) < 20 else "lines",
            line={"shape": "spline", "color": FUCHSIA, "width": 3, "smoothing": 0.8},
            fill="tozeroy",
            fillcolor="rgba(224,64,251,.22)",
        )
    )
    figure.add_bar(
        x=days,
        y=[one.n_confirmations for one in weeks],
        name=_("Confirmations in the week"),
        marker={"color": "#00b8d4"},
        opacity=0.65,
    )
    return _dated(_framed(figure), days)


def trend_lines(days: Sequence[TrendDay]) -> go.Figure:
    figure = go.Figure()
    lines = [
        (_("Not resolved"), "n_open", "#7c4dff"),
        (_("Reported"), "n_reported", "#ff4081"),
        (_("Resolved"), "n_resolved", "#00c853"),
    ]
    for name, field, color in lines:
        figure.add_scatter(
            x=[one.day for one in days],
            y=[getattr(one, field) for one in days],
            name=name,
            mode="lines",
            line={"color": color, "width": 2.5},
        )
    return _dated(_framed(figure), [one.day for one in days])


def triage_bars(weeks: Sequence[TriageWeek]) -> go.Figure:
    figure = go.Figure(
        go.Bar(
            x=[one.week for one in weeks],
            y=[one.median_hours for one in weeks],
            marker={"color": "#00b8d4", "cornerradius": 4},
            customdata=[(one.n_triaged, one.n_reported) for one in weeks],
            hovertemplate=_(
                "{hours} h, of {n} bugs of {all}",
                hours="%{y}",
                n="%{customdata[0]}",
                all="%{customdata[1]}",
            )
            + "<extra></extra>",
        )
    )
    return _dated(_framed(figure), [one.week for one in weeks]).update_layout(showlegend=False)


def reliability_dots(healths: Sequence[ModelHealth]) -> go.Figure:
    """How often each field was right, by how sure it was; a larger dot stands for more bugs."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "color": "#9aa0b4"}, hoverinfo="skip", showlegend=False
    )
    for one in healths:
        most = max((bin_.n for bin_ in one.reliability), default=1)
        figure.add_scatter(
            x=[bin_.confidence for bin_ in one.reliability],
            y=[bin_.right for bin_ in one.reliability],
            name=TASK_NAMES[one.task],
            mode="markers",
            marker={
                "color": TASK_COLORS[one.task],
                "size": [6 + 16 * (bin_.n / most) ** 0.5 for bin_ in one.reliability],
            },
            customdata=[bin_.n for bin_ in one.reliability],
            hovertemplate=_("Sure: {x}. Right: {y}, of {n}", x="%{x:.0%}", y="%{y:.0%}", n="%{customdata}")
            + "<extra></extra>",
        )
    _framed(figure).update_xaxes(tickformat=".0%", range=[0, 1.04], title={"text": _("Sure")})
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.04], title={"text": _("Right")})


def tradeoff_lines(healths: Sequence[ModelHealth]) -> go.Figure:
    figure = go.Figure()
    for one in healths:
        figure.add_scatter(
            x=[point.coverage for point in one.tradeoff],
            y=[point.precision for point in one.tradeoff],
            name=TASK_NAMES[one.task],
            mode="lines",
            line={"color": TASK_COLORS[one.task], "width": 2.5},
            customdata=[point.confidence for point in one.tradeoff],
            hovertemplate=_(
                "Sure by {sure} and more: {x} of the reports, {y} kept",
                sure="%{customdata:.0%}",
                x="%{x:.0%}",
                y="%{y:.0%}",
            )
            + "<extra></extra>",
        )
    _framed(figure).update_xaxes(tickformat=".0%", range=[0, 1.04], title={"text": _("Coverage")})
    return figure.update_yaxes(tickformat=".0%", range=[0, 1.04], title={"text": _("Precision")})


def _dated(figure: go.Figure, days: Sequence[date]) -> go.Figure:
    """Days as figures: the names of months that the library knows are English. Short ones, to fit on a phone."""
    is_long = len(days) > 1 and days[-1] - days[0] > timedelta(days=120)
    shown, n = ("%Y-%m", 4) if is_long else ("%m-%d", 6)
    return figure.update_xaxes(tickformat=shown, hoverformat="%Y-%m-%d", nticks=n, tickangle=0)


def promise_curve(one: PromiseRead) -> go.Figure:
    """On which share of reports the machine would act, by what is promised."""
    figure = go.Figure(
        go.Scatter(
            x=[float(promise) for promise in one.curve],
            y=list(one.curve.values()),
            mode="lines",
            line={"color": "#7c4dff", "width": 2.5, "shape": "hv"},
            fill="tozeroy",
            fillcolor="rgba(124, 77, 255, 0.15)",
            hovertemplate=_("Promised {x}: acts on {y}", x="%{x:.0%}", y="%{y:.0%}") + "<extra></extra>",
        )
    )
    figure.add_vline(x=one.promise, line={"color": FUCHSIA, "width": 2, "dash": "dot"})
    _framed(figure).update_layout(height=220, showlegend=False)
    return figure.update_xaxes(tickformat=".0%").update_yaxes(tickformat=".0%", range=[0, 1.02])


def acceptance_bars(rows: Sequence[Acceptance]) -> go.Figure:
    names = [f"{TASK_NAMES[one.task]}<br>{one.model_version}" for one in rows]
    figure = go.Figure()
    for name, field, color in (
        (_("Kept"), "acceptance", "#00c853"),
        (_("Coverage"), "coverage", "#7c4dff"),
        (_("Precision"), "precision", "#00b8d4"),
    ):
        figure.add_bar(
            x=names, y=[getattr(one, field) for one in rows], name=name, marker={"color": color, "cornerradius": 4}
        )
    return _framed(figure).update_yaxes(tickformat=".0%", range=[0, 1.02]).update_layout(barmode="group")
