"""The HTTP client, against an API in memory."""

import threading
from collections.abc import Callable

import httpx2
import pytest
from tests.ui.fakes import FakeApi

from bugflow.client import ApiProblem, Client, connect
from bugflow.domain.bugs import Status
from bugflow.errors import ApiUnreachable
from bugflow.schemas.bugs import BugFilter, BugPatch

ClientOf = Callable[[str], Client]


def test_a_refusal_carries_the_problem_of_the_api(api: FakeApi, client_of: ClientOf) -> None:
    with pytest.raises(ApiProblem, match="There is no bug '9'") as caught:
        client_of("pm").get_bug(9)
    assert caught.value.code == "NotFound"
    assert caught.value.problem.status == 404


def test_an_api_that_is_down_is_unreachable_not_a_stack_of_transport_errors(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.is_down = True
    with pytest.raises(ApiUnreachable, match=r"http://api\.test"):
        client.get_me()


@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_not_the_apis_is_unreachable(api: FakeApi, client_of: ClientOf, status: int) -> None:
    client = client_of("pm")
    api.refusal = httpx2.Response(status, html="<h1>Some proxy</h1>")
    with pytest.raises(ApiUnreachable):
        client.get_me()


def test_an_expired_access_token_is_renewed_without_anyone_noticing(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.tokens.clear()
    assert client.get_me().username == "pm"
    assert api.calls.count(("POST", "/api/v1/auth/refresh")) == 1


def test_many_threads_renew_once_because_refresh_tokens_rotate(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.tokens.clear()
    names: list[str] = []
    threads = [threading.Thread(target=lambda: names.append(client.get_me().username)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["pm"] * 8
    assert api.calls.count(("POST", "/api/v1/auth/refresh")) == 1


def test_a_revoked_sign_in_is_said_once_and_not_retried_for_ever(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.tokens.clear()
    api.refresh.clear()
    for _ in range(2):
        with pytest.raises(ApiProblem) as caught:
            client.get_me()
        assert caught.value.code == "NotSignedIn"
    assert api.calls.count(("POST", "/api/v1/auth/refresh")) == 1


def test_a_short_rate_limit_is_waited_out_once(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.refusal = api.problem(429, "TooManyRequests", "Slow down.", **{"Retry-After": "0"})
    api.calls.clear()
    with pytest.raises(ApiProblem):
        client.get_me()
    assert len(api.calls) == 2


def test_a_long_rate_limit_is_told_at_once(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.refusal = api.problem(429, "TooManyRequests", "Slow down.", **{"Retry-After": "60"})
    api.calls.clear()
    with pytest.raises(ApiProblem) as caught:
        client.get_me()
    assert caught.value.retry_after_seconds == 60
    assert len(api.calls) == 1


def test_a_filter_goes_as_repeated_keys_without_what_is_left_open(api: FakeApi) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.query.decode())
        return httpx2.Response(200, json={"items": []})

    with connect("http://api.test", transport=httpx2.MockTransport(answer)) as http:
        Client(http).list_bugs(BugFilter(status=[Status.OPEN, Status.RESOLVED], needs_review=True, q="a b"))
    assert asked == ["status=open&status=resolved&needs_review=true&q=a+b"]


def test_a_change_onto_another_version_is_refused(api: FakeApi, client_of: ClientOf) -> None:
    api.add_bug()
    client = client_of("pm")
    etag = client.get_bug(1).etag
    assert client.patch_bug(1, BugPatch(title="Mine"), etag=etag).bug.title == "Mine"
    with pytest.raises(ApiProblem) as caught:
        client.patch_bug(1, BugPatch(title="Late"), etag=etag)
    assert caught.value.code == "LostUpdate"


def test_only_what_is_set_is_sent(api: FakeApi, client_of: ClientOf) -> None:
    api.add_bug(assigned_to={"id": 2, "username": "dev", "display_name": "Dev"})
    client_of("pm").patch_bug(1, BugPatch(assigned_to_id=None))
    assert api.bugs[1]["title"] == "Cart is empty"
    assert api.bugs[1]["assigned_to_id"] is None


def test_signing_out_forgets_the_tokens_even_when_the_api_is_down(api: FakeApi, client_of: ClientOf) -> None:
    client = client_of("pm")
    api.is_down = True
    with pytest.raises(ApiUnreachable):
        client.sign_out()
    api.is_down = False
    with pytest.raises(ApiProblem):
        client.get_me()
