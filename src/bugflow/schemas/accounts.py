"""People and sign-ins on the wire."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from bugflow.domain.accounts import Role
from bugflow.domain.notifications import NotificationKind
from bugflow.schemas.base import Body, Id, Moment, Name, NotBlank, Read, Storable, name_of
from bugflow.schemas.pages import Page

Password = Annotated[str, Field(min_length=1, max_length=1024), Storable]
Username = Annotated[str, Field(min_length=1, max_length=150), Storable]
DisplayName = Annotated[str, Field(min_length=1, max_length=150), Storable, NotBlank]
Email = Annotated[str, Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$"), Storable]
Locale = Literal["en", "es", "de"]
OptionalName = Annotated[str | None, BeforeValidator(name_of)]


class Credentials(Body):
    username: Username
    password: Password


class TokenPair(Read):
    """The answer to `POST /token` and `POST /api/v1/auth/refresh`."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Seconds the access token lives.")
    refresh_token: str


class RefreshRequest(Body):
    refresh_token: Annotated[str, Field(min_length=1, max_length=200), Storable]


class PasswordChange(Body):
    old_password: Password
    new_password: Password


class Preferences(Body):
    """What a person set for themselves.

    Attributes:
        muted: Kinds of notification they do not want.
    """

    theme: Literal["light", "dark", "system"] = "system"
    muted: list[NotificationKind] = Field(default_factory=list)


class UserRead(Read):
    """A person, as everyone signed in sees them."""

    id: int
    username: str
    display_name: str
    role: Role
    is_admin: bool
    is_active: bool
    team: OptionalName


class Me(UserRead):
    """The signed-in person."""

    email: str | None
    locale: Locale | None
    preferences: Preferences
    n_unread: int
    created_at: Moment


class MePatch(Body):
    display_name: DisplayName | None = None
    email: Email | None = None
    locale: Locale | None = None
    preferences: Preferences | None = None


class UserCreate(Body):
    username: Username
    password: Password
    role: Role
    display_name: DisplayName | None = None
    email: Email | None = None
    team: Name | None = None
    is_admin: bool = False


class UserPatch(Body):
    """Only the fields that are sent change; `team: null` takes the person out of the team."""

    display_name: DisplayName | None = None
    email: Email | None = None
    role: Role | None = None
    team: Name | None = None
    is_admin: bool | None = None
    is_active: bool | None = None
    password: Password | None = None


UserPage = Page[UserRead]
UserId = Id
