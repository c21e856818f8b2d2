"""What people are told outside: with its cause or not at all, once, later when nobody takes it, never to strangers."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select
from tests.conftest import BOTH
from tests.factories import House, Person
from tests.receivers import MailServer, WebHook, mail_server, web_hook

from bugflow.db.tables import Delivery
from bugflow.domain.accounts import Role
from bugflow.domain.channels import EVENTS_A_MESSAGE
from bugflow.schemas.bugs import BugCreate
from bugflow.services import deliveries, notifications
from bugflow.services.bugs import reporting

pytestmark = pytest.mark.parametrize("kind", BOTH)


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def hook() -> Iterator[WebHook]:
    with web_hook() as receiver:
        yield receiver


@pytest.fixture
def place(build: Callable[..., House], mail: MailServer) -> House:
    """An installation with a mail server, in whose network receivers may be."""
    return build(
        smtp_url=SecretStr(mail.url), allow_private_receivers=True, public_url="https://bugs.example.com", digest_hour=6
    )


@pytest.fixture
def ann(place: House) -> Person:
    return place.person("ann")


@pytest.fixture
def dev(place: House) -> Person:
    return place.person("dev", Role.DEVELOPER, team="Backend")


@pytest.fixture
def pia(place: House) -> Person:
    return place.person("pia", Role.PM, is_admin=True)


def add(person: Person, address: str, **given: Any) -> int:
    answer = person.post("/api/v1/channels", json={"address": address, **given})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def channel_of(person: Person, channel_id: int) -> dict[str, Any]:
    found = person.get("/api/v1/channels").json()
    return dict(next(one for one in found if one["id"] == channel_id))


def deliver(place: House) -> int:
    """Do what a worker does when it looks; how many turns that were."""
    runtime = place.runtime
    turns = deliveries.begin_turns(runtime.database, now=place.now, daily_hour=runtime.notifier.daily_hour)
    for channel_id, turn in turns:
        while deliveries.deliver_next(runtime.database, runtime.notifier, channel_id, turn, clock=place.clock):
            pass
    return len(turns)


def rest(place: House, **pause: float) -> int:
    place.clock.advance(**pause)
    return deliver(place)


def test_an_event_is_mailed_once_as_text_and_html(place: House, ann: Person, dev: Person, mail: MailServer) -> None:
    add(dev, "dev@example.com")
    bug_id = ann.report("The <b>export</b> fails", severity="high")["id"]
    assert deliver(place) == 1
    assert deliver(place) == 0
    (one,) = mail.mails
    assert mail.receivers == ["dev@example.com"]
    assert one["Subject"] == f"BugFlow #{bug_id}: The <b>export</b> fails"
    assert one["From"] == "BugFlow <bugs@example.com>"
    assert one["Auto-Submitted"] == "auto-generated"
    text, html = (one.get_body((kind,)) for kind in ("plain", "html"))
    assert text is not None
    assert html is not None
    assert "It came to the team Backend: severity high, from ann." in text.get_content()
    assert f"https://bugs.example.com/bug?id={bug_id}" in text.get_content()
    assert "https://bugs.example.com/settings" in text.get_content()
    assert "The &lt;b&gt;export&lt;/b&gt; fails" in html.get_content()
    assert "<b>export" not in html.get_content()


def test_a_web_hook_gets_text_data_and_an_id(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    channel_id = add(dev, f"{hook.url}?+X-Token=secret")
    bug_id = ann.report("The export fails")["id"]
    deliver(place)
    (body,) = hook.posted
    (event,) = body["events"]
    assert (event["kind"], event["bug_id"], event["title"]) == ("team", bug_id, "The export fails")
    assert body["id"] == hook.headers[0]["Idempotency-Key"]
    assert hook.headers[0]["X-Token"] == "secret"
    assert channel_of(dev, channel_id)["delivered_at"] is not None


@pytest.mark.parametrize(
    "title",
    [
        "Broken\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>",
        "Broken\nSubject: other\n.\nQUIT",
        "شاشة التسجيل لا تعمل \u202e gpj.exe",
        "x" * 300,
        "Ошибка 🐞 =?utf-8?q?x?=",
    ],
)
def test_no_title_breaks_a_mail(place: House, ann: Person, dev: Person, mail: MailServer, title: str) -> None:
    add(dev, "dev@example.com")
    ann.report("It fails", title=title)
    deliver(place)
    (one,) = mail.mails
    assert mail.receivers == ["dev@example.com"]
    assert one["Bcc"] is None
    assert len(one.get_all("Subject", [])) == 1
    assert "\n" not in one["Subject"]
    assert "\u202e" not in one["Subject"]
    assert one["Subject"].removeprefix("BugFlow #1: ")[:6] == title[:6]
    html = one.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()


def test_a_refused_message_waits_longer_each_time_and_comes_once(
    place: House, ann: Person, dev: Person, hook: WebHook
) -> None:
    channel_id = add(dev, hook.url)
    hook.status = 503
    ann.report()
    deliver(place)
    assert deliver(place) == 0
    state = channel_of(dev, channel_id)
    assert (state["problem"], state["n_waiting"], state["failing_since"] is not None) == ("it answered 503.", 1, True)
    assert rest(place, seconds=29) == 0
    assert rest(place, seconds=1) == 1
    assert rest(place, seconds=59) == 0
    hook.status = 200
    assert rest(place, seconds=1) == 1
    assert len(set(hook.keys)) == 1
    assert len(hook.keys) == 3
    state = channel_of(dev, channel_id)
    assert (state["problem"], state["n_waiting"], state["failing_since"]) == (None, 0, None)
    assert rest(place, hours=2) == 0


def test_what_nobody_takes_for_a_day_is_given_up_and_counted(
    place: House, ann: Person, dev: Person, hook: WebHook
) -> None:
    channel_id = add(dev, hook.url)
    hook.status = 410
    for _ in range(3):
        ann.report()
    deliver(place)
    for _ in range(24):
        rest(place, hours=1)
    state = channel_of(dev, channel_id)
    assert (state["n_given_up"], state["n_waiting"], state["problem"]) == (3, 0, "it answered 410.")
    metrics = place.client.get("/metrics").text
    assert "bugflow_deliveries_given_up 3.0" in metrics
    assert "bugflow_deliveries_waiting 0.0" in metrics
    hook.status = 200
    ann.report()
    rest(place, hours=1)
    assert channel_of(dev, channel_id)["problem"] is None
    assert len(hook.posted[-1]["events"]) == 1


def test_a_worker_that_was_away_for_days_gives_nothing_up_at_the_first_failure(
    place: House, ann: Person, dev: Person, hook: WebHook
) -> None:
    channel_id = add(dev, hook.url)
    ann.report()
    hook.status = 503
    rest(place, days=3)
    assert channel_of(dev, channel_id)["n_given_up"] == 0
    hook.status = 200
    rest(place, minutes=1)
    assert channel_of(dev, channel_id)["n_waiting"] == 0


def test_what_piled_up_while_the_receiver_was_down_comes_together(
    place: House, ann: Person, dev: Person, hook: WebHook
) -> None:
    add(dev, hook.url)
    hook.status = 500
    ann.report("First")
    deliver(place)
    for number in range(5):
        ann.report(f"More {number}")
    hook.status = 200
    rest(place, hours=2)
    assert [len(body["events"]) for body in hook.posted] == [1, 1, 5]
    assert hook.posted[-1]["title"] == "BugFlow: 5 events on 5 bugs"


def test_a_daily_digest_is_one_message_in_the_morning(
    place: House, ann: Person, dev: Person, pia: Person, mail: MailServer
) -> None:
    add(dev, "dev@example.com", rhythm="daily")
    ids = [ann.report(f"Bug {number}", assigned_to_id=dev.id)["id"] for number in range(3)]
    pia.post(f"/api/v1/bugs/{ids[0]}/comments", json={"text": "Soon?"})
    assert rest(place, hours=20.9) == 0  # 05:54 of the next day
    assert rest(place, hours=0.2) == 1
    (one,) = mail.mails
    assert one["Subject"] == "BugFlow: 4 events on 3 bugs"
    text = one.get_body(("plain",))
    assert text is not None
    said = text.get_content().replace("\r\n", "\n")
    assert f"#{ids[0]} Bug 0\nann assigned it to you.\npia commented on it.\nhttps://" in said
    assert rest(place, days=1) == 0


def test_an_hourly_digest_comes_at_the_full_hour(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    add(dev, hook.url, rhythm="hourly")
    place.clock.advance(minutes=10)
    ann.report()
    ann.report()
    assert rest(place, minutes=49) == 0
    assert rest(place, minutes=1) == 1
    assert [len(body["events"]) for body in hook.posted] == [2]


def test_a_digest_of_too_many_events_is_several_messages(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    add(dev, hook.url, rhythm="hourly")
    bug_id = dev.report(assigned_to_id=dev.id)["id"]
    for _ in range(EVENTS_A_MESSAGE + 1):
        ann.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "Me too"})
    rest(place, hours=1)
    assert [len(body["events"]) for body in hook.posted] == [EVENTS_A_MESSAGE, 1]


def test_only_wanted_kinds_are_told_and_none_lets_it_rest(
    place: House, ann: Person, dev: Person, hook: WebHook
) -> None:
    channel_id = add(dev, hook.url, wanted=["moved"])
    bug_id = ann.report(assigned_to_id=dev.id)["id"]
    place.person("pm", Role.PM).post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    deliver(place)
    assert [body["events"][0]["kind"] for body in hook.posted] == ["moved"]
    dev.patch(f"/api/v1/channels/{channel_id}", json={"wanted": []})
    ann.report(assigned_to_id=dev.id)
    assert deliver(place) == 0


def test_a_team_is_told_once_for_an_event_however_many_are_in_it(
    place: House, ann: Person, dev: Person, pia: Person, hook: WebHook
) -> None:
    place.person("mate", Role.DEVELOPER, team="Backend")
    add(pia, hook.url, team="Backend")
    bug_id = ann.report(team="Backend")["id"]
    pia.post("/update_bug", json={"bug_id": bug_id, "status": "in_progress"})
    pia.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "x"})
    pia.post("/api/v1/feedback", json={"bug_id": bug_id, "task": "severity", "label": "critical"})
    other = ann.report(team="Mobile")["id"]
    pia.post("/api/v1/feedback", json={"bug_id": other, "task": "team", "label": "Backend"})
    deliver(place)
    assert [(body["events"][0]["kind"], body["events"][0]["bug_id"]) for body in hook.posted] == [
        ("team", bug_id),
        ("moved", bug_id),
        ("commented", bug_id),
        ("corrected", bug_id),
        ("team", other),
    ]


def test_a_retired_team_hears_nothing(place: House, ann: Person, pia: Person, hook: WebHook) -> None:
    add(pia, hook.url, team="Mobile")
    bug_id = ann.report(team="Mobile")["id"]
    deliver(place)
    pia.patch("/api/v1/teams/3", json={"is_active": False})
    pia.post(f"/api/v1/bugs/{bug_id}/comments", json={"text": "x"})
    assert deliver(place) == 0
    assert len(hook.posted) == 1


def test_who_left_hears_nothing_more_and_who_is_erased_has_no_channel(
    place: House, ann: Person, dev: Person, pia: Person, hook: WebHook
) -> None:
    add(dev, hook.url)
    ann.report()
    pia.patch(f"/api/v1/users/{dev.id}", json={"is_active": False})
    deliver(place)
    assert hook.posted == []
    with place.runtime.database.read() as session:
        assert session.scalars(select(Delivery)).all() == []
    pia.patch(f"/api/v1/users/{dev.id}", json={"is_active": True})
    ann.report()
    pia.delete(f"/api/v1/users/{dev.id}")
    assert deliver(place) == 0
    assert hook.posted == []


def test_a_removed_channel_takes_along_what_waits(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    channel_id = add(dev, hook.url)
    ann.report()
    assert dev.delete(f"/api/v1/channels/{channel_id}").status_code == 204
    assert deliver(place) == 0
    assert dev.told() == [("team", 1)], "in the app it is still there"


def test_a_test_is_sent_at_once_even_where_a_digest_is_wanted_and_is_not_repeated(
    place: House, dev: Person, mail: MailServer
) -> None:
    channel_id = add(dev, "dev@example.com", rhythm="daily")
    mail.answer = "550 5.1.1 No such user here"
    for _ in range(2):  # the second one joins the first
        answer = dev.post(f"/api/v1/channels/{channel_id}/test")
        assert (answer.status_code, answer.json()["is_testing"]) == (202, True)
    deliver(place)
    state = channel_of(dev, channel_id)
    assert state["problem"] == "the mail server answered 550 5.1.1 No such user here"
    assert (state["is_testing"], state["n_waiting"]) == (False, 0)
    assert rest(place, hours=1) == 0
    mail.answer = "250 OK"
    dev.post(f"/api/v1/channels/{channel_id}/test")
    deliver(place)
    assert [one["Subject"] for one in mail.mails] == ["BugFlow: this is a test"]
    assert channel_of(dev, channel_id)["problem"] is None


def test_a_message_on_its_way_at_a_kill_goes_again_under_the_same_key(
    place: House, ann: Person, dev: Person, hook: WebHook, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(dev, hook.url)
    add(dev, "dev@example.com")
    ann.report()
    ann.report()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    runtime = place.runtime
    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "_note_success", die)
        turns = deliveries.begin_turns(runtime.database, now=place.now, daily_hour=6)
        for turn in turns:
            with pytest.raises(KeyboardInterrupt):
                deliveries.deliver_next(runtime.database, runtime.notifier, *turn, clock=place.clock)
    assert deliver(place) == 0, "another worker waits until the turn is over for sure"
    assert rest(place, minutes=5) == 2
    assert len(hook.keys) == len(mail.mails) == 3
    assert hook.keys[0] == hook.keys[1] != hook.keys[2]
    ids = [one["Message-ID"] for one in mail.mails]
    assert ids[0] == ids[1] != ids[2]
    assert ids[0].endswith("@example.com>")


def test_a_turn_that_was_taken_over_sends_nothing_more(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    add(dev, hook.url)
    ann.report()
    runtime = place.runtime
    ((channel_id, turn),) = deliveries.begin_turns(runtime.database, now=place.now, daily_hour=6)
    assert rest(place, minutes=1) == 1
    assert not deliveries.deliver_next(runtime.database, runtime.notifier, channel_id, turn, clock=place.clock)
    assert len(hook.posted) == 1


def test_an_event_that_was_undone_is_told_to_nobody(place: House, ann: Person, dev: Person, hook: WebHook) -> None:
    add(dev, hook.url)
    assert ann.actor is not None
    body = BugCreate(description="It fails", project="Shop")
    with pytest.raises(RuntimeError, match="before the commit"), place.runtime.database.write() as session:
        reporting.report_bug(
            session,
            place.runtime.predictor,
            actor=ann.actor,
            body=body,
            team_names=["Backend"],
            policy=place.runtime.policy,
            now=place.now,
        )
        assert len(session.scalars(select(Delivery)).all()) == 1
        raise RuntimeError("before the commit")
    with place.runtime.database.read() as session:
        assert session.scalars(select(Delivery)).all() == []
    assert deliver(place) == 0


def test_messages_name_no_pages_where_their_address_is_not_known(
    build: Callable[..., House], ann: Person, dev: Person, hook: WebHook, mail: MailServer
) -> None:
    place = build(smtp_url=SecretStr(mail.url), allow_private_receivers=True, public_url="")
    add(dev, "dev@example.com")
    ann.report()
    deliver(place)
    text = mail.mails[0].get_body(("plain",))
    assert text is not None
    assert "http" not in text.get_content()
    assert "Choose what you are told under Settings of BugFlow." in text.get_content()


def test_a_slow_receiver_holds_no_transaction(place: House, ann: Person, dev: Person) -> None:
    with web_hook(pause_seconds=30) as slow:
        add(dev, slow.url)
        ann.report()
        thread = threading.Thread(target=deliver, args=(place,))
        thread.start()
        slow.wait_for(1)
        assert ann.report()["id"] == 2  # written while the message is on its way
        slow.ended.set()
        thread.join(20)
        assert not thread.is_alive()


def test_news_of_the_models_are_mailed_with_a_link_to_their_page(place: House, pia: Person, mail: MailServer) -> None:
    add(pia, "pia@example.com")
    said = "Of 12 bugs team-1 alone would have been right on 12, team-2 alone on 0. So team-1 answers again."
    with place.runtime.database.write() as session:
        notifications.notify_of_models(session, said, now=place.now)
    deliver(place)
    (one,) = mail.mails
    assert one["Subject"] == "BugFlow: Models"
    body = one.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines()[:3] == ["Models", said, "https://bugs.example.com/models"]


def test_a_digest_puts_news_of_the_models_beside_those_of_bugs(place: House, pia: Person, hook: WebHook) -> None:
    add(pia, hook.url, rhythm="hourly")
    place.assessor.severity = "critical"
    bug_id = place.person("ann").report()["id"]
    with place.runtime.database.write() as session:
        notifications.notify_of_models(session, "team-2 answers now in place of team-1.", now=place.now)
    rest(place, hours=1)
    (body,) = hook.posted
    assert [(event["kind"], event["bug_id"]) for event in body["events"]] == [("review", bug_id), ("model", None)]
