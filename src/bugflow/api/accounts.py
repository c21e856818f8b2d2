"""Signing in, the own account, and people over HTTP."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from bugflow.api.deps import (
    Anyone,
    Cursor,
    Limit,
    May,
    Now,
    Reader,
    ReadSession,
    RowId,
    RuntimeDep,
    Self,
    WriteSession,
    link_next,
)
from bugflow.api.edge import Limits
from bugflow.domain.accounts import Action, Actor
from bugflow.errors import TooManyRequests
from bugflow.schemas.accounts import (
    Credentials,
    Me,
    MePatch,
    PasswordChange,
    RefreshRequest,
    TokenPair,
    UserCreate,
    UserPage,
    UserPatch,
    UserRead,
)
from bugflow.services import accounts, sign_ins

router = APIRouter(tags=["sign-in"])
v1 = APIRouter()

Administrator = Annotated[Actor, Depends(May(Action.MANAGE_USERS))]

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["username", "password"],
    "properties": {
        "grant_type": {"type": "string", "pattern": "^password$"},
        "username": {"type": "string"},
        "password": {"type": "string", "format": "password"},
    },
}


async def read_credentials(request: Request) -> Credentials:
    """The user name and password, as JSON or as the OAuth2 form."""
    try:
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            async with request.form(max_files=0, max_fields=20) as form:
                sent: Any = {name: form[name] for name in ("username", "password") if name in form}
        else:
            sent = json.loads(await request.body())
        return Credentials.model_validate(sent)
    except ValidationError as error:
        raise RequestValidationError(
            [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors(include_url=False)]
        ) from error
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"loc": ("body",), "msg": f"is no JSON: {error}", "type": "json"}]) from error


async def throttle(request: Request, credentials: Annotated[Credentials, Depends(read_credentials)]) -> Credentials:
    """Count an attempt to sign in, for the account and for the address.

    Raises:
        TooManyRequests: One of them tried too often.
    """
    limits: Limits = request.app.state.limits
    address = request.client.host if request.client else "?"
    account = credentials.username.strip().casefold()
    for who in (f"sign-in:{address}", f"sign-in:{account}"):
        count = limits.count(limits.sign_ins, who)
        if count is not None and not count.passed:
            raise TooManyRequests(limit=f"{limits.sign_ins} for signing in", retry_after_seconds=count.reset_seconds)
    return credentials


@router.post(
    "/token",
    dependencies=[Depends(Anyone())],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": Credentials.model_json_schema()},
                "application/x-www-form-urlencoded": {"schema": _FORM},
            },
        }
    },
)
def sign_in(body: Annotated[Credentials, Depends(throttle)], runtime: RuntimeDep, now: Now) -> TokenPair:
    """Exchange a user name and password, as JSON or as the OAuth2 form, for tokens."""
    return sign_ins.sign_in(runtime.database, runtime.tokens, body=body, now=now)


@v1.post("/auth/refresh", tags=["sign-in"], dependencies=[Depends(Anyone())])
def refresh(body: RefreshRequest, runtime: RuntimeDep, now: Now) -> TokenPair:
    """Exchange a refresh token for a new pair; each is good for one use."""
    return sign_ins.refresh(runtime.database, runtime.tokens, refresh_token=body.refresh_token, now=now)


@v1.post("/auth/logout", tags=["sign-in"], status_code=status.HTTP_204_NO_CONTENT)
def sign_out(actor: Self, session: WriteSession, now: Now) -> None:
    """End this sign-in; its tokens are refused from now on."""
    sign_ins.sign_out(session, actor, now=now)


@v1.post("/auth/password", tags=["sign-in"], status_code=status.HTTP_204_NO_CONTENT)
def change_password(body: PasswordChange, actor: Self, runtime: RuntimeDep, now: Now) -> None:
    """Change the own password; every sign-in ends."""
    sign_ins.change_password(runtime.database, runtime.tokens, actor, body=body, now=now)


@v1.get("/me", tags=["people"])
def get_me(actor: Self, session: ReadSession) -> Me:
    return accounts.get_me(session, actor)


@v1.patch("/me", tags=["people"])
def change_me(body: MePatch, actor: Self, session: WriteSession, now: Now) -> Me:
    return accounts.change_me(session, actor, body=body, now=now)


@v1.get("/users", tags=["people"])
def list_users(
    _actor: Reader,
    session: ReadSession,
    request: Request,
    response: Response,
    cursor: Cursor = None,
    limit: Limit = 100,
    active: Annotated[bool | None, Query()] = None,
) -> UserPage:
    page = accounts.list_users(session, cursor=cursor, limit=limit, active=active)
    link_next(request, response, page)
    return page


@v1.post("/users", tags=["people"], status_code=status.HTTP_201_CREATED)
def create_user(
    body: UserCreate, actor: Administrator, session: WriteSession, runtime: RuntimeDep, now: Now
) -> UserRead:
    user = accounts.create_user(session, runtime.tokens.passwords, actor=actor, body=body, now=now)
    return UserRead.model_validate(user)


@v1.get("/users/{user_id}", tags=["people"])
def get_user(user_id: RowId, _actor: Reader, session: ReadSession) -> UserRead:
    return UserRead.model_validate(accounts.get_user(session, user_id))


@v1.patch("/users/{user_id}", tags=["people"])
def change_user(
    user_id: RowId, body: UserPatch, actor: Administrator, session: WriteSession, runtime: RuntimeDep, now: Now
) -> UserRead:
    user = accounts.change_user(session, runtime.tokens.passwords, user_id, actor=actor, body=body, now=now)
    return UserRead.model_validate(user)


@v1.delete("/users/{user_id}", tags=["people"], status_code=status.HTTP_204_NO_CONTENT)
def erase_user(user_id: RowId, actor: Administrator, session: WriteSession, now: Now) -> None:
    """Forget a person; their bugs and comments stay, without a name."""
    accounts.erase_user(session, user_id, actor=actor, now=now)
