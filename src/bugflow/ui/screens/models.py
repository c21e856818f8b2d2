"""Models: which answer, what was trained since, what the gate said, and what is promised."""

from html import escape

import streamlit as st

from bugflow.domain.predictions import Task
from bugflow.domain.registry import Stage
from bugflow.errors import BugFlowError
from bugflow.schemas.health import ModelHealth
from bugflow.schemas.registry import ModelRead, PromiseRead, RunRead, VerdictRead
from bugflow.ui import charts, comparisons, look, toasts, trouble
from bugflow.ui.format import DRIFT_NAMES, RUN_NAMES, STAGE_NAMES, TASK_NAMES, TRIGGER_NAMES, ago, label_name, percent
from bugflow.ui.language import gettext as _
from bugflow.ui.language import said
from bugflow.ui.session import Session, current

KEEP_SECONDS = 10.0
MOST_PINS = 100  # a page of the API
LOOK_SECONDS = 10  # while a run is under way; no faster, it takes a minute


def forget(session: Session) -> None:
    session.forget("models", "promises", "runs", "overview", "experiments", "health")


def retrain(session: Session) -> None:
    with trouble.attempt():
        run = session.client.retrain()
        toasts.later(
            _("Training {id}: {state}", id=run.id, state=RUN_NAMES[run.state]), icon=":material/model_training:"
        )
    forget(session)


def cancel(session: Session, run: RunRead) -> None:
    with trouble.attempt():
        session.client.cancel_run(run.id)
        toasts.later(_("Training {id} was cancelled", id=run.id))
    forget(session)


def change_promise(session: Session, task: Task) -> None:
    with trouble.attempt():
        session.client.change_promise(task, st.session_state[f"promise_{task}"] / 100)
        toasts.later(_("The promise was changed"), icon=":material/handshake:")
    forget(session)


def show_health(health: ModelHealth) -> None:
    """What became of its newest answers, and whether what comes in is still what it knows."""
    facts = [
        (_("Kept"), percent(health.acceptance)),
        (_("Acted alone"), percent(health.coverage)),
        (_("Sure by how much too much or too little"), percent(health.calibration_error)),
        (_("Reports"), DRIFT_NAMES[health.drift]),
    ]
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    newest = _(
        "Its newest {n} predictions; people spoke on {n_spoken}.", n=health.n_predicted, n_spoken=health.n_spoken
    )
    look.section(_("How it does since it answers"), newest, level=3)
    look.show(f'<dl class="bf-facts">{rows}</dl>')
    if health.advice:
        look.show(f'<p role="status">{escape(said(health.advice))}</p>')


def show_champion(session: Session, one: PromiseRead, models: list[ModelRead], health: ModelHealth | None) -> None:
    champion = next(
        (model.name for model in models if (model.task, model.stage) == (one.task, Stage.CHAMPION)), one.model
    )
    known = next((model for model in models if model.name == champion), None)
    since = _("Answers since: {when}.", when=ago(known.since)) if known else _("Answers from the start.")
    look.section(f"{TASK_NAMES[one.task]}: {champion}", since)
    if champion != one.model:
        look.note(_("It takes over from {model} within seconds.", model=one.model))
        session.forget("promises")
    st.slider(
        _("Act alone only if so many are right"),
        50,
        99,
        round(one.promise * 100),
        format="%d %%",
        key=f"promise_{one.task}",
        on_change=change_promise,
        args=(session, one.task),
        help=_("What BugFlow is less sure of it suggests, and a person decides."),
    )
    share = percent(one.coverage)
    acts = _("It acts alone on {share} of reports, as measured when the model was made.", share=share)
    look.note(acts if one.coverage else _("With that promise it acts on nothing alone."))
    alt = f"{_('Coverage by promise.')} {acts}"
    st.plotly_chart(charts.promise_curve(one), config=charts.CONFIG, key=f"curve_{one.task}", alt=alt)
    if health and health.n_predicted:
        show_health(health)
    if known and any(model.task is one.task and model.stage is Stage.RETIRED for model in models):
        ask_reason(session, _("Roll back"), one.task.value, icon=":material/undo:")


def ask_reason(session: Session, label: str, what: str, *, icon: str) -> None:
    """A button that asks why before it changes which model answers; `what` is a task or a model."""
    with st.popover(label, icon=icon, key=f"ask_{what}"), st.form(f"form_{what}", border=False):
        reason = st.text_input(_("Reason"), max_chars=500, key=f"reason_{what}")
        if not st.form_submit_button(label, type="primary"):
            return
        if not reason.strip():
            st.error(_("Say why: it is kept with the model."))
            return
    try:
        if what in set(Task):
            model = session.client.roll_back_model(Task(what), reason=reason)
        else:
            model = session.client.promote_model(what, reason=reason)
    except BugFlowError as error:
        trouble.show(error)
        return
    toasts.later(_("{model} answers now", model=model.name), icon=":material/model_training:")
    forget(session)
    st.rerun()


def show_runs(session: Session, runs: list[RunRead]) -> None:
    overview = session.keep("overview", session.client.get_overview, seconds=KEEP_SECONDS)
    look.section(_("Training"))
    new, every = overview.n_new_corrections, overview.retrain_after_corrections
    look.note(_("New corrections: {n} of {every}. Then a training begins on its own.", n=new, every=every))
    waiting = next((run for run in runs if not run.state.ended), None)
    if waiting:
        look.show(
            f'<p role="status"><b>{RUN_NAMES[waiting.state]}</b>: {escape(said(waiting.step))} '
            f'<span class="bf-soft">{ago(waiting.created_at)}</span></p>'
        )
        st.button(_("Cancel"), icon=":material/close:", on_click=cancel, args=(session, waiting), key="cancel")
    else:
        st.button(_("Train now"), icon=":material/model_training:", on_click=retrain, args=(session,), key="train")
    items = "".join(
        f"<li><b>{RUN_NAMES[run.state]}</b> {TRIGGER_NAMES[run.trigger]}"
        f'<span class="bf-soft">{escape(said(run.outcome))}</span><span class="bf-soft">'
        f"{escape(run.actor.display_name) + ' &middot; ' if run.actor else ''}{ago(run.created_at)}</span></li>"
        for run in runs
        if run.state.ended
    )
    if items:
        look.show(f'<ul class="bf-history">{items}</ul>')
    elif not waiting:
        look.empty(
            _("Nothing was trained yet"), _("Correct predictions in Review: what you say trains the next model.")
        )


@st.fragment(run_every=LOOK_SECONDS)
@trouble.guarded
def training() -> None:
    session = current()
    runs = session.keep("runs", session.client.list_runs, seconds=KEEP_SECONDS / 2).items
    show_runs(session, runs)


@st.fragment(run_every=LOOK_SECONDS)
@trouble.guarded
def comparing() -> None:
    comparisons.show_comparisons(current())


def show_verdict(verdict: VerdictRead) -> None:
    """Rule by rule, what failed first."""
    rows = "".join(
        f"<li><b>{_('Passed') if rule.passed else _('Failed')}</b> {escape(said(rule.text))}</li>"
        for rule in sorted(verdict.rules, key=lambda rule: rule.passed)
    )
    look.section(_("The gate"), level=3)
    look.show(f'<ul class="bf-history">{rows}</ul>')
    look.section(_("History"), level=3)


def show_model(session: Session, model: ModelRead) -> None:
    gate = {True: _("passed the gate"), False: _("refused by the gate"), None: _("not judged")}[model.passed]
    title = f"{model.name} \N{MIDDLE DOT} {STAGE_NAMES[model.stage]} \N{MIDDLE DOT} {gate}"
    with st.expander(title, key=f"model_{model.name}", on_change="rerun") as opened:
        if not opened.open:
            return
        detail = session.client.get_model(model.name)
        if detail.verdict:
            show_verdict(detail.verdict)
        items = "".join(
            f'<li><b>{STAGE_NAMES[row.stage]}</b> {escape(said(row.reason))}<span class="bf-soft">'
            f"{escape(row.actor.display_name) if row.actor else 'BugFlow'} &middot; {ago(row.created_at)}</span></li>"
            for row in detail.history
        )
        look.show(f'<ul class="bf-history">{items}</ul>')
        if model.stage is not Stage.CHAMPION:
            with st.container(horizontal=True):
                if model.passed is not False:
                    ask_reason(session, _("Promote"), model.name, icon=":material/upgrade:")
                comparisons.ask_comparison(session, model.name)


def show_pins(session: Session) -> None:
    """The bugs that no new model may get wrong."""
    with st.expander(_("Pinned bugs"), icon=":material/keep:", key="pins", on_change="rerun") as opened:
        if not opened.open:
            return
        found = session.keep("pins", lambda: session.client.list_pins(limit=MOST_PINS), seconds=KEEP_SECONDS)
        if not found.items:
            look.empty(_("Nothing is pinned"), _("Pin a bug on its page: a model that gets it wrong is refused."))
        for pin in found.items:
            name = f"#{pin.bug_id} {trouble.plain(pin.title)}"
            st.page_link("screens/bug.py", label=name, query_params={"id": str(pin.bug_id)})
            said = f"{TASK_NAMES[pin.task]}: {label_name(pin.label)}"
            why = f" &middot; {escape(pin.reason)}" if pin.reason else ""
            look.show(
                f'<p class="bf-note">{escape(said)} &middot; {escape(pin.actor.display_name)}, '
                f"{ago(pin.created_at)}{why}</p>"
            )
        if found.next_cursor:
            look.note(_("Shown: the newest {n}.", n=MOST_PINS))


@trouble.guarded
def page() -> None:
    session = current()
    client = session.client
    look.heading(_("Models"), _("What answers, what it may decide alone, and what your corrections made of it."))
    promises = session.keep("promises", client.list_promises, seconds=KEEP_SECONDS)
    models = session.keep("models", client.list_models, seconds=KEEP_SECONDS)
    found = session.keep("health", client.list_model_health, seconds=KEEP_SECONDS)
    healths = {health.task: health for health in found}
    for column, one in zip(st.columns(len(promises)), promises, strict=True):
        with column, st.container(border=True):
            show_champion(session, one, models, healths.get(one.task))
    training()
    comparing()
    show_pins(session)
    look.section(_("Models so far"))
    if not models:
        look.empty(_("Only the models that BugFlow began with"), _("Those that training makes show here."))
    for model in models:
        show_model(session, model)


page()
