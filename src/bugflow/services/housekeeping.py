"""Keeping the database small: what nobody will ask for again is removed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningDelete

from bugflow.db.tables import Delivery, IdempotencyKey, Notification, SignIn

KEEP_SIGN_INS_DAYS = 30
KEEP_IDEMPOTENCY_KEYS_DAYS = 2  # clients retry for minutes, not days
KEEP_READ_NOTIFICATIONS_DAYS = 90
KEEP_DELIVERIES_DAYS = 30


@dataclass(frozen=True, slots=True)
class Tidied:
    """How many rows were removed."""

    n_sign_ins: int
    n_idempotency_keys: int
    n_notifications: int
    n_deliveries: int


def tidy(session: Session, *, now: datetime) -> Tidied:
    """Remove sign-ins, idempotency keys, notifications and deliveries, each some time after its use ended."""

    def removed(statement: ReturningDelete[Any]) -> int:
        return len(session.execute(statement).all())

    old_sign_in = now - timedelta(days=KEEP_SIGN_INS_DAYS)
    return Tidied(
        n_sign_ins=removed(
            delete(SignIn)
            .where(or_(SignIn.expires_at < old_sign_in, SignIn.ended_at < old_sign_in))
            .returning(SignIn.id)
        ),
        n_idempotency_keys=removed(
            delete(IdempotencyKey)
            .where(IdempotencyKey.created_at < now - timedelta(days=KEEP_IDEMPOTENCY_KEYS_DAYS))
            .returning(IdempotencyKey.key)
        ),
        n_notifications=removed(
            delete(Notification)
            .where(Notification.read_at < now - timedelta(days=KEEP_READ_NOTIFICATIONS_DAYS))
            .returning(Notification.id)
        ),
        n_deliveries=removed(
            delete(Delivery)
            .where(Delivery.ended_at < now - timedelta(days=KEEP_DELIVERIES_DAYS))
            .returning(Delivery.id)
        ),
    )
