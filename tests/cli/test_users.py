"""`bugflow users`: people from the command line of whoever owns the data."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.cli.conftest import Done, Run
from tests.factories import House

from bugflow.cli.users import create_first_administrator

GOOD = "correct horse battery"


def create(run: Run, *arguments: str, typed: str = GOOD) -> Done:
    return run("users", "create", *arguments, "--password-stdin", typed=f"{typed}\n")


def test_the_first_pm_is_the_administrator_and_the_second_is_not(run: Run, migrated: Path) -> None:
    assert create(run, "ann", "--role", "tester").out == "Created ann (id 1, tester).\n"
    assert create(run, "Pia", "--role", "pm").out == "Created pia (id 2, pm, administrator).\n"
    assert create(run, "pit", "--role", "pm").out == "Created pit (id 3, pm).\n"
    assert create(run, "pam", "--role", "pm", "--admin").out == "Created pam (id 4, pm, administrator).\n"


def test_the_first_pm_can_be_no_administrator_and_no_tester_can_be_one(run: Run, migrated: Path) -> None:
    assert create(run, "pia", "--role", "pm", "--no-admin").out == "Created pia (id 1, pm).\n"
    assert create(run, "ann", "--role", "tester", "--admin").out == "Created ann (id 2, tester).\n"


@pytest.mark.parametrize("ends", ["\n", "\r\n", ""])
def test_the_password_is_the_first_line_of_the_input(run: Run, migrated: Path, ends: str) -> None:
    done = run("users", "create", "ann", "--role", "tester", "--password-stdin", typed=f" {GOOD} {ends}")
    assert done.code == 0
    from tests.factories import make_settings

    from bugflow.runtime import make_passwords, make_tokens, open_database, utc_now
    from bugflow.schemas.accounts import Credentials
    from bugflow.services.sign_ins import sign_in

    settings = make_settings(migrated)
    database = open_database(settings)
    body = Credentials(username="ann", password=f" {GOOD} ")
    assert sign_in(database, make_tokens(settings, make_passwords()), body=body, now=utc_now()).access_token
    database.engine.dispose()


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "said"),
    [
        (["ann", "--role", "tester"], "brief", 2, "WeakPassword: "),
        (["ann", "--role", "tester"], "Password123", 2, "WeakPassword: "),
        (["ann b", "--role", "tester"], GOOD, 2, "InvalidUsername: "),
        (["ann", "--role", "tester", "--team", "Moon"], GOOD, 2, "UnknownReference: team names a team that does not"),
        (["there", "--role", "tester"], GOOD, 5, "AlreadyExists: There is already a user 'there'."),
        (["THERE", "--role", "tester"], GOOD, 5, "AlreadyExists: There is already a user 'there'."),
    ],
)
def test_who_cannot_be_created_is_told_in_one_line(
    run: Run, migrated: Path, arguments: list[str], typed: str, code: int, said: str
) -> None:
    create(run, "there", "--role", "tester")
    done = create(run, *arguments, typed=typed)
    assert (done.code, done.out, done.err.count("\n")) == (code, "", 1)
    assert done.err.startswith(said)
    assert typed not in done.err
    assert "there" in run("users", "list").out


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (["ann", "--role", "king"], GOOD, "king"),
        (["ann", "--role", "tester", "--email", "nowhere"], GOOD, "email"),
        (["ann", "--role", "tester"], "", "password"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused_without_showing_the_password(
    run: Run, migrated: Path, arguments: list[str], typed: str, said: str
) -> None:
    done = create(run, *arguments, typed=typed)
    assert done.code == 2
    assert said in done.err
    assert GOOD not in done.err
    assert "Traceback" not in done.err


def test_all_people_are_listed(run: Run, migrated: Path) -> None:
    create(run, "pia", "--role", "pm", "--display-name", "Pia P.")
    create(run, "dev", "--role", "developer", "--team", "backend")
    lines = [[cell.strip() for cell in line.split("│")[1:-1]] for line in run("users", "list").out.splitlines()]
    rows = [row for row in lines if row and row[0].isdigit()]
    assert rows == [
        ["1", "pia", "Pia P.", "pm (administrator)", "", "active"],
        ["2", "dev", "dev", "developer", "Backend", "active"],
    ]


def test_the_first_start_takes_the_password_it_is_given_and_prints_it_nowhere(
    build: Callable[..., House], capsys: pytest.CaptureFixture[str]
) -> None:
    house = build(admin_password=SecretStr("staple of my own"))
    create_first_administrator(house.runtime)
    printed = capsys.readouterr()
    assert "sign in as admin with the password in BUGFLOW_ADMIN_PASSWORD" in printed.out
    assert "staple" not in printed.out + printed.err
    body = {"username": "admin", "password": "staple of my own"}
    assert house.client.post("/token", json=body).status_code == 200
    create_first_administrator(house.runtime)
    assert "admin" not in capsys.readouterr().out  # once, when nobody is there
