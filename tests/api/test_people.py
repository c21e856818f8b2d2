"""People: made, changed, forgotten; one administrator always stays."""

from typing import Any

import pytest
from sqlalchemy import select, text
from tests.conftest import BOTH
from tests.factories import PASSWORD, House, Person

from bugflow.db.tables import SignIn, User
from bugflow.domain.accounts import Role

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def boss(house: House) -> Person:
    return house.person("boss", Role.PM, is_admin=True)


def new(**given: Any) -> dict[str, Any]:
    return {"username": "dev", "password": PASSWORD, "role": "developer", **given}


def test_an_administrator_makes_people_who_can_sign_in(house: House, boss: Person) -> None:
    answer = boss.post("/api/v1/users", json=new(team="backend", email="dev@example.com", display_name=" Dev "))
    assert answer.status_code == 201
    made = answer.json()
    assert (made["username"], made["display_name"], made["role"], made["team"]) == (
        "dev",
        "Dev",
        "developer",
        "Backend",
    )
    assert "email" not in made
    assert "password" not in str(made)
    me = house.sign_in("dev").get("/api/v1/me").json()
    assert me["email"] == "dev@example.com"
    assert me["preferences"] == {"theme": "system", "muted": []}


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"username": "BOSS"}, 409, "AlreadyExists"),
        ({"username": "a b"}, 422, "InvalidUsername"),
        ({"password": "short"}, 422, "WeakPassword"),
        ({"team": "Nowhere"}, 422, "UnknownReference"),
        ({"role": "king"}, 422, "MalformedRequest"),
        ({"email": "no address"}, 422, "MalformedRequest"),
        ({"display_name": "   "}, 422, "MalformedRequest"),
        ({"username": "x" * 151}, 422, "MalformedRequest"),
    ],
)
def test_nobody_is_made_of_what_does_not_fit(boss: Person, given: dict[str, Any], status: int, code: str) -> None:
    answer = boss.post("/api/v1/users", json=new(**given))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(boss.get("/api/v1/users").json()["items"]) == 1


def test_only_a_pm_can_be_an_administrator(boss: Person) -> None:
    assert boss.post("/api/v1/users", json=new(is_admin=True)).json()["is_admin"] is False
    other = boss.post("/api/v1/users", json=new(username="pm2", role="pm", is_admin=True)).json()
    assert other["is_admin"] is True
    changed = boss.patch(f"/api/v1/users/{other['id']}", json={"role": "developer"}).json()
    assert changed["is_admin"] is False


def test_only_what_is_sent_changes(house: House, boss: Person) -> None:
    ann = house.person("ann", Role.DEVELOPER, team="Backend", email="ann@example.com")
    path = f"/api/v1/users/{ann.id}"
    assert boss.patch(path, json={"team": "Mobile"}).json()["team"] == "Mobile"
    assert boss.patch(path, json={"display_name": "Ann B."}).json()["team"] == "Mobile"
    assert boss.patch(path, json={"team": None}).json()["team"] is None
    assert boss.patch(path, json={"email": None}).status_code == 200
    me = ann.get("/api/v1/me").json()
    assert (me["display_name"], me["email"], me["role"]) == ("Ann B.", None, "developer")


def test_a_password_set_by_the_administrator_ends_all_sign_ins(house: House, boss: Person) -> None:
    ann = house.person("ann")
    assert boss.patch(f"/api/v1/users/{ann.id}", json={"password": "short"}).json()["code"] == "WeakPassword"
    assert ann.get("/api/v1/me").status_code == 200
    assert boss.patch(f"/api/v1/users/{ann.id}", json={"password": "battery staple"}).status_code == 200
    assert ann.get("/api/v1/me").status_code == 401
    assert house.sign_in("ann", "battery staple").id == ann.id


@pytest.mark.parametrize("change", [{"is_admin": False}, {"role": "developer"}, {"is_active": False}, None])
def test_the_last_administrator_stays(house: House, boss: Person, change: dict[str, Any] | None) -> None:
    path = f"/api/v1/users/{boss.id}"
    answer = boss.delete(path) if change is None else boss.patch(path, json=change)
    assert (answer.status_code, answer.json()["code"]) == (409, "InUse")
    me = boss.get("/api/v1/me").json()
    assert (me["is_admin"], me["is_active"], me["role"], me["username"]) == (True, True, "pm", "boss")
    house.person("second", Role.PM, is_admin=True)
    answer = boss.delete(path) if change is None else boss.patch(path, json=change)
    assert answer.status_code in {200, 204}


class TestAnErasedPerson:
    @pytest.fixture
    def erased(self, house: House, boss: Person) -> tuple[Person, int]:
        ann = house.person("ann.secret", Role.DEVELOPER, team="Backend", email="ann@example.com")
        ann.patch("/api/v1/me", json={"display_name": "Ann Secret", "locale": "de"})
        bug_id = ann.report("It broke", assigned_to_id=ann.id)["id"]
        ann.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "Still broken"})
        assert boss.delete(f"/api/v1/users/{ann.id}").status_code == 204
        return ann, bug_id

    def test_is_signed_out_and_cannot_come_back(self, house: House, erased: tuple[Person, int]) -> None:
        ann, _ = erased
        assert ann.get("/api/v1/me").status_code == 401
        answer = house.client.post("/token", json={"username": "ann.secret", "password": PASSWORD})
        assert answer.status_code == 401

    def test_leaves_their_bugs_and_comments_without_a_name(self, boss: Person, erased: tuple[Person, int]) -> None:
        _, bug_id = erased
        bug = boss.bug(bug_id)
        comments = boss.get(f"/api/v1/bugs/{bug_id}/comments").json()["items"]
        assert bug["reporter"]["display_name"] == "Erased user"
        assert comments[0]["text"] == "Still broken"
        assert comments[0]["author"]["display_name"] == "Erased user"

    def test_is_named_nowhere_in_the_database(self, house: House, erased: tuple[Person, int]) -> None:
        with house.runtime.database.read() as session:
            row = session.execute(select(User.__table__).where(User.id == erased[0].id)).one()
            assert "secret" not in str(row).lower()
            assert "example.com" not in str(row)
            assert (row.password_hash, row.team_id, row.locale, row.preferences) == ("!", None, None, {})
            assert row.erased_at == house.now
            assert not session.scalars(select(SignIn).where(SignIn.ended_at.is_(None), SignIn.user_id == row.id)).all()
            for table in ("bug_event", "audit_entry", "notification", "bug"):
                everything = str(session.execute(text(f"SELECT * FROM {table}")).all()).lower()
                assert "ann.secret" not in everything, table
                assert "ann secret" not in everything, table

    def test_is_no_longer_listed_or_changed(self, boss: Person, erased: tuple[Person, int]) -> None:
        path = f"/api/v1/users/{erased[0].id}"
        assert [user["username"] for user in boss.get("/api/v1/users").json()["items"]] == ["boss"]
        assert boss.patch(path, json={"is_active": True}).status_code == 404
        assert boss.delete(path).status_code == 404

    def test_frees_their_user_name(self, house: House, erased: tuple[Person, int]) -> None:
        assert house.person("ann.secret").id != erased[0].id

    def test_is_given_no_more_bugs_and_told_nothing(
        self, house: House, boss: Person, erased: tuple[Person, int]
    ) -> None:
        ann, bug_id = erased
        answer = boss.post("/report_bug", json={"description": "x", "project": "p", "assigned_to_id": ann.id})
        assert (answer.status_code, answer.json()["code"]) == (422, "UnknownReference")
        boss.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "Anyone?"})
        with house.runtime.database.read() as session:
            unread = text("SELECT count(*) FROM notification WHERE read_at IS NULL AND user_id = :id")
            assert session.execute(unread, {"id": ann.id}).scalar() == 0


def test_people_are_listed_page_by_page(house: House, boss: Person) -> None:
    for n in range(4):
        house.person(f"user{n}")
    boss.patch(f"/api/v1/users/{boss.id + 2}", json={"is_active": False})
    first = boss.get("/api/v1/users", params={"limit": 3})
    second = boss.get(first.headers["Link"].split(">")[0].removeprefix("<"))
    names = [user["username"] for answer in (first, second) for user in answer.json()["items"]]
    assert names == ["boss", "user0", "user1", "user2", "user3"]
    assert "Link" not in second.headers
    inactive = boss.get("/api/v1/users", params={"active": False}).json()["items"]
    assert [user["username"] for user in inactive] == ["user1"]
    assert boss.get(f"/api/v1/users/{boss.id}").json()["username"] == "boss"
    assert boss.get("/api/v1/users/999").json()["code"] == "NotFound"


def test_everyone_changes_their_own_settings(house: House, boss: Person) -> None:
    ann = house.person("ann", email="ann@example.com")
    sent = {"display_name": " Ann ", "locale": "de", "preferences": {"theme": "dark", "muted": ["moved"]}}
    me = ann.patch("/api/v1/me", json=sent).json()
    assert (me["display_name"], me["locale"], me["preferences"]) == ("Ann", "de", sent["preferences"])
    assert me["email"] == "ann@example.com"
    assert ann.patch("/api/v1/me", json={"email": None, "locale": None}).json()["email"] is None
    assert ann.get("/api/v1/me").json()["preferences"]["theme"] == "dark"
    for wrong in ({"role": "pm"}, {"is_admin": True}, {"locale": "xx"}, {"preferences": {"muted": ["all"]}}):
        assert ann.patch("/api/v1/me", json=wrong).status_code == 422
    assert ann.patch("/api/v1/me", json={"display_name": "  "}).status_code == 422
