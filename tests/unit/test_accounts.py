"""Names, passwords and the table of permissions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.domain.accounts import (
    PERMISSIONS,
    Action,
    Actor,
    Role,
    Scope,
    check_password,
    demand,
    demand_administrator,
    normalise_username,
    scope_of,
)
from bugflow.errors import Forbidden, InvalidUsername, WeakPassword

ACTORS = {role: Actor(1, role.value, role) for role in Role}
_RANK = {Scope.NONE: 0, Scope.OWN: 1, Scope.ALL: 2}


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("role", list(Role))
def test_a_demand_follows_the_table(role: Role, action: Action, own: bool) -> None:
    scope = PERMISSIONS[action][role]
    if scope is Scope.ALL or (scope is Scope.OWN and own):
        demand(ACTORS[role], action, own=own)
    else:
        with pytest.raises(Forbidden, match=f"A {role} may not {action.value}"):
            demand(ACTORS[role], action, own=own)


@pytest.mark.parametrize("action", list(Action))
def test_a_pm_may_all_that_a_tester_may_and_more(action: Action) -> None:
    tester, developer, pm = (_RANK[scope_of(ACTORS[role], action)] for role in Role)
    assert tester <= pm
    assert developer <= pm
    assert pm == 2


def test_a_refusal_says_whose_it_would_have_to_be() -> None:
    with pytest.raises(Forbidden, match="may not edit bugs that are not theirs"):
        demand(ACTORS[Role.TESTER], Action.EDIT_BUG)
    with pytest.raises(Forbidden, match="may not edit bugs after midnight"):
        demand(ACTORS[Role.TESTER], Action.EDIT_BUG, circumstance=" after midnight")


def test_accounts_are_managed_by_administrators_only() -> None:
    demand_administrator(Actor(1, "boss", Role.PM, is_admin=True))
    for actor in (Actor(1, "pm", Role.PM), Actor(1, "dev", Role.DEVELOPER, is_admin=True)):
        with pytest.raises(Forbidden):
            demand_administrator(actor)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("Ann@Example.com", "ann@example.com"),
        ("  ben  ", "ben"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("jürgen", "jürgen"),
        ("a.b_c-d+e@f", "a.b_c-d+e@f"),
    ],
)
def test_a_user_name_is_kept_in_one_form(given_name: str, kept: str) -> None:
    assert normalise_username(given_name) == kept


@pytest.mark.parametrize("name", ["", " ", "a", "a b", "a/b", "<b>", "a\nb", "x" * 151, "a\x00b", "ann'--"])
def test_a_bad_user_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidUsername):
        normalise_username(name)


@given(st.text(max_size=200))
def test_normalising_twice_changes_nothing(name: str) -> None:
    try:
        once = normalise_username(name)
    except InvalidUsername:
        return
    assert normalise_username(once) == once
    assert 2 <= len(once) <= 150


@pytest.mark.parametrize("password", ["", "short", "1234567", "password", "PassWord1", "12345678", "bugflow123"])
def test_a_password_that_is_guessed_first_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password)


@pytest.mark.parametrize("password", ["eight ch", "correct horse", "пароль-надежный", "x" * 500])
def test_any_other_password_will_do(password: str) -> None:
    check_password(password)
