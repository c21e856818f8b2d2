"""Promises about what people are asked to look at, and about what their words change for bugs like it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.domain.duplicates import Fingerprint
from bugflow.domain.predictions import Decision, Task
from bugflow.ml.duplicates.search import NoSearch
from bugflow.services.duplicates import fingerprints
from bugflow.services.review import queue

pytestmark = pytest.mark.parametrize("kind", BOTH)

QUEUE, CONTRADICTIONS = "/api/v1/feedback/queue", "/api/v1/feedback/contradictions"
CRASH, NEAR_CRASH, LAYOUT, LOGIN = (1, 0, 0), (0.95, 0.312, 0), (0, 1, 0), (0, 0, 1)


@dataclass(frozen=True)
class KnownTwins(NoSearch):
    """Finds what a test says is nearly the same."""

    twins: dict[int, Sequence[int]] = field(default_factory=dict)

    def alike(self, bug_id: int, *, n: int) -> list[tuple[int, float]]:
        return [(twin, 0.95) for twin in self.twins.get(bug_id, ())][:n]


@dataclass
class Desk:
    """A PM at work, in an installation where tests say what bugs mean."""

    house: House
    pm: Person
    search: KnownTwins

    def report(self, meaning: Sequence[float] | None = None, **given: Any) -> int:
        bug_id = int(self.pm.report(**given)["id"])
        if meaning is not None:
            vector = np.asarray(meaning, np.float16).tobytes()
            with self.house.runtime.database.write() as session:
                fingerprints.keep(session, {bug_id: Fingerprint("test", b"", "test-encoder", vector)})
        return bug_id

    def say(self, bug_id: int, task: str, label: str) -> dict[str, Any]:
        self.house.clock.advance(minutes=1)
        body = {"bug_id": bug_id, "task": task, "label": label}
        answer = self.pm.post("/api/v1/feedback", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def queue(self, **wanted: Any) -> list[dict[str, Any]]:
        return list(self.pm.get(QUEUE, params=wanted).json()["items"])

    def ids(self) -> list[int]:
        return [item["bug"]["id"] for item in self.queue()]

    def changed(self, bug_id: int, team: str) -> tuple[int, int]:
        said = self.say(bug_id, "team", team)
        return said["n_new_suggestions"], said["n_similar_waiting"]


@pytest.fixture
def open_desk(build: Callable[..., House]) -> Callable[..., Desk]:
    def at(**settings: Any) -> Desk:
        search = KnownTwins()
        house = build(duplicates=search, **settings)
        return Desk(house, house.person("pia", Role.PM), search)

    return at


@pytest.fixture
def desk(open_desk: Callable[..., Desk]) -> Desk:
    return open_desk()


class TestTheQueue:
    def test_of_those_that_stand_alone_the_less_sure_comes_first(self, desk: Desk) -> None:
        desk.house.assessor.unsure(Task.TEAM)
        ids = []
        for confidence, meaning in ((0.8, CRASH), (0.4, LAYOUT), (0.6, LOGIN)):
            desk.house.assessor.confidence = confidence
            ids.append(desk.report(meaning))
        assert desk.ids() == [ids[1], ids[2], ids[0]]

    def test_one_of_two_twins_comes_first_and_the_other_one_last(self, desk: Desk) -> None:
        desk.house.assessor.unsure(Task.TEAM)
        crash, twin, layout = desk.report(CRASH), desk.report(NEAR_CRASH), desk.report(LAYOUT)
        ids = desk.ids()
        assert ids[0] in {crash, twin}, "it stands for two"
        assert ids[1] == layout
        assert set(ids) == {crash, twin, layout}

    def test_what_was_labelled_already_teaches_less(self, desk: Desk) -> None:
        desk.house.assessor.unsure(Task.TEAM)
        crash, twin, layout = desk.report(CRASH), desk.report(NEAR_CRASH), desk.report(LAYOUT)
        assert desk.queue()[-1]["reasons"] == [
            "Unsure between Backend and DevOps",
            "Nothing like it was labelled yet",
        ]
        desk.say(crash, "team", "Backend")
        assert desk.ids() == [layout, twin]
        assert desk.queue()[1]["reasons"] == ["Unsure between Backend and DevOps"]

    def test_is_the_same_each_time_and_no_longer_than_asked(self, desk: Desk) -> None:
        desk.house.assessor.unsure(Task.TEAM)
        for place in range(6):
            desk.report(((CRASH, LAYOUT, LOGIN) * 2)[place])
        assert desk.queue() == desk.queue()
        assert desk.queue(limit=2) == desk.queue()[:2]
        assert desk.pm.get(QUEUE, params={"limit": 2}).json()["n_waiting"] == 6
        assert desk.pm.get(QUEUE, params={"limit": 101}).status_code == 422

    def test_a_bug_that_was_not_read_yet_waits_like_others(self, desk: Desk) -> None:
        desk.house.assessor.unsure(Task.TEAM)
        unread = desk.report()
        assert desk.ids() == [unread]
        read = desk.report(CRASH)
        assert set(desk.ids()) == {unread, read}

    def test_says_on_which_fields_a_word_is_missing(self, desk: Desk) -> None:
        for task in Task:
            desk.house.assessor.unsure(task, Decision.SUGGEST)
        bug_id = desk.report()
        assert desk.queue()[0]["tasks"] == ["severity", "team"]
        desk.say(bug_id, "severity", "medium")
        assert desk.queue()[0]["tasks"] == ["team"]

    def test_names_what_the_machine_may_not_set(self, desk: Desk) -> None:
        desk.house.assessor.severity = "critical"
        desk.report()
        assert desk.queue()[0]["reasons"][0] == "Perhaps critical"


class TestSpotChecks:
    def test_are_drawn_however_sure_the_machine_was_and_wait_for_both_fields(
        self, open_desk: Callable[..., Desk]
    ) -> None:
        desk = open_desk(spot_check_share=1.0)
        bug_id = desk.report(severity="high")
        [item] = desk.queue()
        assert (item["is_spot_check"], item["tasks"], item["reasons"]) == (True, ["severity", "team"], [queue.RANDOM])
        assert desk.pm.bug(bug_id)["needs_review"]
        desk.say(bug_id, "severity", "high")
        assert desk.queue()[0]["tasks"] == ["team"]
        desk.say(bug_id, "team", "Backend")
        assert desk.queue() == []
        assert not desk.pm.bug(bug_id)["needs_review"]

    def test_are_not_drawn_where_none_are_wanted(self, desk: Desk) -> None:
        for _ in range(20):
            desk.report()
        assert desk.queue() == []

    def test_stand_at_every_fifth_place_the_oldest_first_whatever_was_predicted(
        self, build: Callable[..., House], desk: Desk
    ) -> None:
        drawing, actor = build(spot_check_share=1.0), desk.pm.actor
        assert actor is not None
        sure = drawing.report(actor).id
        drawing.assessor.unsure(Task.TEAM)
        unsure = drawing.report(actor).id
        others = [desk.report() for _ in range(9)]
        ids = desk.ids()
        assert [ids[4], ids[9]] == [sure, unsure]
        assert set(ids) == {sure, unsure, *others}

    def test_measure_how_often_the_machine_is_right(self, open_desk: Callable[..., Desk]) -> None:
        desk = open_desk(spot_check_share=1.0)
        ids = [desk.report() for _ in range(5)]
        for bug_id in ids[:3]:
            desk.say(bug_id, "team", "Backend")
        desk.say(ids[3], "team", "Mobile")
        desk.say(ids[2], "team", "DevOps")  # a second thought counts, the first does not
        severity, team = desk.pm.get("/api/v1/stats/accuracy").json()
        assert (severity["n_drawn"], severity["n_decided"], severity["accuracy"]) == (5, 0, None)
        assert (team["task"], team["model_version"]) == ("team", "team-7")
        assert (team["n_drawn"], team["n_decided"], team["n_right"], team["accuracy"]) == (5, 4, 2, 0.5)
        assert (team["low"], team["high"]) == (0.15, 0.85)

    def test_measure_nothing_by_bugs_that_were_not_drawn(self, desk: Desk) -> None:
        desk.say(desk.report(), "team", "Mobile")
        assert desk.pm.get("/api/v1/stats/accuracy").json() == []

    def test_a_reporters_choice_decides_nothing(self, open_desk: Callable[..., Desk]) -> None:
        desk = open_desk(spot_check_share=1.0)
        desk.report(team="Mobile")
        assert desk.pm.get("/api/v1/stats/accuracy").json()[1]["n_decided"] == 0


class TestTwins:
    def meet(self, desk: Desk, bug_id: int, *twins: int) -> None:
        desk.search.twins[bug_id] = twins

    def test_a_twin_that_the_machine_gave_to_another_team_is_put_first_with_the_reason(self, desk: Desk) -> None:
        bug_id, twin = desk.report(CRASH), desk.report(NEAR_CRASH)
        desk.house.assessor.unsure(Task.TEAM)
        other = desk.report(LAYOUT)
        self.meet(desk, bug_id, twin)
        before = desk.pm.bug(twin)
        assert desk.changed(bug_id, "Mobile") == (1, 1)
        first, second = desk.queue()
        assert (first["bug"]["id"], second["bug"]["id"]) == (twin, other)
        assert first["reasons"][0] == f"Near twin #{bug_id} was given to Mobile"
        assert (first["suggested_team"], first["tasks"]) == ("Mobile", ["team"])
        after = desk.pm.bug(twin)
        assert (after["team"], after["predictions"]) == (before["team"], before["predictions"]), "a person decides"
        assert (after["needs_review"], after["version"]) == (True, before["version"] + 1)

    def test_a_twin_leaves_the_queue_when_its_team_was_decided(self, desk: Desk) -> None:
        bug_id, twin = desk.report(CRASH), desk.report(NEAR_CRASH)
        self.meet(desk, bug_id, twin)
        desk.changed(bug_id, "Mobile")
        desk.say(twin, "severity", "low")
        assert desk.ids() == [twin], "of its team nobody has spoken"
        desk.say(twin, "team", "Mobile")
        assert desk.ids() == []

    @pytest.mark.parametrize("why", ["resolved", "a person set its team", "the same team", "alone"])
    def test_other_bugs_are_left_alone(self, desk: Desk, why: str) -> None:
        team = "Frontend" if why == "a person set its team" else None
        bug_id, twin = desk.report(CRASH), desk.report(NEAR_CRASH, team=team)
        if why == "resolved":
            for status in ("in_progress", "resolved"):
                desk.pm.post("/update_bug", json={"bug_id": twin, "status": status})
        if why != "alone":
            self.meet(desk, bug_id, twin)
        before = desk.pm.bug(twin)
        assert desk.changed(bug_id, "Backend" if why == "the same team" else "Mobile") == (0, 0)
        assert desk.pm.bug(twin) == before

    def test_similar_ones_that_wait_already_are_counted(self, desk: Desk) -> None:
        bug_id = desk.report(CRASH)
        desk.house.assessor.unsure(Task.SEVERITY)
        twin, other = desk.report(NEAR_CRASH), desk.report(LAYOUT)
        self.meet(desk, bug_id, twin)
        said = desk.say(bug_id, "severity", "low")
        assert (said["n_new_suggestions"], said["n_similar_waiting"]) == (0, 1), "severities are not remembered"
        assert set(desk.ids()) == {twin, other}

    def test_where_people_contradict_one_another_nothing_new_is_suggested(self, desk: Desk) -> None:
        one, two, twin = desk.report(CRASH), desk.report(CRASH), desk.report(NEAR_CRASH)
        desk.say(one, "team", "DevOps")
        self.meet(desk, two, one, twin)
        assert desk.changed(two, "Mobile") == (0, 0)
        assert not desk.pm.bug(twin)["needs_review"]

    def test_a_second_correction_asks_only_once(self, desk: Desk) -> None:
        one, two, twin = desk.report(CRASH), desk.report(CRASH), desk.report(NEAR_CRASH)
        self.meet(desk, one, twin)
        self.meet(desk, two, twin)
        assert desk.changed(one, "Mobile") == (1, 1)
        version = desk.pm.bug(twin)["version"]
        assert desk.changed(two, "Mobile") == (1, 1)
        assert desk.pm.bug(twin)["version"] == version

    def test_the_form_of_the_document_and_a_patch_ask_too(self, desk: Desk) -> None:
        bug_id, twin, late = desk.report(CRASH), desk.report(NEAR_CRASH), desk.report(NEAR_CRASH)
        self.meet(desk, bug_id, twin)
        answer = desk.pm.post("/update_bug", json={"bug_id": bug_id, "correction_team": "Mobile"}).json()
        assert (answer["n_new_suggestions"], answer["n_similar_waiting"]) == (1, 1)
        self.meet(desk, bug_id, late)
        assert desk.pm.patch(f"/api/v1/bugs/{bug_id}", json={"team": "DevOps"}).status_code == 200
        assert desk.pm.bug(late)["needs_review"]
        plain = desk.pm.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"}).json()
        assert (plain["n_new_suggestions"], plain["n_similar_waiting"]) == (0, 0)

    def test_a_word_that_is_refused_asks_nobody(self, desk: Desk) -> None:
        bug_id, twin = desk.report(CRASH), desk.report(NEAR_CRASH)
        self.meet(desk, bug_id, twin)
        answer = desk.pm.post("/update_bug", json={"bug_id": bug_id, "correction_team": "Mobile", "assigned_to_id": 99})
        assert answer.status_code == 422
        assert not desk.pm.bug(twin)["needs_review"]


class TestContradictions:
    def found(self, desk: Desk, **wanted: Any) -> list[dict[str, Any]]:
        answer = desk.pm.get(CONTRADICTIONS, params=wanted)
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    @pytest.fixture
    def pair(self, desk: Desk) -> tuple[int, int]:
        one, two, other = desk.report(CRASH), desk.report(NEAR_CRASH, title="Crash on start"), desk.report(LAYOUT)
        for bug_id, team in ((one, "Backend"), (two, "Mobile"), (other, "DevOps")):
            desk.say(bug_id, "team", team)
        return one, two

    def test_are_bugs_that_say_nearly_the_same_with_different_labels(self, desk: Desk, pair: tuple[int, int]) -> None:
        [one] = self.found(desk)
        assert (one["task"], one["cosine"]) == ("team", pytest.approx(0.95, abs=0.001))
        newer, older = one["words"]
        assert (newer["bug_id"], newer["label"], newer["kind"], newer["title"]) == (
            pair[1],
            "Mobile",
            "correction",
            "Crash on start",
        )
        assert (older["bug_id"], older["label"], older["kind"]) == (pair[0], "Backend", "confirmation")
        assert newer["actor"]["username"] == "pia"
        assert newer["created_at"] > older["created_at"]

    def test_go_when_one_of_the_two_gets_the_others_label(self, desk: Desk, pair: tuple[int, int]) -> None:
        desk.say(pair[0], "team", "Mobile")
        assert self.found(desk) == []

    def test_go_when_a_person_says_that_the_two_are_not_the_same(self, desk: Desk, pair: tuple[int, int]) -> None:
        desk.pm.post(f"/api/v1/bugs/{pair[0]}/duplicates/dismissed", json={"other_id": pair[1]})
        assert self.found(desk) == []
        desk.pm.post(f"/api/v1/bugs/{pair[1]}/duplicates", json={"duplicate_of": pair[0]})
        assert len(self.found(desk)) == 1, "the last word counts"

    def test_severities_one_level_apart_are_none(self, desk: Desk) -> None:
        one, two = desk.report(CRASH), desk.report(NEAR_CRASH)
        desk.say(one, "severity", "low")
        desk.say(two, "severity", "medium")
        assert self.found(desk) == []
        desk.say(two, "severity", "high")
        assert [found["task"] for found in self.found(desk)] == ["severity"]

    def test_a_reporters_choice_contradicts_nobody(self, desk: Desk) -> None:
        desk.say(desk.report(CRASH), "team", "Mobile")
        desk.report(NEAR_CRASH, team="DevOps")
        assert self.found(desk) == []

    def test_the_most_alike_come_first_and_no_more_than_asked(self, desk: Desk, pair: tuple[int, int]) -> None:
        desk.say(desk.report(CRASH), "team", "DevOps")  # the same as the first, nearly the same as the second
        found = self.found(desk)
        assert [one["cosine"] for one in found] == sorted((one["cosine"] for one in found), reverse=True)
        assert len(found) == 3
        assert self.found(desk, limit=1) == found[:1]
