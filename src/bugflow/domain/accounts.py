"""People, their roles, and the one table that says who may do what."""

import re
from dataclasses import dataclass
from enum import Enum, StrEnum

from bugflow.errors import Forbidden, InvalidUsername, WeakPassword


class Role(StrEnum):
    TESTER = "tester"
    DEVELOPER = "developer"
    PM = "pm"


class Action(StrEnum):
    """What a person can want to do; every route of the API names one."""

    READ = "read"
    PREDICT = "predict"
    REPORT = "report bugs"
    EDIT_BUG = "edit bugs"
    MOVE_BUG = "move bugs"
    ASSIGN_BUG = "assign bugs"
    CORRECT = "correct predictions"
    COMMENT = "comment"
    EDIT_COMMENT = "edit comments"
    LINK_DUPLICATE = "link duplicates"
    ATTACH = "attach files"
    REMOVE_ATTACHMENT = "remove attachments"
    MANAGE_SELF = "manage their account"
    MANAGE_CHANNELS = "manage channels"
    READ_FEEDBACK = "read feedback"
    READ_STATS = "read statistics"
    READ_MODELS = "read about models"
    MANAGE_MODELS = "train and promote models"
    READ_AUDIT = "read the audit log"
    MANAGE_TEAMS = "manage teams"
    MANAGE_PROJECTS = "manage projects"
    MANAGE_USERS = "manage accounts"


class Scope(Enum):
    """How far a permission reaches."""

    NONE = 0
    OWN = 1
    ALL = 2


_NONE, _OWN, _ALL = Scope.NONE, Scope.OWN, Scope.ALL

PERMISSIONS: dict[Action, dict[Role, Scope]] = {
    action: dict(zip((Role.TESTER, Role.DEVELOPER, Role.PM), scopes, strict=True))
    for action, scopes in {
        #                       tester developer pm
        Action.READ: (_ALL, _ALL, _ALL),
        Action.PREDICT: (_ALL, _ALL, _ALL),
        Action.REPORT: (_ALL, _ALL, _ALL),
        Action.EDIT_BUG: (_OWN, _OWN, _ALL),
        Action.MOVE_BUG: (_NONE, _OWN, _ALL),
        Action.ASSIGN_BUG: (_NONE, _OWN, _ALL),
        Action.CORRECT: (_NONE, _NONE, _ALL),
        Action.COMMENT: (_ALL, _ALL, _ALL),
        Action.EDIT_COMMENT: (_OWN, _OWN, _ALL),
        Action.LINK_DUPLICATE: (_OWN, _ALL, _ALL),
        Action.ATTACH: (_OWN, _ALL, _ALL),
        Action.REMOVE_ATTACHMENT: (_OWN, _OWN, _ALL),
        Action.MANAGE_SELF: (_ALL, _ALL, _ALL),
        Action.MANAGE_CHANNELS: (_OWN, _OWN, _ALL),
        Action.READ_FEEDBACK: (_NONE, _NONE, _ALL),
        Action.READ_STATS: (_NONE, _ALL, _ALL),
        Action.READ_MODELS: (_NONE, _NONE, _ALL),
        Action.MANAGE_MODELS: (_NONE, _NONE, _ALL),
        Action.READ_AUDIT: (_NONE, _NONE, _ALL),
        Action.MANAGE_TEAMS: (_NONE, _NONE, _ALL),
        Action.MANAGE_PROJECTS: (_NONE, _NONE, _ALL),
        Action.MANAGE_USERS: (_NONE, _NONE, _ALL),
    }.items()
}
"""Role by action. What is "own" depends on the action and is decided where the thing is known:
for a tester the bugs they reported while those are open, for a developer the bugs that are theirs or their team's or
that they reported, for a comment or attachment the one who wrote it, for a channel the one whom it tells; "all"
channels are those of teams, nobody manages another person's. Managing accounts also needs the administrator's right,
see `demand_administrator`.
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever asks: a signed-in person, as read at the start of the request."""

    id: int
    username: str
    role: Role
    is_admin: bool = False
    team_id: int | None = None
    sign_in_id: int | None = None


def scope_of(actor: Actor, action: Action) -> Scope:
    return PERMISSIONS[action][actor.role]


def demand(actor: Actor, action: Action, *, own: bool = False, circumstance: str = "") -> None:
    """Let pass who may.

    Args:
        own: Whether the thing acted on is the actor's own in the sense of the action.
        circumstance: Ends the sentence of the error, " that are not theirs".

    Raises:
        Forbidden: The role may not do this, or only to what is its own.
    """
    scope = scope_of(actor, action)
    if scope is Scope.ALL or (scope is Scope.OWN and own):
        return
    if scope is Scope.OWN:
        circumstance = circumstance or " that are not theirs"
    raise Forbidden(role=actor.role, action=action.value, circumstance=circumstance)


def demand_administrator(actor: Actor) -> None:
    """Accounts are managed by PMs who also hold the administrator's right.

    Raises:
        Forbidden: The actor is not an administrator.
    """
    demand(actor, Action.MANAGE_USERS)
    if not actor.is_admin:
        raise Forbidden(
            role=actor.role, action=Action.MANAGE_USERS.value, circumstance=" without the administrator's right"
        )


_USERNAME = re.compile(r"[\w.@+-]{2,150}")


def normalise_username(username: str) -> str:
    """The form in which names are kept and compared: "Ann@Example.com" and "ann@example.com" are one account.

    Raises:
        InvalidUsername: Too short, too long, or with spaces or other characters.
    """
    name = username.strip().casefold()
    if not _USERNAME.fullmatch(name):
        raise InvalidUsername(username=username[:200])
    return name


MIN_PASSWORD_CHARACTERS = 8
"""OWASP ASVS 5.0, 6.2.1: at least 8 characters."""

_COMMON_PASSWORDS = frozenset(
    [
        "password",
        "password1",
        "password123",
        "passw0rd",
        "12345678",
        "123456789",
        "1234567890",
        "qwertyui",
        "qwerty123",
        "qwertyuiop",
        "11111111",
        "00000000",
        "iloveyou",
        "sunshine",
        "princess",
        "football",
        "baseball",
        "superman",
        "trustno1",
        "letmein1",
        "welcome1",
        "admin123",
        "administrator",
        "changeme",
        "changeme1",
        "abcd1234",
        "1q2w3e4r",
        "1qaz2wsx",
        "asdfghjk",
        "zaq12wsx",
        "bugflow1",
        "bugflow123",
        "secret123",
    ]
)


def check_password(password: str) -> None:
    """Refuse what is guessed first.

    Raises:
        WeakPassword: Shorter than `MIN_PASSWORD_CHARACTERS` or well known.
    """
    if len(password) < MIN_PASSWORD_CHARACTERS or password.casefold() in _COMMON_PASSWORDS:
        raise WeakPassword(n_min=MIN_PASSWORD_CHARACTERS)
