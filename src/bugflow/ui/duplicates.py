"""Bugs that say the same: suggested with what speaks for it, linked by people only."""

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from bugflow.domain.duplicates import EvidenceKind
from bugflow.schemas.bugs import BugDetail
from bugflow.schemas.duplicates import DuplicateRead, DuplicatesRead, EvidenceRead, LinkedBug
from bugflow.ui import look, triage, trouble
from bugflow.ui.format import ago, percent
from bugflow.ui.language import Names, mark, ngettext
from bugflow.ui.language import gettext as _
from bugflow.ui.session import Session

LEAST_SAID = 0.2  # below, a share says less than what both say: few of many reports repeat one at all
EVIDENCE_NAMES = Names(
    {
        EvidenceKind.WORDS: mark("Both say"),
        EvidenceKind.EXCEPTION: mark("Same exception"),
        EvidenceKind.ERROR_CODE: mark("Same error code"),
        EvidenceKind.FRAME: mark("Same stack frame"),
        EvidenceKind.VERSION: mark("Same version"),
        EvidenceKind.PLATFORM: mark("Same platform"),
        EvidenceKind.OTHER_VERSION: mark("There another version than"),
        EvidenceKind.OTHER_PLATFORM: mark("There another platform than"),
    }
)


def evidence_text(evidence: Sequence[EvidenceRead]) -> str:
    return "; ".join(f"{EVIDENCE_NAMES[one.kind]}: {', '.join(one.values)}" for one in evidence)


def show_candidate(one: DuplicateRead) -> None:
    st.page_link("screens/bug.py", label=trouble.plain(one.title), query_params={"id": str(one.bug_id)})
    regression = look.flag(_("Possible regression")) if one.possible_regression else ""
    likely = _("Likely the same") if one.likely else _("Perhaps the same")
    sure = f", {percent(one.probability)}" if one.probability >= LEAST_SAID else ""
    affected = f" \N{MIDDLE DOT} {affects(one.n_affected)}" if one.n_affected > 1 else ""
    look.show(
        f'<div class="bf-line"><span class="bf-number">#{one.bug_id}</span>{look.status_mark(one.status)}{regression}'
        f'<span class="bf-soft">{likely}{sure}{affected}</span></div>',
        f'<p class="bf-note">{escape(evidence_text(one.evidence))}</p>' if one.evidence else "",
    )


def affects(n: int) -> str:
    return ngettext("Affects {n} person", "Affects {n} people", n)


def show_while_writing(session: Session, duplicates: Sequence[DuplicateRead]) -> None:
    """Earlier reports that may say the same. Nothing is linked or closed by the machine."""
    look.section(_("Reported before?"), level=3)
    for one in duplicates:
        show_candidate(one)
        if st.button(
            _("This is mine too"),
            key=f"mine_{one.bug_id}",
            icon=":material/group_add:",
            help=_("Follow that bug instead of reporting it again. You are told what becomes of it."),
        ):
            with trouble.attempt():
                session.client.follow_bug(one.bug_id)
                st.session_state["followed"] = one.bug_id
                st.session_state["draft"] = st.session_state.get("draft", 0) + 1
                st.session_state.pop("suggestion", None)
                st.rerun()


def show_found(duplicates: Sequence[DuplicateRead]) -> None:
    """The same after the report: it is there, so it can be linked on its own page."""
    look.section(_("Reported before?"), level=3)
    for one in duplicates:
        show_candidate(one)


def panel(session: Session, bug: BugDetail) -> None:
    """What a bug repeats, what repeats it, what may; and what a person may decide about it."""
    known = session.client.list_duplicates(bug.id)
    with st.container(border=True):
        look.section(_("Same as"))
        _show_links(session, bug, known)
        for one in known.candidates:
            show_candidate(one)
            if known.may_link:
                _decide(session, bug, one)
        if not (known.repeats or known.repeated_by or known.candidates):
            look.note(_("BugFlow knows no other bug that says the same."))
        _follow(session, bug, known)
        if known.may_link and known.repeats is None:
            _link_by_number(session, bug)


def _show_links(session: Session, bug: BugDetail, known: DuplicatesRead) -> None:
    if known.repeats is not None:
        look.note(_("Repeats"))
        _show_linked(known.repeats)
        if known.may_link and st.button(_("Not the same: split"), key=f"split_{bug.id}", icon=":material/call_split:"):
            with trouble.attempt():
                other = known.repeats.id
                session.client.split_duplicate(bug.id, other)
                link = partial(session.client.link_duplicate, bug.id, duplicate_of=other)
                triage.changed(session, _("Split"), back=link)
    if known.repeated_by:
        look.note(_("Repeated by"))
        for one in known.repeated_by:
            _show_linked(one)


def _show_linked(one: LinkedBug) -> None:
    st.page_link("screens/bug.py", label=trouble.plain(one.title), query_params={"id": str(one.id)})
    look.show(
        f'<div class="bf-line"><span class="bf-number">#{one.id}</span>{look.status_mark(one.status)}'
        f'<span class="bf-soft">{escape(one.project)}, {ago(one.created_at)}</span></div>'
    )


def _decide(session: Session, bug: BugDetail, one: DuplicateRead) -> None:
    with st.container(horizontal=True):
        same = st.button(_("Same bug"), key=f"same_{bug.id}_{one.bug_id}", icon=":material/link:")
        other = st.button(_("Not the same"), key=f"other_{bug.id}_{one.bug_id}", icon=":material/close:")
    with trouble.attempt():
        if same:
            session.client.link_duplicate(bug.id, duplicate_of=one.bug_id, probability=one.probability)
            split = partial(session.client.split_duplicate, bug.id, one.bug_id)
            triage.changed(session, _("Marked as a duplicate of #{id}", id=one.bug_id), back=split)
        elif other:
            session.client.dismiss_duplicate(bug.id, one.bug_id, probability=one.probability)
            triage.changed(session, _("Noted: not the same"))


def _follow(session: Session, bug: BugDetail, known: DuplicatesRead) -> None:
    look.note(affects(known.n_affected))
    if bug.reporter.id == session.me.id:
        return
    if known.follows:
        if st.button(_("No longer mine"), key=f"unfollow_{bug.id}", icon=":material/group_remove:"):
            with trouble.attempt():
                session.client.unfollow_bug(bug.id)
                again = partial(session.client.follow_bug, bug.id)
                triage.changed(session, _("You are not told of it any more"), back=again)
    elif st.button(_("This is mine too"), key=f"follow_{bug.id}", icon=":material/group_add:"):
        with trouble.attempt():
            session.client.follow_bug(bug.id)
            unfollow = partial(session.client.unfollow_bug, bug.id)
            triage.changed(session, _("You are told what becomes of it"), back=unfollow)


def _link_by_number(session: Session, bug: BugDetail) -> None:
    with st.form(f"link_{bug.id}", border=False):
        number = st.number_input(_("Mark as a duplicate of bug number"), min_value=1, step=1, value=None)
        if st.form_submit_button(_("Mark"), icon=":material/link:") and number is not None:
            with trouble.attempt():
                session.client.link_duplicate(bug.id, duplicate_of=int(number))
                split = partial(session.client.split_duplicate, bug.id, int(number))
                triage.changed(session, _("Marked as a duplicate of #{id}", id=int(number)), back=split)
