"""Everything that can go wrong on purpose: five families, each error's docstring is its message.

The docstring of a class is a format string; the keyword arguments of the constructor fill it. HTTP statuses live in
`bugflow.api.errors`, exit codes in `bugflow.cli.errors`; nothing here knows of either.
"""

from functools import partial
from inspect import cleandoc


class BugFlowError(Exception):
    """Something went wrong."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(cleandoc(type(self).__doc__ or "").format(**facts))

    def __reduce__(self) -> tuple[partial["BugFlowError"], tuple[()]]:
        """So that it comes back whole from another process or a job's row; exceptions travel by position otherwise."""
        return partial(type(self), **self.facts), ()

    @property
    def code(self) -> str:
        """The class name: a promise to clients."""
        return type(self).__name__


# -- The five families ---


class Invalid(BugFlowError):
    """What was sent cannot be understood."""


class Denied(BugFlowError):
    """You may not do this."""


class NotFound(BugFlowError):
    """There is no {what} '{key}'."""


class Conflict(BugFlowError):
    """This does not fit the present state."""


class Unavailable(BugFlowError):
    """BugFlow cannot do this right now. Try again in a moment."""


# -- Invalid ---


class MalformedRequest(Invalid):
    """The request is malformed; `errors` says where and how."""


class InvalidCursor(Invalid):
    """The cursor is not one that this list gave out, or belongs to another sort order. Start again without a cursor."""


class UnknownLabel(Invalid):
    """{field} has no label '{label}'. Choose one of: {labels}."""


class UnknownReference(Invalid):
    """{field} names a {what} that does not exist or is not active: '{key}'."""


class InvalidFilter(Invalid):
    """{field} cannot be '{value}'. Choose one of: {choices}."""


class WeakPassword(Invalid):
    """The password is too short or too common. Use at least {n_min} characters that are not a well-known password."""


class InvalidUsername(Invalid):
    """'{username}' is no user name: use 2 to 150 letters, digits and . _ - + @, without spaces."""


class RefusedAttachment(Invalid):
    """'{filename}' was refused: {reason}"""


class RefusedAddress(Invalid):
    """The address cannot be used: {reason}"""


class TooLarge(Invalid):
    """That is {size_bytes:,} bytes; at most {limit_bytes:,} are taken."""


class InvalidFile(Invalid):
    """{path} cannot be used: {reason}"""


class InvalidSettings(Invalid):
    """The settings cannot be used: {reason}"""


class InvalidTaskName(Invalid):
    """'{name}' is no name for a task: use a-z, 0-9 and _, beginning with a letter."""


class InvalidEncoder(Invalid):
    """'{name}' is no encoder that can be used: {reason}"""


class Ambiguous(Invalid):
    """Which {what} is meant? Name one of: {choices}."""


class TooFewSamples(Invalid):
    """Too few samples to train {task}: {reason}"""


# -- Denied ---


class NotSignedIn(Denied):
    """Sign in first: the access token is missing, expired, revoked or not ours."""


class WrongCredentials(Denied):
    """The user name or the password is wrong."""


class Forbidden(Denied):
    """A {role} may not {action}{circumstance}."""


class TooManyRequests(Denied):
    """Too many requests: {limit}. Try again in {retry_after_seconds} s."""


# -- Conflict ---


class IllegalMove(Conflict):
    """A bug that is {old} cannot become {new}. From {old} it can become: {allowed}."""


class LostUpdate(Conflict):
    """The {what} was changed by someone else in the meantime: you had {yours}, it is now {current}. Read it again."""


class AlreadyExists(Conflict):
    """There is already a {what} '{key}'."""


class AlreadySaid(Conflict):
    """The {field} of bug {bug_id} was already set to '{label}' by a person. Nothing was recorded."""


class AlreadyPinned(Conflict):
    """The {field} of bug {bug_id} is pinned already. Nothing was recorded."""


class IdempotencyKeyReused(Conflict):
    """The Idempotency-Key was already used for another request. Use a new key for a new report."""


class CircularLink(Conflict):
    """That link cannot be made: {reason}."""


class AlreadyLinked(Conflict):
    """Bug {bug_id} already repeats bug {root_id}. Split the two first."""


class InUse(Conflict):
    """The {what} '{key}' cannot be removed: {reason}"""


class TooManyChannels(Conflict):
    """There are {limit} channels already, which is the most. Remove one first."""


class AlreadyChampion(Conflict):
    """{name} is what answers already."""


class NotPassed(Conflict):
    """{name} did not pass the gate: {reason}"""


class NothingToGoBackTo(Conflict):
    """No other model has answered for {task} before."""


class ExperimentRunning(Conflict):
    """For {task}, {champion} and {challenger} are being compared already. Stop experiment {experiment_id} first."""


class ExperimentEnded(Conflict):
    """Experiment {experiment_id} has ended already: {outcome}"""


class RunEnded(Conflict):
    """Run {run_id} has ended already: {state}."""


class DemoNeedsEmptyData(Conflict):
    """This installation already has people who are not the demo's. Set BUGFLOW_DATA_DIR to an empty folder."""


# -- Unavailable ---


class DatabaseUnavailable(Unavailable):
    """The database does not answer or cannot be written. Nothing was saved. Try again in a moment."""


class DatabaseOutdated(Unavailable):
    """The database is at migration {current}, this version needs {head}. Run: bugflow db upgrade"""


class Undelivered(Unavailable):
    """It could not be delivered: {reason}"""


class ArtifactCorrupt(Unavailable):
    """The model in {path} is refused: {reason}"""


class StoreUnavailable(Unavailable):
    """The model store {url} cannot be used: {reason}"""


class MissingExtra(Unavailable):
    """This needs the extra `{extra}`. Install it: pip install -c constraints.txt 'bugflow[{extra}]'"""


class UnfaithfulExport(Unavailable):
    """The exported network disagrees with its source: {reason} Nothing was saved."""


class PortTaken(Unavailable):
    """{host}:{port} is in use by another program. Choose another port: {option}."""


class PagesEnded(Unavailable):
    """The web pages ended by themselves ({how}), so the rest was stopped too. What they printed above says why."""


class ApiUnreachable(Unavailable):
    """The API at {url} does not answer. Is `bugflow api` running?"""
