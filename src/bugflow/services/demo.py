"""The demo: people, bugs and half a year of work on them, written through the same use cases that people call."""

import json
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import update
from sqlalchemy.orm import Session

from bugflow.db.engine import Database
from bugflow.db.tables import Notification, Project, User
from bugflow.domain.accounts import Actor, Role
from bugflow.domain.bugs import Status
from bugflow.domain.predictions import Assessment, BugText, Severity, Task
from bugflow.errors import AlreadySaid, DemoNeedsEmptyData
from bugflow.ml.duplicates.search import NoSearch
from bugflow.ml.predictor import Assessor
from bugflow.schemas.accounts import UserCreate
from bugflow.schemas.bugs import BugCreate, BugUpdate
from bugflow.schemas.feedback import FeedbackCreate
from bugflow.schemas.teams import TagCreate
from bugflow.services import accounts, comments, feedback, teams
from bugflow.services.bugs import changing, linking
from bugflow.services.bugs.reporting import TriagePolicy, report_bug

SEED = 20261122
OVERRIDE_SHARE = 0.45  # of the labels that the machine gets wrong and no PM corrects, testers set so many themselves
UNREAD_DAYS = 2  # what is older than a weekend has been read
UNLINKED = timedelta(days=45)  # the PM has not got round to younger duplicates: there is something to decide
UNTRAINED = 1_000_000_000  # corrections; what happened in the demo's past trains nothing
CONFIRM_SHARE = 0.25  # of the labels that it gets right, a PM confirms so many


@dataclass(frozen=True, slots=True)
class _Step:
    """One thing that somebody did at some moment."""

    at: datetime
    do: Callable[[Session], object]


def load_demo(
    database: Database,
    predictor: Assessor,
    passwords: PasswordHash,
    *,
    policy: TriagePolicy,
    password: str,
    now: datetime,
) -> list[User]:
    """Fill an empty installation; the same moment and models give the same data.

    Returns:
        The people, in the order of the file.

    Raises:
        DemoNeedsEmptyData: There are people already; nothing was added.
    """
    people, bugs = _read("people.json"), _read("bugs.json")
    start = now - timedelta(days=max(bug["days_ago"] for bug in bugs) + 1)
    assessments = predictor.assess(
        [BugText(bug["title"], bug["description"], bug["project"]) for bug in bugs], teams=people["teams"]
    )
    with database.write() as session:
        if accounts.list_users(session, cursor=None, limit=1).items:
            raise DemoNeedsEmptyData
        users = _create_people(session, passwords, people, password=password, now=start)
        actors = {
            user.username: Actor(user.id, user.username, user.role, user.is_admin, user.team_id) for user in users
        }
        story = _Story(predictor, policy, people["teams"], actors, random.Random(SEED))  # noqa: S311 - no secret
        steps = [step for bug, said in zip(bugs, assessments, strict=True) for step in story.tell(bug, said, now=now)]
        for step in sorted(steps, key=lambda step: step.at):
            step.do(session)
        seen = Notification.created_at < now - timedelta(days=UNREAD_DAYS)
        session.execute(update(Notification).where(seen).values(read_at=Notification.created_at))
    return users


def is_demo(session: Session) -> bool:
    """Whether these are the demo's people."""
    wanted = {person["username"] for person in _read("people.json")["people"]}
    return wanted <= {user.username for user in accounts.list_users(session, cursor=None, limit=100).items}


def _read(name: str) -> Any:
    return json.loads(files("bugflow.demo").joinpath(name).read_text(encoding="utf-8"))


def _create_people(
    session: Session, passwords: PasswordHash, people: dict[str, Any], *, password: str, now: datetime
) -> list[User]:
    users = [
        accounts.create_user(
            session,
            passwords,
            actor=None,
            body=UserCreate(
                username=person["username"],
                password=password,
                role=person["role"],
                display_name=person["display_name"],
                team=person["team"],
                is_admin=person["is_admin"],
            ),
            now=now,
        )
        for person in people["people"]
    ]
    pm = next(user for user in users if user.role is Role.PM)
    for project in people["projects"]:
        teams.create_tag(
            session,
            Project,
            actor=Actor(pm.id, pm.username, pm.role, is_admin=True),
            body=TagCreate(name=project["name"], description=project["description"]),
            now=now,
        )
    return users


class _Story:
    """Turns each bug of the file into what people did with it."""

    def __init__(
        self,
        predictor: Assessor,
        policy: TriagePolicy,
        team_names: Sequence[str],
        actors: dict[str, Actor],
        chance: random.Random,
    ) -> None:
        self.predictor, self.policy, self.team_names = predictor, policy, team_names
        self.actors, self.chance = actors, chance
        self.pm = next(actor for actor in actors.values() if actor.role is Role.PM)
        self.ids: dict[int, int] = {}

    def tell(self, bug: dict[str, Any], said: Assessment, *, now: datetime) -> list[_Step]:
        reported_at = now - timedelta(days=bug["days_ago"])
        age = now - reported_at
        chosen = self._overrides(bug, said)
        steps = [_Step(reported_at, lambda session: self._report(session, bug, chosen, at=reported_at))]
        steps += self._reviews(bug, said, chosen, reported_at, age)
        steps += [
            self._comment(bug, comment, reported_at + timedelta(days=comment["days_after"]))
            for comment in bug["comments"]
        ]
        steps += self._moves(bug, reported_at, age)
        if bug["duplicate_of"] and age > UNLINKED:
            steps.append(self._link(bug, reported_at + timedelta(hours=self.chance.uniform(1, 48))))
        return steps

    def _link(self, bug: dict[str, Any], at: datetime) -> _Step:
        def do(session: Session) -> None:
            linking.link(session, self.ids[bug["ref"]], self.ids[bug["duplicate_of"]], actor=self.pm, now=at)

        return _Step(at, do)

    def _overrides(self, bug: dict[str, Any], said: Assessment) -> dict[str, str]:
        """The labels that the reporter sets: some of those that the machine gets wrong."""
        corrected = (bug["correction"] or {}).get("field")
        return {
            prediction.task.value: bug[prediction.task.value]
            for prediction in said.predictions
            if prediction.label != bug[prediction.task.value]
            and prediction.task.value != corrected
            and self.chance.random() < OVERRIDE_SHARE
        }

    def _report(self, session: Session, bug: dict[str, Any], chosen: dict[str, str], *, at: datetime) -> None:
        body = BugCreate(
            title=bug["title"],
            description=bug["description"],
            project=bug["project"],
            severity=Severity(chosen["severity"]) if "severity" in chosen else None,
            team=chosen.get("team"),
        )
        answer = report_bug(
            session,
            self.predictor,
            actor=self.actors[bug["reporter"]],
            body=body,
            team_names=self.team_names,
            policy=self.policy,
            now=at,
        )
        self.ids[bug["ref"]] = answer.id

    def _reviews(
        self, bug: dict[str, Any], said: Assessment, chosen: dict[str, str], reported_at: datetime, age: timedelta
    ) -> list[_Step]:
        """The PM's correction, and confirmations of some of what the machine got right."""
        at = reported_at + min(timedelta(hours=self.chance.uniform(1, 20)), age * 0.4)
        words: list[tuple[Task, str, str | None]] = []
        correction = bug["correction"]
        if correction:
            words.append((Task(correction["field"]), correction["label"], correction["reason"]))
        words += [
            (prediction.task, prediction.label, None)
            for prediction in said.predictions
            if prediction.label == bug[prediction.task.value]
            and prediction.task.value not in chosen
            and (not correction or prediction.task.value != correction["field"])
            and self.chance.random() < CONFIRM_SHARE
        ]
        return [self._judge(bug, *word, at=at + timedelta(minutes=minutes)) for minutes, word in enumerate(words)]

    def _judge(self, bug: dict[str, Any], task: Task, label: str, reason: str | None, *, at: datetime) -> _Step:
        def do(session: Session) -> None:
            body = FeedbackCreate(bug_id=self.ids[bug["ref"]], task=task, label=label, reason=reason)
            with suppress(AlreadySaid):  # the model and the PM agree by now: nothing to record
                feedback.give_feedback(session, NoSearch(), actor=self.pm, body=body, retrain_after=UNTRAINED, now=at)

        return _Step(at, do)

    def _comment(self, bug: dict[str, Any], comment: dict[str, Any], at: datetime) -> _Step:
        return _Step(
            at,
            lambda session: comments.add_comment(
                session, self.ids[bug["ref"]], actor=self.actors[comment["author"]], text=comment["text"], now=at
            ),
        )

    def _moves(self, bug: dict[str, Any], reported_at: datetime, age: timedelta) -> list[_Step]:
        """Assigned, started, resolved: at moments that fit between the report and now."""
        status = Status(bug["status"])
        assigned_at = reported_at + min(timedelta(hours=self.chance.uniform(0.5, 30)), age * 0.5)
        started_at = assigned_at + min(timedelta(hours=self.chance.uniform(0.2, 40)), age * 0.1)
        resolved_at = started_at + min(timedelta(hours=self.chance.uniform(2, 200)), age * 0.35)
        steps = []
        if bug["assigned_to"]:
            assignee = self.actors[bug["assigned_to"]]
            steps.append(self._update(bug, self.pm, assigned_at, assigned_to_id=assignee.id))
        worker = self.actors.get(bug["assigned_to"] or "", self.pm)
        if status is not Status.OPEN:
            steps.append(self._update(bug, worker, started_at, status=Status.IN_PROGRESS))
        if status is Status.RESOLVED:
            steps.append(self._update(bug, worker, resolved_at, status=Status.RESOLVED))
        return steps

    def _update(self, bug: dict[str, Any], actor: Actor, at: datetime, **fields: Any) -> _Step:
        def do(session: Session) -> None:
            changing.update_bug(
                session,
                NoSearch(),
                actor=actor,
                body=BugUpdate(bug_id=self.ids[bug["ref"]], **fields),
                retrain_after=UNTRAINED,
                now=at,
            )

        return _Step(at, do)
