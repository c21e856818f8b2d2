"""Two who do the same at the same moment: one wins, the other is told, nothing breaks."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.db.test_transactions import at_once
from tests.factories import PASSWORD, House, Person
from tests.fakes import FakeAssessor
from tests.services.importing import Importing

from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Assessment, BugText
from bugflow.services.imports.importing import BATCH, IMPORTER


@pytest.fixture
def boss(house: House) -> Person:
    return house.person("boss", Role.PM, is_admin=True)


@pytest.mark.parametrize("noun", ["teams", "projects"])
def test_one_of_two_that_make_the_same_team_or_project_is_told(boss: Person, noun: str) -> None:
    answers = at_once(4, lambda _: boss.post(f"/api/v1/{noun}", json={"name": "New"}))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"AlreadyExists"}
    assert [row["name"] for row in boss.get(f"/api/v1/{noun}").json()].count("New") == 1


def test_one_of_two_that_make_the_same_person_is_told(boss: Person) -> None:
    body = {"username": "new", "password": PASSWORD, "role": "tester"}
    answers = at_once(4, lambda _: boss.post("/api/v1/users", json=body))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    assert len(boss.get("/api/v1/users").json()["items"]) == 2


def test_one_of_two_that_rename_to_the_same_name_is_told(boss: Person) -> None:
    answers = at_once(4, lambda n: boss.patch(f"/api/v1/teams/{n + 1}", json={"name": "Same"}))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 3}


def test_one_of_two_that_show_the_same_refresh_token_gets_a_new_one(house: House, boss: Person) -> None:
    pair = house.client.post("/token", json={"username": "boss", "password": PASSWORD}).json()
    body = {"refresh_token": pair["refresh_token"]}
    answers = at_once(4, lambda _: house.client.post("/api/v1/auth/refresh", json=body))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 3}


def test_one_of_two_that_correct_alike_is_told(boss: Person) -> None:
    bug_id = boss.report()["id"]
    body = {"bug_id": bug_id, "task": "severity", "label": "high"}
    answers = at_once(4, lambda _: boss.post("/api/v1/feedback", json=body))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 3}
    assert len(boss.get("/api/v1/feedback").json()["items"]) == 1


def test_one_of_two_that_saw_the_same_version_changes_it(boss: Person) -> None:
    bug_id = boss.report()["id"]
    headers = {"If-Match": '"1"'}
    answers = at_once(4, lambda n: boss.patch(f"/api/v1/bugs/{bug_id}", json={"title": f"Title {n}"}, headers=headers))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 3}


def test_an_administrator_is_left_when_two_send_each_other_away(house: House, boss: Person) -> None:
    other = house.person("other", Role.PM, is_admin=True)
    pairs = [(boss, other), (other, boss)]
    answers = at_once(2, lambda n: pairs[n][0].patch(f"/api/v1/users/{pairs[n][1].id}", json={"is_admin": False}))
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])
    people = boss.get("/api/v1/users").json()["items"]
    assert sum(person["is_admin"] for person in people) == 1


def test_a_bug_has_no_more_attachments_than_it_may_have(house: House, boss: Person) -> None:
    bug_id = boss.report()["id"]
    for _ in range(18):
        boss.post(f"/api/v1/bugs/{bug_id}/attachments", files={"file": ("a.log", b"x")})
    answers = at_once(4, lambda _: boss.post(f"/api/v1/bugs/{bug_id}/attachments", files={"file": ("a.log", b"x")}))
    assert Counter(answer.status_code for answer in answers) == {201: 2, 422: 2}


class Meeting(FakeAssessor):
    """Answers when two ask: each has seen then what is there, and neither has written."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier = Barrier(2, timeout=20)

    def assess(self, texts: Sequence[BugText], **given: Any) -> list[Assessment]:
        self.barrier.wait()
        return super().assess(texts, **given)


@pytest.mark.parametrize("sources", [["old", "old"], ["one", "other"]])
def test_two_imports_at_once_add_each_row_of_a_source_once(
    boss: Person, build: Callable[..., House], tmp_path: Path, sources: list[str]
) -> None:
    importing = Importing(build(predictor=Meeting()), tmp_path)
    n = BATCH + 100  # each batch is a race
    rows = ({"id": k, "title": f"Bug {k}", "project": f"Shop {k % 3}"} for k in range(n))
    path = importing.rows(*rows)
    reports = at_once(2, lambda k: importing.run(path, source=sources[k]))
    n_expected = n * len(set(sources))
    assert [report.n_read for report in reports] == [n, n]
    assert sum(report.n_added for report in reports) == n_expected
    assert sum(report.n_already_there for report in reports) == 2 * n - n_expected
    assert len(importing.bugs()) == n_expected
    assert [user.username for user in importing.users()].count(IMPORTER) == 1
    assert boss.get("/api/v1/audit/verify").json()["ok"]
