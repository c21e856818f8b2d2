"""Signing in and staying signed in: access tokens are short-lived JWTs, refresh tokens rotate."""

import hashlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from threading import BoundedSemaphore

import jwt
from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session, joinedload

from bugflow.db.engine import Database
from bugflow.db.tables import SignIn, User
from bugflow.domain.accounts import Actor, check_password
from bugflow.domain.audit import AuditAction
from bugflow.errors import NotSignedIn, WrongCredentials
from bugflow.schemas.accounts import Credentials, PasswordChange, TokenPair
from bugflow.services import accounts, audit

_ALGORITHM = "HS256"
_ISSUER = "bugflow"
_AUDIENCE = "bugflow-api"


@dataclass(frozen=True, slots=True)
class Tokens:
    """How tokens are made and read.

    Attributes:
        key: Signs access tokens, at least 32 bytes.
        dummy_hash: What the password of an unknown user is compared with, so that it takes as long.
        hashing: As many passwords are hashed at once as there are cores; each takes 64 MiB, and a hundred at once left
            no time to those who hold the database.
    """

    key: str
    access_seconds: int
    refresh_seconds: int
    passwords: PasswordHash
    dummy_hash: str
    hashing: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(os.cpu_count() or 1))


def sign_in(database: Database, tokens: Tokens, *, body: Credentials, now: datetime) -> TokenPair:
    """Exchange a user name and password for tokens. A bcrypt or older Argon2 hash is upgraded on the way.

    Opens its own transactions: hashing takes some 50 ms and must not hold a lock, and a failed attempt is recorded
    although it answers an error.

    Raises:
        WrongCredentials: Either is wrong, or the account is not active; both answers take the same time.
    """
    with database.read() as session:
        user = session.scalar(select(User).where(User.username == body.username.strip().casefold()))
    usable = user is not None and user.is_active
    right, upgraded = _verify(tokens, body.password, user.password_hash if user and usable else tokens.dummy_hash)
    if user is None or not usable or not right:
        with database.write() as session:
            user_id = user.id if user else None
            subject = f"user:{user_id}" if user else "user:unknown"
            audit.record(session, AuditAction.SIGN_IN_FAILED, actor_id=None, subject=subject, now=now)
        raise WrongCredentials
    with database.write() as session:
        if upgraded:
            session.execute(update(User).where(User.id == user.id).values(password_hash=upgraded))
        row = SignIn(user_id=user.id, created_at=now, expires_at=now + timedelta(seconds=tokens.refresh_seconds))
        pair = _new_pair(session, tokens, row, now=now)
        audit.record(session, AuditAction.SIGNED_IN, actor_id=user.id, subject=f"user:{user.id}", now=now)
    return pair


def _verify(tokens: Tokens, password: str, password_hash: str) -> tuple[bool, str | None]:
    try:
        with tokens.hashing:
            return tokens.passwords.verify_and_update(password, password_hash)
    except UnknownHashError:
        return False, None


def refresh(database: Database, tokens: Tokens, *, refresh_token: str, now: datetime) -> TokenPair:
    """Exchange a refresh token for a new pair; it is good for one use.

    Opens its own transaction: a token shown a second time ends the sign-in although it answers an error, because
    whoever shows it stole it, or was stolen from.

    Raises:
        NotSignedIn: The token is unknown, used, expired, or its sign-in has ended.
    """
    with database.write() as session:
        pair = _rotate(session, tokens, refresh_token=refresh_token, now=now)
    if pair is None:
        raise NotSignedIn
    return pair


def _rotate(session: Session, tokens: Tokens, *, refresh_token: str, now: datetime) -> TokenPair | None:
    shown = _digest(refresh_token)
    row = session.scalar(
        select(SignIn)
        .where(or_(SignIn.refresh_hash == shown, SignIn.previous_refresh_hash == shown))
        .options(joinedload(SignIn.user))
        .with_for_update(of=SignIn)
    )
    if row is None or row.ended_at is not None or row.expires_at <= now or not row.user.is_active:
        return None
    if row.refresh_hash != shown:
        row.ended_at = now
        return None
    row.previous_refresh_hash = shown
    row.expires_at = now + timedelta(seconds=tokens.refresh_seconds)
    return _new_pair(session, tokens, row, now=now)


def sign_out(session: Session, actor: Actor, *, now: datetime) -> None:
    """End this sign-in; its access and refresh tokens are refused from now on."""
    row = session.get(SignIn, actor.sign_in_id)
    if row is not None and row.ended_at is None:
        row.ended_at = now
        audit.record(session, AuditAction.SIGNED_OUT, actor_id=actor.id, subject=f"user:{actor.id}", now=now)


def change_password(database: Database, tokens: Tokens, actor: Actor, *, body: PasswordChange, now: datetime) -> None:
    """Change the own password; every sign-in ends, this one too. Hashes outside its transactions, like `sign_in`.

    Raises:
        WrongCredentials: The old password is wrong.
        WeakPassword: The new one is.
    """
    with database.read() as session:
        old_hash = accounts.get_user(session, actor.id).password_hash
    if not _verify(tokens, body.old_password, old_hash)[0]:
        raise WrongCredentials
    check_password(body.new_password)
    new_hash = tokens.passwords.hash(body.new_password)
    with database.write() as session:
        session.execute(update(User).where(User.id == actor.id).values(password_hash=new_hash))
        accounts.end_sign_ins(session, actor.id, now=now)
        audit.record(session, AuditAction.PASSWORD_CHANGED, actor_id=actor.id, subject=f"user:{actor.id}", now=now)


def find_user_id(tokens: Tokens, access_token: str, *, now: datetime) -> int | None:
    """Whom a token names, by its signature alone: good enough to count requests by, not to let anyone in."""
    try:
        return _claims(tokens, access_token, now=now)[0]
    except NotSignedIn:
        return None


_ACTOR = (
    select(User.id, User.username, User.role, User.is_admin, User.team_id)
    .join(SignIn, SignIn.user_id == User.id)
    .where(User.id == bindparam("user_id"), User.is_active, SignIn.id == bindparam("sign_in_id"))
    .where(SignIn.ended_at.is_(None), SignIn.expires_at > bindparam("now"))
)
"""Asked with every request, so it is built once: building it costs twice as much as running it."""


def get_actor(session: Session, tokens: Tokens, access_token: str, *, now: datetime) -> Actor:
    """Whoever holds the access token.

    Raises:
        NotSignedIn: The token is not ours, has expired, or its sign-in or account has ended.
    """
    user_id, sign_in_id = _claims(tokens, access_token, now=now)
    row = session.execute(_ACTOR, {"user_id": user_id, "sign_in_id": sign_in_id, "now": now}).one_or_none()
    if row is None:
        raise NotSignedIn
    return Actor(row.id, row.username, row.role, row.is_admin, row.team_id, sign_in_id)


def _claims(tokens: Tokens, access_token: str, *, now: datetime) -> tuple[int, int]:
    user_id, sign_in_id, expires = _verified(tokens.key, access_token)
    if expires <= now.timestamp():
        raise NotSignedIn
    return user_id, sign_in_id


@lru_cache(maxsize=4_096)  # each request asks twice, and a person's token stays the same for half an hour
def _verified(key: str, access_token: str) -> tuple[int, int, float]:
    """Whom a token of ours names, which sign-in, and when it ends, in seconds since 1970."""
    try:
        claims = jwt.decode(
            access_token,
            key,
            algorithms=[_ALGORITHM],
            audience=_AUDIENCE,
            issuer=_ISSUER,
            options={
                "require": ["exp", "iat", "sub", "aud", "iss", "sid"],
                "verify_exp": False,  # by our clock, in `_claims`
                "verify_iat": False,
            },
        )
        return int(claims["sub"]), int(claims["sid"]), float(claims["exp"])
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise NotSignedIn from error


def _new_pair(session: Session, tokens: Tokens, row: SignIn, *, now: datetime) -> TokenPair:
    refresh_token = secrets.token_urlsafe(32)
    row.refresh_hash = _digest(refresh_token)
    session.add(row)
    session.flush()
    claims = {
        "sub": str(row.user_id),
        "sid": row.id,
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "iat": now,
        "exp": now + timedelta(seconds=tokens.access_seconds),
        "jti": secrets.token_hex(8),
    }
    return TokenPair(
        access_token=jwt.encode(claims, tokens.key, algorithm=_ALGORITHM),
        expires_in=tokens.access_seconds,
        refresh_token=refresh_token,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
