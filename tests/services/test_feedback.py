"""Promises about what is learned from people's words."""

import pytest
from tests.conftest import BOTH
from tests.factories import House

from bugflow.domain.accounts import Role
from bugflow.domain.feedback import FeedbackKind
from bugflow.domain.predictions import Severity, Task
from bugflow.ml.duplicates.search import NoSearch
from bugflow.schemas.feedback import FeedbackCreate
from bugflow.services import feedback


@pytest.mark.parametrize("kind", BOTH)
def test_of_each_bug_the_newest_word_is_learned(house: House) -> None:
    pm = house.person("pia", Role.PM).actor
    assert pm is not None
    plain, twice, agreed, chosen = (
        house.report(pm, description=f"The export fails in case {case}", **given).id
        for case, given in enumerate(({}, {}, {}, {"severity": Severity.HIGH}))
    )
    for bug_id, label in ((twice, "low"), (twice, "critical"), (agreed, "medium")):
        house.clock.advance(hours=1)
        with house.runtime.database.write() as session:
            body = FeedbackCreate(bug_id=bug_id, task=Task.SEVERITY, label=label)
            feedback.give_feedback(session, NoSearch(), actor=pm, body=body, retrain_after=50, now=house.now)
    with house.runtime.database.read() as session:
        rows = feedback.find_training_rows(session, Task.SEVERITY)
        assert feedback.find_training_rows(session, Task.TEAM) == []
    assert [(row.bug_id, row.label, row.kind, row.strength) for row in rows] == [
        (twice, "critical", FeedbackKind.CORRECTION, ""),
        (agreed, "medium", FeedbackKind.CONFIRMATION, ""),
        (chosen, "high", FeedbackKind.OVERRIDE, "weak"),
    ]
    assert rows[0].description == "The export fails in case 1"
    assert rows[0].project == "Shop"
    assert plain not in {row.bug_id for row in rows}
