"""Channels over HTTP: one's own alone, a team's by project managers, and never an address back."""

from typing import Any

import pytest
from tests.conftest import BOTH
from tests.factories import House, Person

from bugflow.domain.accounts import Role
from bugflow.domain.channels import MAX_CHANNELS

pytestmark = pytest.mark.parametrize("kind", BOTH)

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
PATH = "/api/v1/channels"


@pytest.fixture
def ann(house: House) -> Person:
    return house.person("ann")


@pytest.fixture
def pia(house: House) -> Person:
    return house.person("pia", Role.PM)


def test_an_address_goes_in_and_never_comes_out(ann: Person, pia: Person, capsys: pytest.CaptureFixture[str]) -> None:
    made = ann.post(PATH, json={"address": SLACK, "name": " Mine ", "rhythm": "daily", "wanted": ["moved", "moved"]})
    assert made.status_code == 201
    body = made.json()
    assert (body["kind"], body["name"], body["shown"], body["rhythm"]) == ("slack", "Mine", "…i7FQ", "daily")
    assert body["wanted"] == ["moved"]
    key = body["id"]
    answers = [
        made,
        ann.get(PATH),
        ann.patch(f"{PATH}/{key}", json={"rhythm": "hourly", "wanted": []}),
        ann.post(f"{PATH}/{key}/test"),
        pia.get("/api/v1/audit"),
        ann.post(PATH, json={"address": SLACK + "?template=x"}),
        ann.post(PATH, json={"address": SLACK, "colour": "red"}),
        ann.post(PATH, json={"address": SLACK * 40}),
        ann.delete(f"{PATH}/{key}"),
    ]
    said = "".join(answer.text for answer in answers) + capsys.readouterr().out
    assert "TIiajkdn" not in said
    assert [answer.status_code for answer in answers] == [201, 200, 200, 202, 200, 422, 422, 422, 204]
    log = [(one["action"], one["subject"]) for one in pia.get("/api/v1/audit").json()["items"]]
    assert log[:3] == [(f"channel.{verb}", f"channel:{key}") for verb in ("removed", "changed", "added")]


def test_a_channel_of_another_person_does_not_exist_not_even_for_a_pm(house: House, ann: Person, pia: Person) -> None:
    key = ann.post(PATH, json={"address": SLACK}).json()["id"]
    for other in (house.person("bob"), pia):
        assert other.get(PATH).json() == []
        answers = [
            other.patch(f"{PATH}/{key}", json={"rhythm": "daily"}),
            other.post(f"{PATH}/{key}/test"),
            other.delete(f"{PATH}/{key}"),
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
    (mine,) = ann.get(PATH).json()
    assert (mine["rhythm"], mine["is_testing"]) == ("at_once", False)


def test_channels_of_teams_are_the_pms(house: House, ann: Person, pia: Person) -> None:
    dev = house.person("dev", Role.DEVELOPER, team="Backend")
    body = {"address": SLACK, "team": "Backend"}
    for other in (ann, dev):
        answer = other.post(PATH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")
    made = pia.post(PATH, json=body).json()
    assert (made["team"], made["wanted"]) == ("Backend", ["team", "moved", "commented", "corrected"])
    assert dev.patch(f"{PATH}/{made['id']}", json={"rhythm": "daily"}).status_code == 403
    assert dev.get(PATH).json() == []
    other_pm = house.person("pat", Role.PM)
    assert [one["id"] for one in other_pm.get(PATH).json()] == [made["id"]]
    assert other_pm.delete(f"{PATH}/{made['id']}").status_code == 204


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"address": "exec://x"}, "RefusedAddress"),
        ({"address": "ann@example.com"}, "RefusedAddress"),  # no mail server here
        ({"address": "jsons://10.0.0.1/x"}, "RefusedAddress"),
        ({"address": SLACK, "rhythm": "never"}, "MalformedRequest"),
        ({"address": SLACK, "wanted": ["rain"]}, "MalformedRequest"),
        ({"address": SLACK, "name": "x" * 81}, "MalformedRequest"),
        ({"address": SLACK, "name": "a\x00"}, "MalformedRequest"),
        ({"address": ""}, "MalformedRequest"),
        ({}, "MalformedRequest"),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_is_kept(ann: Person, body: dict[str, Any], code: str) -> None:
    answer = ann.post(PATH, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert ann.get(PATH).json() == []


def test_lone_surrogates_and_nul_in_an_address_are_refused(ann: Person) -> None:
    for text in (
        "jsons://example.com/\\ud800",
        "jsons://example.com/\\u0000",
        "jsons://[::1",
        "jsons://example.com:99999/",
    ):
        answer = ann.post(PATH, content=f'{{"address": "{text}"}}', headers={"Content-Type": "application/json"})
        assert answer.status_code == 422, answer.text
    assert ann.get(PATH).json() == []


def test_a_team_that_does_not_exist_has_no_channel(pia: Person) -> None:
    answer = pia.post(PATH, json={"address": SLACK, "team": "Nobody"})
    assert (answer.status_code, answer.json()["code"]) == (422, "UnknownReference")


def test_there_is_an_end_to_channels(ann: Person) -> None:
    for _ in range(MAX_CHANNELS):
        assert ann.post(PATH, json={"address": SLACK}).status_code == 201
    answer = ann.post(PATH, json={"address": SLACK})
    assert (answer.status_code, answer.json()["code"]) == (409, "TooManyChannels")


def test_what_does_not_exist_cannot_be_changed(ann: Person) -> None:
    assert ann.patch(f"{PATH}/999", json={"rhythm": "daily"}).status_code == 404
