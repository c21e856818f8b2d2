"""The Kanban board as one component: a hundred cards cost as much as one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from bugflow.domain.bugs import MOVES, Status
from bugflow.schemas.bugs import BugRead
from bugflow.ui.format import SEVERITY_NAMES, STATUS_NAMES, ago
from bugflow.ui.language import gettext as _

_HERE = Path(__file__).parent
_HTML = '<p class="how" id="how"></p><div class="board"></div>'


class Move(NamedTuple):
    bug_id: int
    to: Status
    number: int


class Answer(NamedTuple):
    """What became of a move: the board says it aloud and gives the focus back to the card."""

    number: int
    bug_id: int
    ok: bool
    message: str


def _words() -> dict[str, str]:
    """What the board says; titles and columns are filled in where it is drawn."""
    return {
        "how": _("Drag a card, or move it with the left and right arrow keys. Enter opens it."),
        "empty": _("No bugs"),
        "review": _("To review"),
        "moving": _("{title}: moving to {column}"),
        "illegal": _("{title}: cannot move to {column} from here"),
        "forbidden": _("{title}: not yours to move"),
    }


def _card(bug: BugRead, *, movable: bool) -> dict[str, Any]:
    return {
        "id": bug.id,
        "title": bug.title,
        "status": bug.status.value,
        "severity": bug.severity.value,
        "severityName": SEVERITY_NAMES[bug.severity],
        "team": bug.team,
        "when": ago(bug.updated_at),
        "person": bug.assigned_to.display_name if bug.assigned_to else "",
        "review": bug.needs_review and bug.status is not Status.RESOLVED,
        "movable": movable,
    }


def draw_board(
    columns: Mapping[Status, Sequence[BugRead]], *, movable: set[int], more: set[Status], answer: Answer | None
) -> tuple[Move | None, int | None]:
    """Draw the board; returns the move a person made and the bug they opened, if this run is due to one."""
    data = {
        "columns": [
            {
                "status": status.value,
                "name": STATUS_NAMES[status],
                "moves": [to.value for to in MOVES[status]],
                "more": status in more,
            }
            for status in columns
        ],
        "cards": [_card(bug, movable=bug.id in movable) for bugs in columns.values() for bug in bugs],
        "words": _words(),
        "answer": answer and {"number": answer.number, "id": answer.bug_id, "ok": answer.ok, "message": answer.message},
    }
    component = st.components.v2.component(
        "bugflow_board",
        html=_HTML,
        css=(_HERE / "board.css").read_text(encoding="utf-8"),
        js=(_HERE / "board.js").read_text(encoding="utf-8"),
    )
    result = component(key="board", data=data, on_moved_change=_ignore, on_opened_change=_ignore)
    moved, opened = result.get("moved"), result.get("opened")
    return (
        Move(int(moved["id"]), Status(moved["to"]), int(moved["number"])) if moved else None,
        int(opened["id"]) if opened else None,
    )


def _ignore() -> None:
    """Streamlit returns a trigger only where a callback is named."""
