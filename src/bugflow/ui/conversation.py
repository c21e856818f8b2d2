"""What hangs on a bug: comments, attachments, its history."""

from html import escape

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from bugflow.domain.accounts import Role
from bugflow.domain.attachments import ALLOWED_SUFFIXES, media_type_of
from bugflow.errors import RefusedAttachment
from bugflow.schemas.attachments import AttachmentRead
from bugflow.schemas.bugs import BugDetail, EventRead
from bugflow.schemas.comments import CommentRead
from bugflow.ui import look, triage, trouble
from bugflow.ui.format import DASH, EVENT_NAMES, FIELD_NAMES, STATUS_NAMES, ago, label_name, moment_text, size_text
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session

MAX_FILE_BYTES = 10_485_760
"""The API's default limit of an attachment; refusing here spares a slow upload."""


def show_comments(session: Session, bug: BugDetail) -> None:
    comments = session.client.list_comments(bug.id).items if bug.n_comments else []
    if not comments:
        look.note(_("No comments yet."))
    for comment in comments:
        with st.container(border=True):
            _comment(session, comment)
    with st.form(f"comment_{bug.id}", clear_on_submit=True, border=False):
        text = st.text_area(_("Your comment"), max_chars=20_000, height=110)
        if st.form_submit_button(_("Comment"), icon=":material/chat:"):
            if not text.strip():
                st.warning(_("Write something first."))
            else:
                with trouble.attempt():
                    session.client.add_comment(bug.id, text)
                    triage.changed(session, _("Comment added"))


def _comment(session: Session, comment: CommentRead) -> None:
    when = ago(comment.created_at)
    said = when if comment.edited_at is None else _("{when} (edited)", when=when)
    look.show(look.person(comment.author.display_name, said))
    me = session.me
    if st.session_state.get(f"edit_comment_{comment.id}"):
        text = st.text_area(_("Comment"), comment.text, max_chars=20_000, key=f"comment_text_{comment.id}")
        with st.container(horizontal=True):
            if st.button(_("Save"), type="primary", key=f"save_comment_{comment.id}") and text.strip():
                with trouble.attempt():
                    session.client.edit_comment(comment.bug_id, comment.id, text)
                    del st.session_state[f"edit_comment_{comment.id}"]
                    triage.changed(session, _("Comment saved"))
            if st.button(_("Cancel"), key=f"keep_comment_{comment.id}"):
                del st.session_state[f"edit_comment_{comment.id}"]
                st.rerun()
        return
    look.show(look.text_block(comment.text))
    if comment.author.id != me.id and me.role is not Role.PM:
        return
    with st.container(horizontal=True):
        if st.button(_("Edit"), icon=":material/edit:", type="tertiary", key=f"edit_comment_button_{comment.id}"):
            st.session_state[f"edit_comment_{comment.id}"] = True
            st.rerun()
        if _is_sure(_("Delete"), _("Delete the comment"), key=f"delete_comment_{comment.id}"):
            with trouble.attempt():
                session.client.delete_comment(comment.bug_id, comment.id)
                triage.changed(session, _("Comment deleted"))


def show_attachments(session: Session, bug: BugDetail) -> None:
    for file in session.client.list_attachments(bug.id) if bug.n_attachments else []:
        with st.container(border=True):
            _attachment(session, file)
    if not bug.may_attach:
        return
    sent = st.session_state.get(f"n_sent_{bug.id}", 0)
    chosen = st.file_uploader(
        _("Attach a file (10 MB at most)"), ALLOWED_SUFFIXES, key=f"attach_{bug.id}_{sent}", max_upload_size=10
    )
    problem = chosen and problem_of(chosen)
    if problem:
        st.warning(trouble.plain(problem))
    elif chosen is not None and st.button(_("Attach"), type="primary", icon=":material/attach_file:"):
        with trouble.attempt():
            session.client.attach(
                bug.id,
                filename=chosen.name,
                content=chosen.getvalue(),
                media_type=chosen.type or "application/octet-stream",
            )
            st.session_state[f"n_sent_{bug.id}"] = sent + 1
            triage.changed(session, _("File attached"))


def _is_sure(label: str, sure: str, *, key: str) -> bool:
    """A button that asks once more: what is gone then cannot be brought back."""
    with st.popover(label, icon=":material/delete:", type="tertiary", key=f"ask_{key}"):
        return st.button(sure, type="primary", key=key)


def problem_of(file: UploadedFile) -> str | None:
    """Why the API would refuse a file, said before it is sent."""
    if file.size > MAX_FILE_BYTES:
        size, limit = size_text(file.size), size_text(MAX_FILE_BYTES)
        return _("{name}: {size}, at most {limit}", name=file.name, size=size, limit=limit)
    try:
        media_type_of(file.name, file.getvalue())
    except RefusedAttachment as error:
        return trouble.message_of(error)
    return None


def _attachment(session: Session, file: AttachmentRead) -> None:
    look.show(
        f'<div class="bf-line"><b>{escape(file.filename)}</b><span class="bf-soft">{size_text(file.size_bytes)}</span>'
        f'<span class="bf-soft">{escape(file.uploader.display_name)}</span>'
        f'<time class="bf-soft" title="{moment_text(file.created_at)}">{ago(file.created_at)}</time></div>'
    )
    with st.container(horizontal=True):
        # Read only when asked for. Always as a plain download: the browser never draws what people uploaded.
        st.download_button(
            _("Download"),
            data=lambda: session.client.download(file.bug_id, file.id),
            file_name=file.filename,
            mime="application/octet-stream",
            icon=":material/download:",
            key=f"download_{file.id}",
            on_click="ignore",
        )
        me = session.me
        may_remove = file.uploader.id == me.id or me.role is Role.PM
        if may_remove and _is_sure(_("Remove"), _("Remove the file"), key=f"detach_{file.id}"):
            with trouble.attempt():
                session.client.detach(file.bug_id, file.id)
                triage.changed(session, _("File removed"))


def show_history(session: Session, bug: BugDetail) -> None:
    events = session.client.list_events(bug.id).items
    look.show(f'<ul class="bf-history">{"".join(_event(event) for event in events)}</ul>')


def _event(event: EventRead) -> str:
    who = escape(event.actor.display_name) if event.actor else "BugFlow"
    change = ""
    if event.field == "description":
        change = FIELD_NAMES["description"]
    elif event.field:
        old, new = (_value(value) for value in (event.old_value, event.new_value))
        name = FIELD_NAMES.get(event.field, escape(event.field))
        change = f"{name}: <q>{old}</q> \N{RIGHTWARDS ARROW} <q>{new}</q>"
    note = f'<span class="bf-soft">{escape(event.note)}</span>' if event.note else ""
    when = f'<time title="{moment_text(event.created_at)}">{ago(event.created_at)}</time>'
    return (
        f"<li><b>{EVENT_NAMES[event.kind]}</b> {change}{note}"
        f'<span class="bf-soft">{who} \N{MIDDLE DOT} {when}</span></li>'
    )


def _value(value: str | None) -> str:
    if value is None:
        return DASH
    names = {str(status): name for status, name in STATUS_NAMES.items()}
    return escape(names.get(value, label_name(value)))
