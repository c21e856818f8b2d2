"""Housekeeping removes only what nobody will ask for again."""

from datetime import timedelta

import pytest
from dbos import DBOS
from sqlalchemy import select
from tests.conftest import BOTH
from tests.factories import House

from bugflow.db.tables import Bug, Channel, Delivery, IdempotencyKey, Notification, SignIn
from bugflow.domain.channels import ChannelKind, DeliveryState, Rhythm
from bugflow.domain.notifications import NotificationKind
from bugflow.services import housekeeping
from bugflow.services.housekeeping import (
    KEEP_DELIVERIES_DAYS,
    KEEP_IDEMPOTENCY_KEYS_DAYS,
    KEEP_READ_NOTIFICATIONS_DAYS,
    KEEP_SIGN_INS_DAYS,
    Tidied,
)
from bugflow.worker.executor import running_jobs

pytestmark = pytest.mark.parametrize("kind", BOTH)

SECOND = timedelta(seconds=1)


@pytest.fixture
def aged(house: House) -> House:
    """A house with a row of each kind just too old, one just young enough, one still in use."""
    ann = house.person("ann")
    bug_id = ann.report()["id"]
    now = house.now
    sign_in = now - timedelta(days=KEEP_SIGN_INS_DAYS)
    key = now - timedelta(days=KEEP_IDEMPOTENCY_KEYS_DAYS)
    read = now - timedelta(days=KEEP_READ_NOTIFICATIONS_DAYS)
    later = now + timedelta(days=1)
    with house.runtime.database.write() as session:
        for name, expires_at, ended_at in (
            ("old, expired", sign_in - SECOND, None),
            ("old, ended", later, sign_in - SECOND),
            ("young, expired", sign_in + SECOND, None),
            ("young, ended", later, sign_in + SECOND),
        ):
            session.add(
                SignIn(user_id=ann.id, refresh_hash=name, created_at=sign_in, expires_at=expires_at, ended_at=ended_at)
            )
        for name, created_at in (("old", key - SECOND), ("young", key + SECOND)):
            session.add(
                IdempotencyKey(user_id=ann.id, key=name, request_hash="x", bug_id=bug_id, created_at=created_at)
            )
        for read_at in (read - SECOND, read + SECOND, None):
            session.add(
                Notification(
                    user_id=ann.id,
                    kind=NotificationKind.ASSIGNED,
                    bug_id=bug_id,
                    created_at=read - timedelta(days=500),
                    read_at=read_at,
                )
            )
        channel = Channel(
            user_id=ann.id,
            kind=ChannelKind.EMAIL,
            name="",
            address="ann@example.com",
            shown="ann@example.com",
            wanted=[],
            rhythm=Rhythm.AT_ONCE,
            created_at=read,
        )
        session.add(channel)
        session.flush()
        ended = now - timedelta(days=KEEP_DELIVERIES_DAYS)
        for ended_at, state in (
            (ended - SECOND, DeliveryState.SENT),
            (ended + SECOND, DeliveryState.SENT),
            (None, DeliveryState.WAITING),
        ):
            session.add(Delivery(channel_id=channel.id, state=state, created_at=read, ended_at=ended_at))
    return house


def _left(house: House) -> tuple[set[str], set[str], list[bool]]:
    with house.runtime.database.read() as session:
        sign_ins = {name for name in session.scalars(select(SignIn.refresh_hash)) if "," in name}
        keys = set(session.scalars(select(IdempotencyKey.key)))
        unread = sorted(moment is None for moment in session.scalars(select(Notification.read_at)))
        assert session.scalar(select(Bug.id)) is not None
        assert len(session.scalars(select(Delivery.id)).all()) == 2
    return sign_ins, keys, unread


LEFT = ({"young, expired", "young, ended"}, {"young"}, [False, True])


def test_only_what_is_old_is_removed(aged: House) -> None:
    with aged.runtime.database.write() as session:
        assert housekeeping.tidy(session, now=aged.now) == Tidied(2, 1, 1, 1)
    assert _left(aged) == LEFT
    with aged.runtime.database.write() as session:
        assert housekeeping.tidy(session, now=aged.now) == Tidied(0, 0, 0, 0)


def test_whoever_is_signed_in_stays_so(aged: House) -> None:
    ann = aged.sign_in("ann")
    with aged.runtime.database.write() as session:
        housekeeping.tidy(session, now=aged.now)
    assert ann.get("/api/v1/me").status_code == 200


def test_the_daily_job_does_it_and_is_kept_in_the_database(aged: House) -> None:
    with running_jobs(aged.runtime):
        handle = DBOS.trigger_schedule("housekeeping")
        handle.get_result()
        [status] = DBOS.list_workflows(name="housekeeping")
        [step] = DBOS.list_workflow_steps(handle.workflow_id)
    assert status.status == "SUCCESS"
    assert (step["function_name"], step["output"]) == (
        "tidy",
        {"n_sign_ins": 2, "n_idempotency_keys": 1, "n_notifications": 1, "n_deliveries": 1},
    )
    assert _left(aged) == LEFT


def test_jobs_can_be_stopped_and_started_again_in_one_process(aged: House) -> None:
    for _ in range(2):
        with running_jobs(aged.runtime):
            schedules = DBOS.list_schedules()
            assert [schedule["schedule_name"] for schedule in schedules] == ["housekeeping"]
            DBOS.trigger_schedule("housekeeping").get_result()


def test_people_can_work_while_jobs_run(aged: House) -> None:
    ann = aged.sign_in("ann")
    with running_jobs(aged.runtime):
        handles = [DBOS.trigger_schedule("housekeeping") for _ in range(5)]
        ids = [ann.report(f"Bug {n}")["id"] for n in range(20)]
        for handle in handles:
            handle.get_result()
    assert [ann.bug(bug_id)["id"] for bug_id in ids] == ids
