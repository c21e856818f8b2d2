"""The pages' logic, against an API in memory."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from streamlit.testing.v1 import AppTest
from tests.ui.fakes import FakeApi, named

from bugflow.ui import toasts
from bugflow.ui.session import SESSIONS

Open = Callable[..., AppTest]


def html_of(app: AppTest) -> str:
    return "\n".join(str(getattr(element, "value", "")) for element in app.get("html"))


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> AppTest:
    buttons = [*app.button, *app.sidebar.button]
    button = next(button for button in buttons if button.label == label)
    button.click().run()
    assert not app.exception, app.exception
    return app


def links(app: AppTest) -> list[Any]:
    return [element.proto for element in app.get("page_link")]


@pytest.mark.parametrize(
    ("username", "page", "heading"),
    [
        ("tess", "report", "Report a bug"),
        ("tess", "bugs", "My bugs"),
        ("dev", "board", "Board"),
        ("dev", "dashboard", "Dashboard"),
        ("pm", "review", "Review"),
        ("pm", "analytics", "Analytics"),
        ("pm", "models", "Models"),
        ("pm", "notifications", "Notifications"),
        ("pm", "settings", "Settings"),
        ("pm", "admin", "Admin"),
    ],
)
def test_every_page_draws_with_bugs_and_without(
    api: FakeApi, page_of: Open, username: str, page: str, heading: str
) -> None:
    assert heading in html_of(page_of(username, page))
    api.add_bug()
    assert heading in html_of(page_of(username, page))


@pytest.mark.parametrize("page", ["bugs", "board", "dashboard", "review"])
def test_a_page_without_anything_to_show_says_so(page_of: Open, page: str) -> None:
    app = page_of("pm", page)
    if page != "board":  # its columns say so themselves
        assert "bf-empty" in html_of(app)


@pytest.mark.parametrize("page", ["dashboard", "board", "review", "models", "analytics", "admin"])
def test_a_tester_who_asks_for_a_page_of_others_gets_their_own_first_page(
    api: FakeApi, page_of: Open, page: str
) -> None:
    app = page_of("tess", page)
    assert "Report a bug" in html_of(app)
    assert not [path for _, path in api.calls if "/stats" in path]


def test_a_report_shows_an_honest_suggestion_and_links_to_the_bug(api: FakeApi, page_of: Open) -> None:
    app = page_of("tess", "report")
    app.text_area[0].set_value("The cart crashes when I pay").run()
    shown = html_of(app)
    assert "Not sure: Backend 41" in shown
    assert "DevOps 38" in shown
    assert "crashes" in shown
    assert "Reported before?" not in shown
    app.selectbox[0].set_value("Tallybox").run()
    press(app, "Report bug")
    assert "Bug #1 is reported." in [success.value for success in app.success]
    assert api.bugs[1]["description"] == "The cart crashes when I pay"


def test_earlier_reports_are_shown_beside_the_suggestion_only_when_there_are_any(api: FakeApi, page_of: Open) -> None:
    api.duplicates = [
        {
            "bug_id": 7,
            "title": "Cart crashed",
            "status": "resolved",
            "project": "Tallybox",
            "created_at": "2026-03-01T09:00:00Z",
            "probability": 0.8,
            "similarity": 0.9,
            "evidence": [{"kind": "words", "values": ["cart", "pay"]}],
            "likely": True,
            "possible_regression": True,
            "n_affected": 2,
        }
    ]
    app = page_of("tess", "report")
    app.text_area[0].set_value("The cart crashes when I pay").run()
    assert "Reported before?" in html_of(app)
    assert "Possible regression" in html_of(app)


def test_what_the_reporter_chose_is_sent_and_what_they_left_is_not(api: FakeApi, page_of: Open) -> None:
    app = page_of("tess", "report")
    app.text_area[0].set_value("The cart crashes when I pay").run()
    app.selectbox[0].set_value("Tallybox").run()
    app.selectbox[1].set_value("critical").run()
    press(app, "Report bug")
    assert api.bugs[1]["severity"] == "critical"
    assert api.bugs[1]["team"] == "Backend"


def test_a_report_without_text_or_project_is_not_sent(api: FakeApi, page_of: Open) -> None:
    app = press(page_of("tess", "report"), "Report bug")
    assert app.warning[0].value.startswith("Describe what happened")
    assert not api.bugs


def test_a_report_can_be_written_while_suggestions_are_refused(api: FakeApi, page_of: Open) -> None:
    app = page_of("tess", "report")
    api.refusal = api.problem(503, "ArtifactCorrupt", "The model is refused.")
    app.text_area[0].set_value("The cart crashes when I pay").run()
    assert not app.exception
    assert "No suggestion right now" in app.info[0].value


def test_a_title_is_shown_as_written_never_as_markup(api: FakeApi, page_of: Open) -> None:
    api.add_bug("<b>x</b> **bold** [l](http://evil.example)", text="<img src=x onerror=alert(1)> **not bold**")
    app = page_of("pm", "bug", id="1")
    shown = html_of(app)
    assert "&lt;img src=x onerror=alert(1)&gt; **not bold**" in shown
    assert "<b>x</b>" not in shown
    assert "<img" not in shown
    listed = page_of("pm", "bugs")
    label = next(link.label for link in links(listed) if "bold" in link.label)
    assert r"\*\*bold\*\*" in label
    assert "http://" not in label.replace("\N{WORD JOINER}", "|")


def test_why_marks_the_words_and_keeps_the_text(api: FakeApi, page_of: Open) -> None:
    api.add_bug(text="<i>The cart crashes</i>")
    app = page_of("pm", "bug", id="1")
    app.toggle[0].set_value(True).run()
    shown = html_of(app)
    assert 'class="bf-for"' in shown
    assert ">crashes</mark>" in shown
    assert "&lt;i&gt;The" in shown
    assert "Most alike of those that people labelled" in shown
    assert "Cart crashed" in [link.label for link in links(app)]


def test_a_move_on_the_bug_page_is_saved(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    press(page_of("dev", "bug", id="1"), "Start work")
    assert api.bugs[1]["status"] == "in_progress"


def test_a_quick_move_in_the_list_is_saved(api: FakeApi, page_of: Open) -> None:
    api.add_bug(assigned_to=named(2))
    press(page_of("dev", "bugs"), "Start work")
    assert api.bugs[1]["status"] == "in_progress"


def test_a_tester_gets_no_move_buttons(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    assert "Start work" not in labels(page_of("tess", "bug", id="1"))
    assert "Start work" not in labels(page_of("tess", "bugs"))


def test_two_writers_see_both_versions_and_decide(api: FakeApi, page_of: Open) -> None:
    api.add_bug("Old title")
    app = press(page_of("pm", "bug", id="1"), "Edit")
    api.bugs[1].update(title="Their title", version=2)
    next(field for field in app.text_input if field.label == "Title").set_value("My title")
    press(app, "Save")
    shown = html_of(app)
    assert "My title" in shown
    assert "Their title" in shown
    assert api.bugs[1]["title"] == "Their title"
    press(app, "Save my version")
    assert api.bugs[1]["title"] == "My title"


def test_a_pm_corrects_with_a_reason(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    app = page_of("pm", "bug", id="1")
    pills: Any = next(group for group in app.get("button_group") if getattr(group, "label", "") == "Severity")
    pills.set_value("critical").run()
    next(field for field in app.text_input if field.label.startswith("Reason")).set_value("Nobody can pay")
    press(app, "Correct to Critical")
    assert api.bugs[1]["severity"] == "critical"
    assert api.feedback[0]["reason"] == "Nobody can pay"
    assert app.toast[0].value == "Recorded. Corrections so far: 1."


@pytest.mark.parametrize(("n", "percent"), [(0, 0), (2, 50), (4, 100), (5, 100)])
def test_a_reviewer_sees_when_a_training_is_due(api: FakeApi, page_of: Open, n: int, percent: int) -> None:
    api.n_corrections, api.retrain_after = n, 4
    [bar] = page_of("pm", "review").get("progress")
    assert bar.proto.text == f"New corrections: {n} of 4. Then the next model is trained."
    assert bar.proto.value == percent


def test_a_reviewer_confirms_with_one_press_and_the_next_one_comes(api: FakeApi, page_of: Open) -> None:
    api.add_bug("First")
    api.add_bug("Second")
    app = page_of("pm", "review")
    assert "First" in html_of(app)
    press(app, "Confirm as it is")
    assert {row["kind"] for row in api.feedback} == {"confirmation"}
    assert "Second" in html_of(app)


def test_a_reviewer_reads_why_a_bug_is_asked_about_and_confirms_only_what_waits(api: FakeApi, page_of: Open) -> None:
    bug_id = api.add_bug("First")
    api.asked[bug_id] = {"tasks": ["team"], "reasons": ["A random check", "<b>bold</b>"], "is_spot_check": True}
    app = page_of("pm", "review")
    shown = html_of(app)
    assert "A random check" in shown
    assert "&lt;b&gt;bold" in shown
    press(app, "Confirm as it is")
    assert [row["task"] for row in api.feedback] == ["team"]


def test_a_reviewer_takes_up_what_was_said_of_a_near_twin_with_one_press(api: FakeApi, page_of: Open) -> None:
    bug_id = api.add_bug("First")
    api.asked[bug_id] = {"reasons": ["Near twin #7 was given to Mobile"], "suggested_team": "Mobile"}
    api.twins = {"n_new_suggestions": 14, "n_similar_waiting": 17}
    app = press(page_of("pm", "review"), "Give to Mobile")
    assert [(row["task"], row["label"]) for row in api.feedback] == [("team", "Mobile")]
    told = "Corrections so far: 1. 14 open bugs got a new suggestion. 17 similar ones wait for you."
    assert app.toast[0].value == f"Recorded. {told}"


@pytest.fixture
def disputed(api: FakeApi) -> FakeApi:
    """Two bugs that say nearly the same, given to Mobile and to Backend."""
    sides = [
        {"bug_id": api.add_bug(title, needs_review=False), "title": title, "label": label, "kind": "correction"}
        for title, label in (("Cart crashes", "Mobile"), ("Basket crashes", "Backend"))
    ]
    more = {"reason": None, "actor": named(3), "created_at": "2026-01-05T09:00:00Z"}
    api.contradictions = [{"task": "team", "cosine": 0.93, "words": [{**side, **more} for side in sides]}]
    return api


def test_a_contradiction_is_settled_with_one_press(disputed: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "review")
    assert "A second opinion, please: 1" in html_of(app)
    assert "alike by 93" in html_of(app)
    press(app, "Both are Mobile")
    assert [(row["bug_id"], row["label"]) for row in disputed.feedback] == [(2, "Mobile")]


def test_a_contradiction_of_bugs_that_are_not_the_same_is_let_go(disputed: FakeApi, page_of: Open) -> None:
    press(page_of("pm", "review"), "They are not the same")
    assert disputed.dismissed == {1: {2}}
    assert disputed.feedback == []


@pytest.mark.parametrize("label", ["Both are Mobile", "They are not the same"])
def test_a_second_opinion_that_is_refused_says_so(disputed: FakeApi, page_of: Open, label: str) -> None:
    app = page_of("pm", "review")
    SESSIONS.find(app.session_state["bugflow_session"]).forget("board")  # type: ignore[union-attr]
    refuse_writes(disputed)
    press(app, label)
    assert "was changed by someone else" in app.toast[0].value


def refuse_writes(api: FakeApi) -> None:
    """From now on the API takes no word and no decision."""
    answer = api._route

    def route(me: int, call: str, body: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
        if call.startswith("POST"):
            return api.problem(412, "LostUpdate", "The bug was changed by someone else in the meantime.")
        return answer(me, call, body, request)

    api._route = route  # type: ignore[method-assign]


def test_random_checks_are_shown_with_how_many_were_decided_and_a_range(api: FakeApi, page_of: Open) -> None:
    assert "Random checks" not in html_of(page_of("pm", "analytics"))
    decided = {"n_drawn": 40, "n_decided": 10, "n_right": 9, "accuracy": 0.9, "low": 0.5958, "high": 0.9821}
    none = {"n_drawn": 3, "n_decided": 0, "n_right": 0, "accuracy": None, "low": 0.0, "high": 1.0}
    api.accuracy = [
        {"task": "team", "model_version": "team-1", **decided},
        {"task": "severity", "model_version": "severity-1", **none},
    ]
    app = page_of("pm", "analytics")
    SESSIONS.find(app.session_state["bugflow_session"]).forget("accuracy")  # type: ignore[union-attr]
    shown = html_of(app.run())
    assert "<td>40</td><td>10</td>" in shown
    assert "60\N{NARROW NO-BREAK SPACE}% to 98\N{NARROW NO-BREAK SPACE}%" in shown
    assert "<td>3</td><td>0</td><td>\N{EN DASH}</td><td>\N{EN DASH}</td>" in shown


def test_the_search_of_the_url_is_the_one_that_is_asked(api: FakeApi, page_of: Open) -> None:
    api.add_bug("Cart is empty")
    api.add_bug("Login fails")
    shown = [link.label for link in links(page_of("pm", "bugs", q="login"))]
    assert any("Login fails" in label for label in shown)
    assert not any("Cart is empty" in label for label in shown)


@pytest.mark.parametrize(
    ("status", "view", "sort"),
    [("In Arbeit", "Alle", "Älteste"), ("En curso", "Todos", "Más antiguos"), ("in_progress", "all", "created_at")],
)
def test_a_link_from_somebody_who_reads_another_language_shows_the_same_bugs(
    api: FakeApi, page_of: Open, status: str, view: str, sort: str
) -> None:
    api.add_bug("Cart is empty")
    api.add_bug("Login fails", status="in_progress")
    app = page_of("pm", "bugs", status=status, view=view, sort=sort)
    assert app.multiselect(key="status").value == ["in_progress"]
    assert app.selectbox(key="sort").value == "created_at"
    assert app.session_state["view"] == "all"
    shown = [link.label for link in links(app)]
    assert any("Login fails" in label for label in shown)
    assert not any("Cart is empty" in label for label in shown)
    app.multiselect(key="status").set_value([]).run()
    assert app.multiselect(key="status").value == [], "what the reader chooses counts from then on"


def test_more_than_a_page_of_bugs_is_turned_to(api: FakeApi, page_of: Open) -> None:
    for number in range(30):
        api.add_bug(f"Bug number {number}")
    app = page_of("pm", "bugs")
    assert "Bugs: 30" in html_of(app)
    press(app, "Next")
    assert any("Bug number 29" in link.label for link in links(app))


@pytest.mark.parametrize("page", ["bugs", "board", "dashboard", "review", "analytics", "notifications"])
def test_a_page_says_that_the_api_is_down(api: FakeApi, page_of: Open, page: str) -> None:
    app = page_of("pm", page)
    SESSIONS.find(app.session_state["bugflow_session"]).forget("board", "overview", "severities")  # type: ignore[union-attr]
    api.is_down = True
    app.run()
    assert not app.exception
    assert "does not answer" in app.error[0].value
    assert "Try again" in labels(app)


def test_a_rate_limit_says_how_long_to_wait(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "bugs")
    api.refusal = api.problem(429, "TooManyRequests", "Too many requests.", **{"Retry-After": "42"})
    app.run()
    assert "42 s" in app.warning[0].value


def test_what_the_role_may_not_do_is_said_in_the_apis_words(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "bugs")
    api.refusal = api.problem(403, "Forbidden", "A tester may not read this.")
    app.run()
    assert "A tester may not read this" in app.warning[0].value.replace("\\", "")


def test_a_bug_that_does_not_exist_is_said_to_be_missing(page_of: Open) -> None:
    assert "There is no bug" in html_of(page_of("pm", "bug", id="999"))
    assert "Which bug?" in html_of(page_of("pm", "bug", id="x"))


def test_an_ended_session_leads_to_the_sign_in_page(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "bugs")
    api.tokens.clear()
    api.refresh.clear()
    app.run()
    assert not app.exception
    assert "You are signed out" in app.info[0].value
    assert SESSIONS.find(app.session_state["bugflow_session"]) is None


def test_signing_out_ends_the_session_in_every_tab_and_at_the_api(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "bugs")
    session_id = app.session_state["bugflow_session"]
    press(app, "Sign out")
    assert SESSIONS.find(session_id) is None
    assert not api.tokens
    assert "You are signed out" in app.info[0].value


def test_settings_are_sent_as_chosen(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "settings")
    next(one for one in app.radio if one.label == "Theme").set_value("dark")
    press(app, "Save preferences")
    assert api.profiles[3]["preferences"] == {"theme": "dark", "muted": []}


class TestChannels:
    def test_an_address_is_added_tested_changed_and_removed(self, api: FakeApi, page_of: Open) -> None:
        app = page_of("tess", "settings")
        assert "No channel yet" in html_of(app)
        app.text_input(key="new_channel_address_own_email").set_value("tess@example.com")
        press(app, "Add")
        assert (api.channels[1]["shown"], api.channels[1]["rhythm"], api.channels[1]["team"]) == (
            "tess@example.com",
            "at_once",
            None,
        )
        assert "Nothing was sent yet." in html_of(app)
        press(app, "Test")
        assert "Works, last delivered" in html_of(app)
        app.radio(key="channel_rhythm_1").set_value("daily")
        press(app, "Save")
        assert api.channels[1]["rhythm"] == "daily"
        press(app, "Remove the channel")
        assert api.channels == {}

    def test_a_refused_address_is_said_and_a_failing_channel_says_why(self, api: FakeApi, page_of: Open) -> None:
        app = page_of("tess", "settings")
        app.text_input(key="new_channel_address_own_email").set_value("exec://x")
        press(app, "Add")
        assert "is not taken" in app.error[0].value
        app.text_input(key="new_channel_address_own_email").set_value("a@example.com")
        press(app, "Add")
        api.test_problem = "<b>550</b> no such user"
        press(app, "Test")
        assert "&lt;b&gt;550&lt;/b&gt; no such user" in html_of(app)

    def test_a_pm_adds_a_channel_of_a_team(self, api: FakeApi, page_of: Open) -> None:
        app = page_of("pm", "admin")
        app.session_state["tab"] = "Channels"
        app.run()
        app.selectbox(key="new_channel_kind_team").set_value("slack").run()
        address = "https://hooks.slack.com/services/T/B/TIiajkdnlazkcOXrIdevi7FQ"
        app.text_input(key="new_channel_address_team_slack").set_value(address)
        press(app, "Add")
        assert (api.channels[1]["team"], api.channels[1]["wanted"]) == (
            "Backend",
            ["team", "moved", "commented", "corrected"],
        )
        assert "TIiajkdn" not in html_of(app)


def test_news_of_the_models_lead_to_their_page_and_those_of_a_bug_to_the_bug(api: FakeApi, page_of: Open) -> None:
    told = {"actor": None, "created_at": "2026-01-05T12:00:00Z", "read_at": None, "bug_title": None, "said": None}
    said = "Of 12 bugs <team-1> alone would have been right on 12, team-2 alone on 0. So <team-1> answers again."
    bug_id = api.add_bug("Cart is empty")
    api.notifications = [
        {**told, "id": 2, "kind": "model", "bug_id": None, "said": said},
        {**told, "id": 1, "kind": "review", "bug_id": bug_id, "bug_title": "Cart is empty"},
    ]
    app = page_of("pm", "notifications")
    assert "So &lt;team-1&gt; answers again." in html_of(app)
    assert [link.proto.label for link in app.get("page_link")] == ["Models", f"\\#{bug_id} Cart is empty"]


def test_a_page_costs_at_most_four_calls_after_the_first(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    for page in ("report", "bugs", "board", "bug", "review", "notifications", "settings"):
        app = page_of("pm", page, **({"id": "1"} if page == "bug" else {}))
        api.calls.clear()
        app.run()
        assert len(api.calls) <= 4, (page, api.calls)


def test_a_pm_trains_sees_that_it_waits_and_cancels(api: FakeApi, page_of: Open) -> None:
    app = press(page_of("pm", "models"), "Train now")
    assert "waiting for a worker" in html_of(app)
    app = press(app, "Cancel")
    assert "Cancelled by pm." in html_of(app)
    assert "Train now" in labels(app)


def test_a_candidate_that_passed_can_be_promoted_with_a_reason_and_a_refused_one_cannot(
    api: FakeApi, page_of: Open
) -> None:
    api.train()
    app = page_of("pm", "models")
    assert "team-3 was refused." in html_of(app)
    for name in ("team-2", "team-3"):
        app.session_state[f"model_{name}"] = True
    app.run()
    assert "It got 40 of 50 right." in html_of(app)
    assert [button.label for button in app.button].count("Promote") == 1
    press(app, "Promote")
    assert not api.reasons
    assert "Say why" in app.error[0].value
    app.text_input(key="reason_team-2").set_value("It is better")
    press(app, "Promote")
    assert api.reasons == ["It is better"]


def test_a_model_is_compared_for_half_of_the_bugs_and_the_comparison_shows_its_figures_and_stops(
    api: FakeApi, page_of: Open
) -> None:
    api.train()
    app = page_of("pm", "models")
    assert "No two models were compared yet" in html_of(app)
    app.session_state["model_team-2"] = True
    app.run()
    press(app, "Compare")
    assert "Say why" in app.error[0].value
    app.radio(key="how_team-2").set_value("For half of the bugs")
    app.text_input(key="why_team-2").set_value("To know")
    app = press(app, "Compare")
    assert (api.experiments[0]["kind"], api.experiments[0]["reason"]) == ("ab", "To know")
    assert "Corrected: team-1 5 of 21, team-2 1 of 19. The evidence is 3.2; 20 decides." in html_of(app)
    app = press(app, "Stop")
    assert "Stopped by pm" in html_of(app)
    assert "Stop" not in labels(app)


def test_a_silent_comparison_says_who_alone_was_right(api: FakeApi, page_of: Open) -> None:
    api.train()
    app = page_of("pm", "models")
    app.session_state["model_team-3"] = True
    app.run()
    assert "Promote" not in labels(app)
    app.text_input(key="why_team-3").set_value("To know")
    app = press(app, "Compare")
    assert "Of 40 bugs both said the same on 75" in html_of(app)
    assert "Right alone: team-1 2, team-3 7." in html_of(app)


NO_CURVES: dict[str, Any] = {"reliability": [], "tradeoff": []}


def test_analytics_draw_the_wait_for_a_person_and_how_sure_a_model_may_be(api: FakeApi, page_of: Open) -> None:
    titles = ("Time to triage", "Reliability", "Precision and coverage")
    assert html_of(page_of("pm", "analytics")).count("Nothing to draw yet") > len(titles)
    api.triage = [{"week": "2026-01-05", "n_reported": 4, "n_triaged": 3, "median_hours": 2.5}]
    counts = {"n_predicted": 500, "n_corrected": 40, "n_spoken": 90, "acceptance": 0.92, "coverage": 0.35}
    facts: dict[str, Any] = {"model": "team-1", "since": None, "drift": "steady", "drift_indices": {}}
    curves = {
        "reliability": [{"confidence": 0.55, "right": 0.5, "n": 60}, {"confidence": 0.91, "right": 0.8, "n": 30}],
        "tradeoff": [{"confidence": 0.9, "coverage": 0.5, "precision": 0.97}],
    }
    api.healths = [{"task": "team", **counts, **facts, "calibration_error": 0.1, "advice": "", **curves}]
    drawn = [chart.proto.spec for chart in page_of("pm", "analytics").get("plotly_chart")]
    by_key = [json.loads(spec)["data"] for spec in drawn]
    assert any(data[0].get("y") == [2.5] for data in by_key)
    assert any(len(data) == 2 and data[1]["y"] == [0.5, 0.8] for data in by_key)
    assert any((data[0].get("x"), data[0].get("y")) == ([0.5], [0.97]) for data in by_key)


def test_a_pm_sees_how_a_model_does_since_it_answers_and_what_to_do(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "models")
    assert "How it does since it answers" not in html_of(app), "it has not answered yet"
    counts = {"n_predicted": 500, "n_corrected": 40, "n_spoken": 90, "acceptance": 0.92, "coverage": 0.35}
    facts = {"model": "team-1", "since": None, "calibration_error": None, "drift_indices": {"project": 0.4}}
    advice = "The projects that reports come from changed since it began to answer."
    api.healths = [{"task": "team", **counts, **facts, "drift": "far", "advice": advice, **NO_CURVES}]
    shown = html_of(page_of("pm", "models"))
    assert "Its newest 500 predictions; people spoke on 90." in shown
    assert "<dt>Reports</dt><dd>far</dd>" in shown
    assert advice in shown


def test_the_promise_is_a_dial_that_says_what_it_buys(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "models")
    assert "acts alone on 10" in html_of(app)
    app.slider(key="promise_team").set_value(95).run()
    assert api.promises == {"severity": 0.9, "team": 0.95}


def test_a_pm_pins_a_bug_with_a_reason_finds_it_beside_the_models_and_unpins_it(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    assert "Pin: Team" not in labels(page_of("dev", "bug", id="1"))
    app = page_of("pm", "bug", id="1")
    app.text_input(key="pin_team_why_1").set_value("It went wrong twice")
    app = press(app, "Pin: Team")
    assert [(pin["task"], pin["reason"]) for pin in api.pins] == [("team", "It went wrong twice")]
    assert {"Unpin: Team", "Pin: Severity"} <= set(labels(app))
    models = page_of("pm", "models")
    models.session_state["pins"] = True
    models.run()
    assert "It went wrong twice" in html_of(models)
    assert [link.query_string for link in links(models)] == ["id=1"]
    app = press(page_of("pm", "bug", id="1"), "Unpin: Team")
    assert "Pin: Team" in labels(app)
    assert api.pins == []


def test_without_a_pinned_bug_the_models_page_says_how_to_pin_one(page_of: Open) -> None:
    app = page_of("pm", "models")
    app.session_state["pins"] = True
    app.run()
    assert "Nothing is pinned" in html_of(app)


# -- Undo ---


def undo(app: AppTest) -> AppTest:
    return press(app, "Undo")


def test_a_move_can_be_taken_back_at_once(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    app = press(page_of("pm", "bugs"), "Start work")
    assert api.bugs[1]["status"] == "in_progress"
    app = undo(app)
    assert api.bugs[1]["status"] == "open"
    assert [toast.value for toast in app.toast] == ["Undone"]
    assert "Undo" not in labels(app)


def test_what_no_single_move_takes_back_is_taken_back_by_the_moves_there_are(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    api.bugs[1]["status"] = "in_progress"
    app = undo(press(page_of("pm", "bugs"), "Resolve"))
    assert api.bugs[1]["status"] == "in_progress"
    assert not app.error


def test_undo_is_offered_only_for_the_last_action_and_not_for_long(
    api: FakeApi, page_of: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.add_bug()
    app = press(page_of("pm", "bugs"), "Start work")
    assert labels(app).count("Undo") == 1
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + toasts.UNDO_SECONDS + 1)
    assert "Undo" not in labels(app.run())


def test_an_undo_that_the_api_refuses_says_so(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    app = press(page_of("pm", "bugs"), "Start work")
    api.refusal = api.problem(409, "LostUpdate", "Somebody else moved it.")
    button = next(button for button in app.button if button.label == "Undo")
    button.click().run()
    assert "Somebody else moved it" in app.toast[0].value.replace("\\", "")


def test_who_gets_a_bug_can_be_taken_back(api: FakeApi, page_of: Open) -> None:
    api.add_bug()
    app = press(page_of("pm", "bug", id="1"), "Assign to me")
    assert api.bugs[1]["assigned_to"]["id"] == 3
    undo(app)
    assert api.bugs[1]["assigned_to"] is None


# -- First steps ---


def test_an_empty_installation_shows_a_pm_the_first_steps_and_the_way_to_each(api: FakeApi, page_of: Open) -> None:
    app = page_of("pm", "dashboard")
    shown = html_of(app)
    for step in ("Invite people", "Name your teams", "Name a project", "Report the first bug"):
        assert step in shown
    assert "bugflow import" in shown
    assert {"People", "Teams", "Projects", "Report a bug"} <= {link.label for link in links(app)}
    api.add_bug()
    assert "First steps" not in html_of(page_of("pm", "dashboard"))


def test_a_tester_who_has_reported_nothing_is_told_where_to(page_of: Open) -> None:
    app = page_of("tess", "bugs")
    assert "You have not reported anything yet" in html_of(app)
    assert "Report a bug" in [link.label for link in links(app)]


# -- Files ---


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("page.txt", b"", "it is empty"),
        ("photo.png", b"no picture", "its content is not what .png promises"),
        ("big.log", b"x" * 10_485_761, "at most"),
    ],
)
def test_a_file_that_the_api_would_refuse_is_refused_before_it_is_sent(
    api: FakeApi, page_of: Open, name: str, content: bytes, told: str
) -> None:
    app = page_of("tess", "report")
    app.file_uploader[0].upload(name, content).run()
    assert told in app.warning[0].value.replace("\\", "")
    app.text_area[0].set_value("The cart crashes when I pay").run()
    app.selectbox[0].set_value("Tallybox").run()
    press(app, "Report bug")
    assert not [path for _, path in api.calls if "attachments" in path]
