"""One bug: what was said, by whom, what the machine made of it, and what may be done now."""

from functools import partial
from html import escape

import streamlit as st

from bugflow.client import ApiProblem, TaggedBug
from bugflow.domain.bugs import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS, SetBy
from bugflow.errors import BugFlowError
from bugflow.schemas.bugs import BugDetail, BugPatch
from bugflow.ui import conversation, duplicates, look, triage, trouble
from bugflow.ui.format import DASH, ago, moment_text
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session, current


def bug_id() -> int | None:
    given = st.query_params.get("id", "")
    return int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 19 else None


def show_facts(bug: BugDetail) -> None:
    set_by = {SetBy.MACHINE: _("set by BugFlow"), SetBy.PERSON: _("set by a person")}
    facts = {
        _("Status"): look.status_mark(bug.status),
        _(
            "Severity"
        ): f'{look.severity_badge(bug.severity)} <small class="bf-soft">{set_by[bug.severity_set_by]}</small>',
        _("Team"): f'{look.team_chip(bug.team)} <small class="bf-soft">{set_by[bug.team_set_by]}</small>',
        _("Project"): escape(bug.project),
        _("Assigned to"): escape(bug.assigned_to.display_name) if bug.assigned_to else DASH,
        _("Reported by"): escape(bug.reporter.display_name),
        _("Reported"): f'<time title="{moment_text(bug.created_at)}">{ago(bug.created_at)}</time>',
        _("Last change"): f'<time title="{moment_text(bug.updated_at)}">{ago(bug.updated_at)}</time>',
    }
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    look.show(f'<dl class="bf-facts">{rows}</dl>')


def assign(session: Session, bug: BugDetail) -> None:
    people = {user.id: user.display_name for user in session.users if user.is_active}
    if bug.assigned_to:
        people.setdefault(bug.assigned_to.id, bug.assigned_to.display_name)
    ids: list[int | None] = [None, *people]
    now = bug.assigned_to.id if bug.assigned_to else None
    chosen = st.selectbox(
        _("Assigned to"),
        ids,
        index=ids.index(now),
        format_func=lambda one: _("Nobody") if one is None else people[one],
        key=f"assign_{bug.id}_{bug.version}",
    )
    if chosen != now:
        with trouble.attempt():
            session.client.patch_bug(bug.id, BugPatch(assigned_to_id=chosen))
            back = partial(session.client.patch_bug, bug.id, BugPatch(assigned_to_id=now))
            triage.changed(session, _("Assignment saved"), back=back)
    elif now != session.me.id and st.button(_("Assign to me"), icon=":material/person_add:", width="stretch"):
        with trouble.attempt():
            session.client.patch_bug(bug.id, BugPatch(assigned_to_id=session.me.id))
            back = partial(session.client.patch_bug, bug.id, BugPatch(assigned_to_id=now))
            triage.changed(session, _("Assigned to you"), back=back)


def edit(session: Session, tagged: TaggedBug) -> None:
    """The form of title, text and project. Saves only onto the version that was read."""
    bug = tagged.bug
    # The version that the writer began with is kept: a rerun reads a newer one and would hide the conflict.
    begun: TaggedBug = st.session_state.setdefault(f"edited_{bug.id}", tagged)
    with st.form(f"edit_{bug.id}", border=True):
        title = st.text_input(_("Title"), begun.bug.title, max_chars=MAX_TITLE_CHARACTERS)
        text = st.text_area(_("Text"), begun.bug.description, height=260, max_chars=MAX_DESCRIPTION_CHARACTERS)
        names = sorted({*session.project_names, begun.bug.project})
        project = st.selectbox(_("Project"), names, index=names.index(begun.bug.project), accept_new_options=True)
        with st.container(horizontal=True):
            saved = st.form_submit_button(_("Save"), type="primary", icon=":material/save:")
            cancelled = st.form_submit_button(_("Cancel"))
    if cancelled:
        close_edit(bug.id)
        st.rerun()
    if saved:
        mine = {"title": title, "description": text, "project": project}
        before = {"title": begun.bug.title, "description": begun.bug.description, "project": begun.bug.project}
        changes = {name: value for name, value in mine.items() if value != before[name]}
        save(session, bug.id, BugPatch.model_validate(changes) if all(mine.values()) else None, etag=begun.etag)


def save(session: Session, edited_id: int, patch: BugPatch | None, *, etag: str) -> None:
    if patch is None:
        st.warning(_("Title, text and project cannot be empty."))
        return
    try:
        if patch.model_fields_set:
            session.client.patch_bug(edited_id, patch, etag=etag)
    except ApiProblem as problem:
        if problem.problem.status != 412:
            st.error(trouble.plain(trouble.message_of(problem)))
            return
        st.session_state[f"conflict_{edited_id}"] = patch
        st.rerun()
    close_edit(edited_id)
    triage.changed(session, _("Saved"))


def close_edit(edited_id: int) -> None:
    for name in ("editing", "edited", "conflict"):
        st.session_state.pop(f"{name}_{edited_id}", None)


def conflict(session: Session, tagged: TaggedBug, patch: BugPatch) -> None:
    """Someone saved in between: both versions side by side, and the writer decides."""
    st.warning(
        _("Someone else changed this bug while you were writing. Nothing of yours is lost."),
        icon=":material/call_split:",
    )
    left, right = st.columns(2)
    for side, name in ((left, _("Your version")), (right, _("Saved meanwhile"))):
        with side:
            look.section(name, level=3)
            for field in sorted(patch.model_fields_set):
                value = getattr(patch if side is left else tagged.bug, field)
                look.show(f'<div class="bf-compare">{look.text_block(str(value))}</div>')
    with st.container(horizontal=True):
        if st.button(_("Save my version"), type="primary", icon=":material/save:"):
            save(session, tagged.bug.id, patch, etag=tagged.etag)
        if st.button(_("Keep theirs")):
            close_edit(tagged.bug.id)
            st.rerun()


def show_text(session: Session, bug: BugDetail) -> None:
    why = st.toggle(_("Show why"), key=f"show_why_{bug.id}", help=_("Marks the words that the prediction rests on."))
    if not why:
        look.show(look.text_block(bug.description))
        return
    try:
        explanations = session.client.explain_bug(bug.id)
    except BugFlowError as error:
        if trouble.is_ended(error):
            raise
        look.show(look.text_block(bug.description))
        st.info(trouble.plain(trouble.message_of(error)))
        return
    if explanations:
        triage.show_why(explanations, bug)
    else:
        look.show(look.text_block(bug.description))
        st.info(_("There is no prediction to explain."))


def body(session: Session, tagged: TaggedBug) -> None:
    bug = tagged.bug
    patch = st.session_state.get(f"conflict_{bug.id}")
    if patch is not None:
        conflict(session, tagged, patch)
    elif st.session_state.get(f"editing_{bug.id}") and bug.may_edit:
        edit(session, tagged)
    else:
        with st.container(border=True):
            show_text(session, bug)
            if bug.may_edit and st.button(_("Edit"), icon=":material/edit:", key=f"edit_button_{bug.id}"):
                st.session_state[f"editing_{bug.id}"] = True
                st.rerun()
    comments, files, history = st.tabs(
        [
            _("Comments ({n})", n=bug.n_comments),
            _("Attachments ({n})", n=bug.n_attachments),
            _("History"),
        ],
        key=f"tabs_{bug.id}",
        on_change="rerun",
    )
    with comments:
        if comments.open:
            conversation.show_comments(session, bug)
    with files:
        if files.open:
            conversation.show_attachments(session, bug)
    with history:
        if history.open:
            conversation.show_history(session, bug)


def side(session: Session, tagged: TaggedBug) -> None:
    bug = tagged.bug
    with st.container(border=True):
        show_facts(bug)
        if bug.may_assign:
            assign(session, bug)
    if bug.may_correct:
        with st.container(border=True):
            look.section(_("Correct the triage"))
            triage.correction(session, bug)
            triage.pins(session, bug)
    duplicates.panel(session, bug)
    if bug.predictions:
        with st.container(border=True):
            look.section(_("What BugFlow said"))
            for prediction in bug.predictions:
                triage.show_prediction(prediction.task, prediction)


@trouble.guarded
def page() -> None:
    session = current()
    wanted = bug_id()
    if wanted is None:
        look.heading(_("Bug"))
        look.empty(_("Which bug?"), _("Open one from a list, or search for it."))
        st.page_link("screens/bugs.py", label=_("My bugs"), icon=":material/bug_report:")
        return
    tagged = session.client.get_bug(wanted)
    look.show(f'<span class="bf-number">{_("Bug #{id}", id=wanted)}</span>')
    look.heading(tagged.bug.title)
    triage.move_buttons(session, tagged.bug, etag=tagged.etag)
    left, right = st.columns([5, 3], gap="large")
    with right:
        side(session, tagged)
    with left:
        body(session, tagged)


page()
