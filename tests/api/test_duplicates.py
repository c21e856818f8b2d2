"""Bugs that say the same: found while writing, linked by people, never by the machine."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.conftest import BOTH
from tests.factories import House, Person
from tests.ml.trackers import WordEncoder, make_ranker

from bugflow.cli.serve import warm_up
from bugflow.db.tables import DuplicateVerdict
from bugflow.domain.accounts import Role
from bugflow.domain.predictions import Task
from bugflow.ml.duplicates.search import LiveSearch, NoSearch, make_search
from bugflow.ml.predictor import Predictor
from bugflow.ml.train.history import read_history
from bugflow.services.duplicates import decisions, fingerprints

pytestmark = pytest.mark.parametrize("kind", BOTH)

CART = "Cart total wrong after coupon"
CART_AGAIN = "Coupon ignored, cart total is wrong"
N_OTHERS = 12
Build = Callable[..., House]


def open_search(house: House) -> LiveSearch:
    """A process's own search over the database that all share."""
    encoder = WordEncoder()
    catch_up = fingerprints.follow(house.runtime.database, encoder=encoder.name)
    return make_search(encoder=encoder, ranker=make_ranker(), catch_up=catch_up)


@pytest.fixture
def search(house: House) -> LiveSearch:
    return open_search(house)


@pytest.fixture
def shop(build: Build, search: LiveSearch) -> House:
    """An installation that searches, with some bugs about other things."""
    opened = build(predictor=Predictor({}, dict.fromkeys(Task, "none"), search), duplicates=search)
    olga = opened.person("olga")
    for n in range(N_OTHERS):
        olga.report(f"Page {n} loads slowly on Mondays")
    return opened


@pytest.fixture
def ann(shop: House) -> Person:
    return shop.person("ann")


@pytest.fixture
def pia(shop: House) -> Person:
    return shop.person("pia", Role.PM)


def search_for(person: Person, text: str, **given: object) -> list[dict[str, object]]:
    answer = person.post("/api/v1/duplicates/search", json={"description": text, **given})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["candidates"])


def link(person: Person, bug_id: int, other: int) -> int:
    return person.post(f"/api/v1/bugs/{bug_id}/duplicates", json={"duplicate_of": other}).status_code


def known(person: Person, bug_id: int) -> dict[str, object]:
    answer = person.get(f"/api/v1/bugs/{bug_id}/duplicates")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def suggested(person: Person, bug_id: int) -> list[int]:
    return [one["bug_id"] for one in known(person, bug_id)["candidates"]]  # type: ignore[attr-defined]


# -- Found while writing ---


def test_a_bug_just_reported_is_found_with_what_both_say(ann: Person) -> None:
    bug_id = ann.report(CART)["id"]
    first = search_for(ann, CART_AGAIN)[0]
    assert (first["bug_id"], first["status"], first["possible_regression"]) == (bug_id, "open", False)
    [words] = [one["values"] for one in first["evidence"] if one["kind"] == "words"]  # type: ignore[attr-defined]
    assert {"coupon", "cart", "total"} <= set(words)


def test_a_bug_reported_in_another_process_is_found(shop: House, ann: Person) -> None:
    other = open_search(shop)
    other.catch_up(other.index)
    assert len(other.index) == N_OTHERS
    ann.report(CART)
    other.catch_up(other.index)
    assert len(other.index) == N_OTHERS + 1


def test_the_index_is_filled_before_anybody_asks(shop: House) -> None:
    fresh = open_search(shop)
    warm_up(replace(shop.runtime, duplicates=fresh)).join(timeout=30)
    assert len(fresh.index) == N_OTHERS


def test_predict_names_what_a_text_repeats_unless_it_is_told_not_to(ann: Person) -> None:
    bug_id = ann.report(CART)["id"]
    body = {"description": CART_AGAIN, "project": "Shop"}
    assert ann.post("/predict", json=body).json()["duplicates"][0]["bug_id"] == bug_id
    assert ann.post("/predict", json=body, params={"duplicates": "false"}).json()["duplicates"] == []


def test_a_report_is_answered_with_what_it_repeats_and_never_with_itself(ann: Person) -> None:
    first = ann.report(CART)["id"]
    second = ann.report(CART)
    found = [one["bug_id"] for one in second["duplicates"]]
    assert found[0] == first
    assert second["id"] not in found
    assert ann.bug(second["id"])["status"] == "open"  # the machine links and closes nothing


def test_a_match_to_a_resolved_bug_may_be_a_regression(ann: Person, pia: Person) -> None:
    bug_id = ann.report(f"{CART} in version 4.2.0")["id"]
    for status in ("in_progress", "resolved"):
        assert pia.post("/update_bug", json={"bug_id": bug_id, "status": status}).status_code == 200
    first = search_for(ann, CART_AGAIN)[0]
    assert (first["bug_id"], first["status"], first["possible_regression"]) == (bug_id, "resolved", True)
    assert search_for(ann, f"{CART_AGAIN} in version 4.10.0")[0]["possible_regression"] is True
    assert search_for(ann, f"{CART_AGAIN} in version 4.1.9")[0]["possible_regression"] is False


def test_silence_when_nothing_says_the_same(ann: Person) -> None:
    ann.report(CART)
    assert search_for(ann, "Printer paper jams upstairs") == []


@pytest.mark.parametrize("text", ["", "   ", "!!! ???"])
def test_an_empty_text_finds_nothing(ann: Person, text: str) -> None:
    ann.report(CART)
    assert search_for(ann, text) == []


def test_a_pasted_log_of_a_megabyte_is_read_as_far_as_it_says(ann: Person) -> None:
    bug_id = ann.report(CART)["id"]
    text = f"{CART_AGAIN}\n" + "x" * 1_000_000
    answer = ann.post("/api/v1/duplicates/search", json={"description": text}).json()
    assert answer["candidates"][0]["bug_id"] == bug_id
    assert answer["notes"] == ["text truncated after 20,000 characters"]


def test_an_edited_bug_is_found_by_what_it_says_now(ann: Person, shop: House, search: LiveSearch) -> None:
    bug_id = ann.report(CART)["id"]
    ann.patch(f"/api/v1/bugs/{bug_id}", json={"title": "Login form", "description": "Password field rejects umlauts"})
    assert search_for(ann, CART_AGAIN) == []
    assert search_for(ann, "The password field rejects umlauts on login")[0]["bug_id"] == bug_id
    # Its meaning is read anew by a worker.
    assert fingerprints.read_some(shop.runtime.database, search) > 0
    with shop.runtime.database.read() as session:
        kept = fingerprints.find_kept(session, bug_id)
    assert kept is not None
    assert kept.encoder == "words-1"


def test_a_worker_reads_every_bug_once(shop: House, ann: Person, search: LiveSearch) -> None:
    bug_id = ann.report(CART)["id"]
    database = shop.runtime.database
    with database.read() as session:
        assert fingerprints.name_unread(session, search.encoder.name) is not None
    n_read = 0
    while n := fingerprints.read_some(database, search):
        n_read += n
    assert n_read == N_OTHERS + 1
    with database.read() as session:
        assert fingerprints.name_unread(session, search.encoder.name) is None
        assert fingerprints.name_unread(session, "another-encoder") is not None
    similar = search_for(ann, CART)[0]
    assert similar["bug_id"] == bug_id
    assert similar["similarity"] == pytest.approx(1, abs=0.01)
    assert similar["likely"] is True


def test_what_was_read_of_a_bug_serves_learning_until_it_is_edited(
    shop: House, ann: Person, search: LiveSearch
) -> None:
    database, encoder = shop.runtime.database, search.encoder.name
    bug_id, edited = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    while fingerprints.read_some(database, search):
        pass
    ann.patch(f"/api/v1/bugs/{edited}", json={"description": "Password field rejects umlauts"})
    with database.read() as session:
        assert [*fingerprints.find_read(session, [bug_id, edited, 999_999], encoder=encoder)] == [bug_id]
        assert fingerprints.find_read(session, [bug_id], encoder="another-encoder") == {}


def test_without_an_encoder_the_product_works_and_readyz_says_why(build: Build) -> None:
    opened = build(duplicates=NoSearch(problem="the encoder is damaged"))
    eve = opened.person("eve")
    eve.report(CART)
    assert search_for(eve, CART) == []
    assert opened.client.get("/readyz").json()["problems"]["duplicates"] == "the encoder is damaged"


# -- Decided by people ---


def test_a_link_goes_to_the_root_and_what_hung_on_a_bug_moves_with_it(ann: Person) -> None:
    root, second, third, fourth = (ann.report(f"{CART} {n}")["id"] for n in range(4))
    assert link(ann, second, root) == 201
    assert link(ann, third, second) == 201  # the second repeats the root, so the third does
    assert known(ann, third)["repeats"]["id"] == root  # type: ignore[index]
    assert link(ann, root, fourth) == 201
    roots = [known(ann, one)["repeats"] for one in (root, second, third)]
    assert [one["id"] for one in roots] == [fourth] * 3  # type: ignore[index]
    assert {one["id"] for one in known(ann, fourth)["repeated_by"]} == {root, second, third}  # type: ignore[attr-defined]


def test_candidates_that_are_linked_are_shown_as_their_root(ann: Person) -> None:
    root, second = ann.report(f"{CART} at checkout")["id"], ann.report(CART)["id"]
    link(ann, second, root)
    found = [one["bug_id"] for one in search_for(ann, CART)]
    assert found.count(root) == 1
    assert second not in found


def test_links_that_cannot_be_are_refused_with_the_reason(ann: Person) -> None:
    one, two, three = (ann.report(f"{CART} {n}")["id"] for n in range(3))
    path = f"/api/v1/bugs/{one}/duplicates"

    def refused(path: str, other: int) -> tuple[int, str]:
        answer = ann.post(path, json={"duplicate_of": other})
        return answer.status_code, answer.json()["code"]

    assert refused(path, one) == (409, "CircularLink")
    assert refused(path, 9_999) == (404, "NotFound")
    assert refused("/api/v1/bugs/9999/duplicates", one) == (404, "NotFound")
    assert link(ann, two, one) == 201
    assert refused(path, two) == (409, "CircularLink")  # the child of the bug itself
    assert refused(f"/api/v1/bugs/{two}/duplicates", three) == (409, "AlreadyLinked")
    assert link(ann, two, one) == 201  # said again, nothing changes
    assert len(known(ann, one)["repeated_by"]) == 1  # type: ignore[arg-type]


def test_only_those_whose_bug_it_is_may_link_it(shop: House, ann: Person, pia: Person) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    bob = shop.person("bob")
    assert link(bob, two, one) == 403
    assert known(bob, two)["may_link"] is False
    assert bob.post(f"/api/v1/bugs/{two}/duplicates/dismissed", json={"other_id": one}).status_code == 403
    assert link(pia, two, one) == 201
    assert bob.delete(f"/api/v1/bugs/{two}/duplicates/{one}").status_code == 403


def test_what_was_dismissed_is_not_suggested_again_to_either(ann: Person) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    assert one in suggested(ann, two)
    assert ann.post(f"/api/v1/bugs/{two}/duplicates/dismissed", json={"other_id": one}).status_code == 204
    assert one not in suggested(ann, two)
    assert two not in suggested(ann, one)
    assert search_for(ann, CART)[0]["bug_id"] == one  # others are still told of it


@pytest.mark.parametrize("other", ["itself", "missing", "linked"])
def test_a_dismissal_that_cannot_be_is_refused(ann: Person, other: str) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    link(ann, two, one)
    other_id = {"itself": two, "missing": 9_999, "linked": one}[other]
    answer = ann.post(f"/api/v1/bugs/{two}/duplicates/dismissed", json={"other_id": other_id})
    assert answer.status_code == (404 if other == "missing" else 409)


def test_a_split_bug_stands_for_itself_again_and_history_tells_it(ann: Person) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    link(ann, two, one)
    assert one not in suggested(ann, two)
    assert ann.delete(f"/api/v1/bugs/{two}/duplicates/{one}").status_code == 204
    assert known(ann, two)["repeats"] is None
    assert ann.delete(f"/api/v1/bugs/{two}/duplicates/{one}").status_code == 404
    events = ann.get(f"/api/v1/bugs/{two}/events").json()["items"]
    told = [(event["kind"], event["old_value"], event["new_value"]) for event in events if event["field"]]
    assert told == [("linked", None, str(one)), ("split", str(one), None)]


def test_every_word_of_a_person_on_a_pair_is_kept(shop: House, ann: Person) -> None:
    one, two, three = (ann.report(f"{CART} {n}")["id"] for n in range(3))
    link(ann, two, one)
    ann.delete(f"/api/v1/bugs/{two}/duplicates/{one}")
    ann.post(f"/api/v1/bugs/{three}/duplicates/dismissed", json={"other_id": one})
    with shop.runtime.database.read() as session:
        rows = session.scalars(select(DuplicateVerdict).order_by(DuplicateVerdict.id)).all()
    assert [(row.bug_id, row.other_id, row.decision.value) for row in rows] == [
        (two, one, "confirmed"),
        (two, one, "split"),
        (three, one, "dismissed"),
    ]


# -- This is mine too ---


def test_who_follows_is_told_what_becomes_of_the_root(shop: House, ann: Person, pia: Person) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    link(ann, two, one)
    bob = shop.person("bob")
    assert bob.request("PUT", f"/api/v1/bugs/{two}/followers/me").status_code == 204  # follows the root
    assert bob.request("PUT", f"/api/v1/bugs/{one}/followers/me").status_code == 204  # twice is once
    told = known(bob, one)
    assert (told["follows"], told["n_affected"]) == (True, 2)
    pia.post("/update_bug", json={"bug_id": one, "status": "in_progress"})
    pia.post(f"/api/v1/bugs/{one}/comments", json={"text": "Found it."})
    assert sorted(bob.told()) == [("commented", one), ("moved", one)]
    assert bob.delete(f"/api/v1/bugs/{one}/followers/me").status_code == 204
    assert bob.delete(f"/api/v1/bugs/{one}/followers/me").status_code == 204
    assert known(bob, one)["n_affected"] == 1
    assert bob.request("PUT", "/api/v1/bugs/9999/followers/me").status_code == 404


def test_everyone_is_counted_once_however_often_they_are_affected(shop: House, ann: Person) -> None:
    one, two = ann.report(CART)["id"], ann.report(CART_AGAIN)["id"]
    bob = shop.person("bob")
    three = bob.report(CART)["id"]
    link(ann, two, one)
    link(bob, three, one)
    bob.request("PUT", f"/api/v1/bugs/{one}/followers/me")
    assert known(ann, one)["n_affected"] == 2
    assert search_for(ann, CART)[0]["n_affected"] == 2


# -- Why ---


def nearest(person: Person, bug_id: int, task: str) -> list[tuple[int, str]]:
    answer = person.get(f"/api/v1/bugs/{bug_id}/explanation")
    assert answer.status_code == 200, answer.text
    explained = next(one for one in answer.json() if one["task"] == task)
    return [(one["bug_id"], one["label"]) for one in explained["nearest"]]


def test_an_explanation_names_the_nearest_bugs_that_people_labelled_and_no_others(
    shop: House, search: LiveSearch, ann: Person, pia: Person
) -> None:
    first, second, unlabelled = (ann.report(text)["id"] for text in (CART, f"{CART} again", f"{CART} today"))
    for bug_id, label in ((first, "critical"), (second, "low")):
        answer = pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": label})
        assert answer.status_code in {200, 201}, answer.text
    while fingerprints.read_some(shop.runtime.database, search):
        pass
    assert sorted(nearest(ann, unlabelled, "severity")) == [(first, "critical"), (second, "low")]
    assert nearest(ann, unlabelled, "team") == []
    assert nearest(ann, first, "severity") == [(second, "low")]  # never itself
    body = {"description": CART}
    said = ann.post("/predict", json=body, params={"explain": "true"}).json()["explanation"][0]["nearest"]
    assert said[0]["bug_id"] == first
    assert said[0]["similarity"] >= said[1]["similarity"]


# -- What decisions are good for ---


def test_a_projects_own_decisions_move_what_is_called_likely_there(shop: House, ann: Person, pia: Person) -> None:
    bug_id = ann.report(CART)["id"]
    assert search_for(ann, CART)[0]["likely"] is True
    for n in range(30):
        other = ann.report(f"{CART} number {n}")["id"]
        answer = pia.post(f"/api/v1/bugs/{other}/duplicates/dismissed", json={"other_id": bug_id, "probability": 0.99})
        assert answer.status_code == 204, answer.text
    assert not any(one["likely"] for one in search_for(ann, CART))


def test_decisions_are_written_as_reports_that_training_reads(
    shop: House, ann: Person, pia: Person, tmp_path: Path
) -> None:
    root, repeat, other = (ann.report(text)["id"] for text in (CART, CART_AGAIN, "Cart icon is missing"))
    assert link(pia, repeat, root) == 201
    assert pia.post(f"/api/v1/bugs/{root}/duplicates/dismissed", json={"other_id": other}).status_code == 204
    with shop.runtime.database.read() as session:
        assert decisions.write_reports(session, tmp_path / "installation.jsonl") == 1
        assert decisions.list_dismissed(session) == [(str(other), str(root))]
    history = read_history(tmp_path / "installation.jsonl", WordEncoder(), progress=lambda _: None)
    assert [history.corpus.ids[row] for row in history.queries()] == [str(repeat)]
    assert history.n == N_OTHERS + 3
