"""A project manager's journey through the loop, in a real browser."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from tests.loop.conftest import KINDS, TEAMS, WORDS
from tests.ui.browsing import OpenAs, go, serious, settle, shoot
from tests.ui.fakes import PASSWORD
from tests.ui.installation import Installation, find_chromium, running

from bugflow.client import Client, connect
from bugflow.domain.predictions import Task
from bugflow.schemas.bugs import BugCreate
from bugflow.schemas.feedback import FeedbackCreate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_chromium() is None and os.environ.get("CI") != "true", reason="needs Chromium"),
]

N_CORRECTIONS = 50
N_OF_A_KIND = 55
TRAINING_MILLISECONDS = 180_000


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("training")
    with running(folder, with_worker=True, BUGFLOW_PROMOTE_AUTOMATICALLY="false") as started:
        yield started


def correct_all_but_one(installation: Installation) -> tuple[int, str]:
    """Report five kinds of bugs and give one kind to another team; returns what is left to correct, and to whom."""
    with connect(installation.api_url) as http:
        tester, pm = Client(http), Client(http)
        tester.sign_in("tess", PASSWORD)
        pm.sign_in("paula", PASSWORD)
        given = []
        for kind, text in KINDS.items():
            for number in range(N_OF_A_KIND):
                words = f"{WORDS[number % len(WORDS)]}, {WORDS[number // len(WORDS) % len(WORDS)]}"
                report = BugCreate(description=f"{text}, {words}, case {number}", project="Ledger")
                bug = tester.report_bug(report)
                if kind == "invoices":
                    given.append((bug.id, bug.team))
        right = next(team for team in reversed(TEAMS) if team not in {team for _, team in given})
        for bug_id, _ in given[: N_CORRECTIONS - 1]:
            pm.give_feedback(FeedbackCreate(bug_id=bug_id, task=Task.TEAM, label=right, reason="Not theirs"))
        return given[N_CORRECTIONS - 1][0], right


def say_why(page: Page, button: str, reason: str) -> None:
    page.get_by_role("button", name=button).first.click()
    asked = page.locator("[data-testid=stPopoverBody]")
    asked.get_by_label("Reason").fill(reason)
    asked.get_by_role("button", name=button).click()


def test_a_pm_corrects_sees_the_verdict_promotes_and_goes_back(open_as: OpenAs, installation: Installation) -> None:
    bug_id, right = correct_all_but_one(installation)
    page = open_as("paula", f"/bug?id={bug_id}")
    page.get_by_role("radio", name=right, exact=True).click()
    page.get_by_role("button", name=f"Correct to {right}").click()
    expect(page.get_by_text(f"Corrections so far: {N_CORRECTIONS}")).to_be_visible()
    go(page, installation.ui_url, "/models")
    expect(page.get_by_text("passed the gate and waits")).to_be_visible(timeout=TRAINING_MILLISECONDS)
    go(page, installation.ui_url, "/models")
    page.get_by_text("passed the gate", exact=False).last.click()
    expect(page.get_by_text("pinned bugs the champion").or_(page.get_by_text("in place of")).first).to_be_visible()
    shoot(page, "models-verdict-light-1280")
    findings = serious(page, "models light")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(400)
    shoot(page, "models-verdict-dark-1280")
    findings += serious(page, "models dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 375, "height": 812})
    shoot(page, "models-verdict-light-375")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.set_viewport_size({"width": 1280, "height": 900})
    settle(page)
    assert not findings, "\n".join(findings)

    say_why(page, "Promote", "It learned whose invoices are")
    expect(page.get_by_text("answers now").first).to_be_visible()
    go(page, installation.ui_url, "/models")
    champion = page.get_by_role("heading", level=2, name="Team: team-")
    expect(champion).not_to_have_text("Team: team-1")
    say_why(page, "Roll back", "To see that it works")
    expect(page.get_by_text("team-1 answers now").first).to_be_visible()
    expect(champion).to_have_text("Team: team-1")
