"""Report a bug: free text, what BugFlow makes of it, what the reporter decides."""

import uuid
from typing import cast

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from bugflow.domain.attachments import ALLOWED_SUFFIXES
from bugflow.domain.bugs import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS
from bugflow.domain.predictions import Severity, Task
from bugflow.errors import BugFlowError
from bugflow.schemas.bugs import BugCreate, BugReported
from bugflow.schemas.predictions import PredictRequest, PredictResponse
from bugflow.ui import duplicates, look, triage, trouble
from bugflow.ui.components.typing_pause import watch_typing
from bugflow.ui.conversation import problem_of
from bugflow.ui.format import SEVERITY_NAMES, label_name
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current

LEAST_CHARACTERS = 12
"""Shorter texts say nothing to predict from."""


def suggestion_for(session: Session, text: str, *, title: str, project: str | None) -> PredictResponse | None:
    """What the machine says; asked once for each text."""
    if len(text.strip()) < LEAST_CHARACTERS:
        return None
    asked = (text, title, project)
    kept = st.session_state.get("suggestion")
    if kept is None or kept[0] != asked:
        request = PredictRequest(description=text, title=title.strip() or None, project=project)
        kept = (asked, session.client.predict(request))
        st.session_state["suggestion"] = kept
    return cast("PredictResponse", kept[1])


def show_suggestion(response: PredictResponse | None) -> None:
    if response is None:
        look.empty(
            _("Nothing to suggest yet"), _("Write a sentence: severity, team and the reason appear here as you go on.")
        )
        return
    predictions = {Task.SEVERITY: response.predictions.severity, Task.TEAM: response.predictions.team}
    for task, prediction in predictions.items():
        with st.container(border=True):
            triage.show_prediction(task, prediction)
            explanation = next((one for one in response.explanation or [] if one.task is task), None)
            if explanation is not None and explanation.contributions:
                triage.show_reason(explanation)
    if response.duplicates:
        with st.container(border=True):
            duplicates.show_while_writing(current(), response.duplicates)


def override(label: str, options: list[str], predicted: str | None) -> str | None:
    """What the reporter chose instead of the prediction, or None."""
    shown = _("As predicted") if predicted is None else _("As predicted ({label})", label=label_name(predicted))
    chosen = st.selectbox(label, [None, *options], format_func=lambda one: shown if one is None else label_name(one))
    return chosen if isinstance(chosen, str) else None


def check_files(files: list[UploadedFile]) -> list[UploadedFile]:
    """The files that may be sent; the others are named."""
    problems = [problem_of(file) for file in files]
    for problem in filter(None, problems):
        st.warning(trouble.plain(problem))
    return [file for file, problem in zip(files, problems, strict=True) if problem is None]


def send(session: Session, report: BugCreate, files: list[UploadedFile]) -> None:
    # One key a draft: a click that is repeated after a lost answer does not report twice.
    key = st.session_state.setdefault("draft_key", str(uuid.uuid4()))
    reported = session.client.report_bug(report, idempotency_key=key)
    refused: list[str] = []
    for file in files:
        try:
            session.client.attach(
                reported.id,
                filename=file.name,
                content=file.getvalue(),
                media_type=file.type or "application/octet-stream",
            )
        except BugFlowError as error:
            refused.append(trouble.message_of(error))
    session.forget("projects", "me")
    for name in ("draft_key", "suggestion"):
        st.session_state.pop(name, None)
    st.session_state["reported"] = (reported, refused)
    st.session_state["draft"] = st.session_state.get("draft", 0) + 1
    st.rerun()


def show_reported(reported: BugReported, refused: list[str]) -> None:
    st.success(_("Bug #{id} is reported.", id=reported.id), icon=":material/check_circle:")
    with st.container(border=True):
        st.page_link(
            "screens/bug.py",
            label=trouble.plain(reported.title),
            icon=":material/bug_report:",
            query_params={"id": str(reported.id)},
        )
        review = look.flag(_("A project manager will check the triage")) if reported.needs_review else ""
        look.show(
            '<div class="bf-line">',
            look.severity_badge(reported.severity),
            look.team_chip(reported.team),
            review,
            "</div>",
        )
    for message in refused:
        st.warning(trouble.plain(message), icon=":material/attach_file:")
    if reported.duplicates:
        duplicates.show_found(reported.duplicates)
    if st.button(_("Report another bug"), type="primary", icon=":material/add:"):
        del st.session_state["reported"]
        st.rerun()


@st.fragment
@trouble.guarded
def form() -> None:
    session = current()
    draft = st.session_state.get("draft", 0)
    what = _("What happened?")
    left, right = st.columns([3, 2], gap="large")
    with left:
        text = st.text_area(
            what,
            key=f"description_{draft}",
            height=220,
            max_chars=MAX_DESCRIPTION_CHARACTERS,
            placeholder=_("What did you do, what did you expect, what happened instead? Paste the error message."),
        )
        title = st.text_input(_("Title (optional)"), key=f"title_{draft}", max_chars=MAX_TITLE_CHARACTERS)
        project = st.selectbox(
            _("Project"),
            session.project_names,
            index=None,
            key=f"project_{draft}",
            placeholder=_("Choose, or type a new name"),
            accept_new_options=True,
        )
        watch_typing(what, least_characters=LEAST_CHARACTERS)
    with right:
        look.section(_("Suggestion"))
        response: PredictResponse | None = None
        try:
            response = suggestion_for(session, text, title=title, project=project)
            show_suggestion(response)
        except BugFlowError as error:
            if trouble.is_ended(error):
                raise
            # No suggestion is no reason not to report.
            why = trouble.plain(trouble.message_of(error))
            st.info(_("No suggestion right now. You can report all the same. {why}", why=why))
    with left:
        first, second = st.columns(2)
        with first:
            severity = override(_("Severity"), list(SEVERITY_NAMES), response.severity if response else None)
        with second:
            team = override(_("Team"), session.team_names, response.team if response else None)
        files = st.file_uploader(
            _("Attachments (logs, screenshots; 10 MB each)"),
            ALLOWED_SUFFIXES,
            accept_multiple_files=True,
            key=f"files_{draft}",
            max_upload_size=10,
        )
        sendable = check_files(files)
        ready = bool(text.strip()) and bool(project)
        if st.button(_("Report bug"), type="primary", icon=":material/send:", key="report", width="stretch"):
            if not ready:
                st.warning(_("Describe what happened and choose a project."), icon=":material/edit:")
                return
            report = BugCreate(
                description=text,
                project=str(project).strip(),
                title=title.strip() or None,
                severity=Severity(severity) if severity else None,
                team=team,
            )
            with trouble.attempt(), st.spinner(_("Sending the report")):
                send(session, report, sendable)


@trouble.guarded
def page() -> None:
    look.heading(
        _("Report a bug"),
        _("Plain words are enough. BugFlow suggests severity and team, and says how sure it is."),
    )
    reported = st.session_state.get("reported")
    if reported is not None:
        show_reported(*reported)
        return
    followed = st.session_state.pop("followed", None)
    if followed is not None:
        st.success(
            _("You follow bug #{id}: you are told what becomes of it.", id=followed), icon=":material/group_add:"
        )
    form()


page()
