"""Typed client of the HTTP API: one method a call, models in and out."""

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import httpx2
from pydantic import BaseModel, TypeAdapter, ValidationError

from bugflow.domain.predictions import Task
from bugflow.errors import ApiUnreachable, BugFlowError
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
from bugflow.schemas.attachments import AttachmentRead
from bugflow.schemas.audit import AuditPage, AuditVerdict
from bugflow.schemas.bugs import (
    BugCreate,
    BugDetail,
    BugFilter,
    BugPage,
    BugPatch,
    BugReported,
    BugUpdate,
    BugUpdated,
    EventPage,
)
from bugflow.schemas.channels import ChannelCreate, ChannelPatch, ChannelRead
from bugflow.schemas.comments import CommentPage, CommentRead, CommentWrite
from bugflow.schemas.duplicates import (
    DuplicateDismiss,
    DuplicateLinkCreate,
    DuplicateSearchRequest,
    DuplicatesFound,
    DuplicatesRead,
)
from bugflow.schemas.experiments import ExperimentCreate, ExperimentPage, ExperimentRead, ExperimentStop
from bugflow.schemas.feedback import FeedbackCreate, FeedbackGiven, FeedbackPage
from bugflow.schemas.health import ModelHealth
from bugflow.schemas.notifications import NotificationCount, NotificationPage, NotificationsSeen
from bugflow.schemas.pins import PinCreate, PinPage, PinRead
from bugflow.schemas.predictions import ExplanationRead, PredictRequest, PredictResponse
from bugflow.schemas.problems import Problem
from bugflow.schemas.registry import (
    ModelDetail,
    ModelRead,
    PromiseChange,
    PromiseRead,
    Promotion,
    RunDetail,
    RunPage,
    StepBack,
)
from bugflow.schemas.review import Contradiction, ReviewQueue
from bugflow.schemas.stats import (
    Acceptance,
    Accuracy,
    FeedbackWeek,
    Overview,
    SeverityCount,
    TeamLoad,
    TrendDay,
    TriageWeek,
)
from bugflow.schemas.teams import TagCreate, TagPatch, TagRead

Answer = TypeVar("Answer")

V1 = "/api/v1"
MAX_WAIT_SECONDS = 3.0
"""A person waits this long for a rate limit to pass without asking what is wrong; beyond it they are told."""


class ApiProblem(BugFlowError):  # noqa: N818 - named like the problem it carries
    """{problem.detail}"""

    def __init__(self, problem: Problem, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(problem=problem)
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds

    @property
    def code(self) -> str:
        """The class name of the API's error, not of this one."""
        return self.problem.code


class TaggedBug(NamedTuple):
    """A bug and the ETag that says which state of it this is."""

    bug: BugDetail
    etag: str


def connect(api_url: str, *, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """Open connections to share between the clients of many people.

    Proxies of the environment are not used: the API is a neighbour, and what is said to it carries tokens.
    """
    return httpx2.Client(
        base_url=api_url.rstrip("/"),
        timeout=httpx2.Timeout(20.0, connect=3.0),
        headers={"User-Agent": "bugflow-client"},
        trust_env=False,
        transport=transport,
    )


class Client:
    """One person's way to the API.

    Safe to use from several threads. The access token is renewed when the API refuses it; refresh tokens rotate, so
    only one thread renews at a time.

    Raises:
        ApiProblem: The API refused; `problem` says why. From every method.
        ApiUnreachable: The API did not answer, or with something that is not of the API. From every method.
    """

    def __init__(self, http: httpx2.Client, *, tokens: TokenPair | None = None) -> None:
        self._http = http
        self._tokens = tokens
        self._renewing = threading.Lock()

    # -- Plumbing -------------------------------------------------------------------------------------------------

    def _unreachable(self) -> ApiUnreachable:
        return ApiUnreachable(url=str(self._http.base_url).rstrip("/"))

    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            return self._http.request(method, path, **request)
        except httpx2.RequestError as error:
            raise self._unreachable() from error

    def _send_as_me(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = dict(request.pop("headers", None) or {})
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {self._tokens.access_token}"
        return self._send(method, path, headers=headers, **request)

    def _request(self, method: str, path: str, **request: Any) -> httpx2.Response:
        used = self._tokens
        response = self._send_as_me(method, path, **request)
        if response.status_code == 401 and used is not None and self._renew(used):
            response = self._send_as_me(method, path, **request)
        if response.status_code == 429:
            wait_seconds = _retry_after(response)
            if wait_seconds is not None and wait_seconds <= MAX_WAIT_SECONDS:
                time.sleep(wait_seconds)
                response = self._send_as_me(method, path, **request)
        if response.is_success:
            return response
        raise self._problem(response)

    def _renew(self, used: TokenPair) -> bool:
        with self._renewing:
            if self._tokens is not used:  # another thread was faster, or signed out
                return self._tokens is not None
            body = RefreshRequest(refresh_token=used.refresh_token).model_dump(mode="json")
            response = self._send("POST", f"{V1}/auth/refresh", json=body)
            if response.status_code >= 500 or response.status_code == 429:
                raise self._problem(response)  # the sign-in may still be good
            self._tokens = self._parse(TokenPair, response) if response.is_success else None
            return response.is_success

    def _problem(self, response: httpx2.Response) -> BugFlowError:
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            return self._unreachable()  # a proxy's page, or another server on this port
        return ApiProblem(problem, retry_after_seconds=_retry_after(response))

    def _parse(self, kind: type[Answer], response: httpx2.Response) -> Answer:
        try:
            answer: Answer = _adapter(kind).validate_json(response.content)  # type: ignore[arg-type]  # a class is hashable
        except ValidationError as error:
            raise self._unreachable() from error
        return answer

    def _ask(self, kind: type[Answer], method: str, path: str, body: BaseModel | None = None, **request: Any) -> Answer:
        if body is not None:
            request["json"] = body.model_dump(mode="json", exclude_unset=True)
        return self._parse(kind, self._request(method, path, **request))

    def _tell(self, method: str, path: str, body: BaseModel | None = None) -> None:
        json = None if body is None else body.model_dump(mode="json", exclude_unset=True)
        self._request(method, path, json=json)

    # -- Signing in -----------------------------------------------------------------------------------------------

    def sign_in(self, username: str, password: str, *, forwarded_for: str | None = None) -> None:
        """Sign in.

        Args:
            forwarded_for: Whose address to count the attempt by, where this process signs others in; the API believes
                it of the addresses in FORWARDED_ALLOW_IPS only, by default its own machine.
        """
        self._tokens = None
        headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
        body = Credentials(username=username, password=password)
        self._tokens = self._ask(TokenPair, "POST", "/token", body, headers=headers)

    def sign_out(self) -> None:
        """Revoke the sign-in; afterwards this client is nobody's."""
        try:
            if self._tokens is not None:
                self._tell("POST", f"{V1}/auth/logout")
        finally:
            self._tokens = None

    def change_password(self, change: PasswordChange) -> None:
        self._tell("POST", f"{V1}/auth/password", change)

    def get_me(self) -> Me:
        return self._ask(Me, "GET", f"{V1}/me")

    def update_me(self, patch: MePatch) -> Me:
        return self._ask(Me, "PATCH", f"{V1}/me", patch)

    # -- Bugs -----------------------------------------------------------------------------------------------------

    def predict(self, request: PredictRequest, *, explain: bool = True) -> PredictResponse:
        return self._ask(PredictResponse, "POST", "/predict", request, params={"explain": str(explain).lower()})

    def report_bug(self, report: BugCreate, *, idempotency_key: str | None = None) -> BugReported:
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return self._ask(BugReported, "POST", "/report_bug", report, headers=headers)

    def update_bug(self, update: BugUpdate) -> BugUpdated:
        return self._ask(BugUpdated, "POST", "/update_bug", update)

    def list_bugs(self, wanted: BugFilter) -> BugPage:
        params = wanted.model_dump(mode="json", exclude_defaults=True)
        return self._ask(BugPage, "GET", f"{V1}/bugs", params=_flat(params))

    def get_bug(self, bug_id: int) -> TaggedBug:
        return self._tagged(self._request("GET", f"{V1}/bugs/{bug_id}"))

    def patch_bug(self, bug_id: int, patch: BugPatch, *, etag: str | None = None) -> TaggedBug:
        """Change the fields that are set. With `etag`, only if nobody changed the bug since (`LostUpdate`)."""
        headers = {"If-Match": etag} if etag else {}
        body = patch.model_dump(mode="json", exclude_unset=True)
        return self._tagged(self._request("PATCH", f"{V1}/bugs/{bug_id}", json=body, headers=headers))

    def _tagged(self, response: httpx2.Response) -> TaggedBug:
        return TaggedBug(self._parse(BugDetail, response), response.headers.get("ETag", ""))

    def list_events(self, bug_id: int, *, cursor: str | None = None, limit: int = 100) -> EventPage:
        return self._ask(EventPage, "GET", f"{V1}/bugs/{bug_id}/events", params=_paging(cursor, limit))

    def explain_bug(self, bug_id: int) -> list[ExplanationRead]:
        return self._ask(list[ExplanationRead], "GET", f"{V1}/bugs/{bug_id}/explanation")

    def search_duplicates(self, wanted: DuplicateSearchRequest) -> DuplicatesFound:
        return self._ask(DuplicatesFound, "POST", f"{V1}/duplicates/search", wanted)

    def list_duplicates(self, bug_id: int, *, limit: int = 5) -> DuplicatesRead:
        return self._ask(DuplicatesRead, "GET", f"{V1}/bugs/{bug_id}/duplicates", params={"limit": limit})

    def link_duplicate(self, bug_id: int, *, duplicate_of: int, probability: float | None = None) -> DuplicatesRead:
        body = DuplicateLinkCreate(duplicate_of=duplicate_of, probability=probability)
        return self._ask(DuplicatesRead, "POST", f"{V1}/bugs/{bug_id}/duplicates", body)

    def dismiss_duplicate(self, bug_id: int, other_id: int, *, probability: float | None = None) -> None:
        body = DuplicateDismiss(other_id=other_id, probability=probability)
        self._tell("POST", f"{V1}/bugs/{bug_id}/duplicates/dismissed", body)

    def split_duplicate(self, bug_id: int, other_id: int) -> None:
        self._tell("DELETE", f"{V1}/bugs/{bug_id}/duplicates/{other_id}")

    def follow_bug(self, bug_id: int) -> None:
        """Say that a bug, or the root that it repeats, is mine too."""
        self._tell("PUT", f"{V1}/bugs/{bug_id}/followers/me")

    def unfollow_bug(self, bug_id: int) -> None:
        self._tell("DELETE", f"{V1}/bugs/{bug_id}/followers/me")

    def list_comments(self, bug_id: int, *, cursor: str | None = None, limit: int = 100) -> CommentPage:
        return self._ask(CommentPage, "GET", f"{V1}/bugs/{bug_id}/comments", params=_paging(cursor, limit))

    def add_comment(self, bug_id: int, text: str) -> CommentRead:
        return self._ask(CommentRead, "POST", f"{V1}/bugs/{bug_id}/comments", CommentWrite(text=text))

    def edit_comment(self, bug_id: int, comment_id: int, text: str) -> CommentRead:
        return self._ask(CommentRead, "PATCH", f"{V1}/bugs/{bug_id}/comments/{comment_id}", CommentWrite(text=text))

    def delete_comment(self, bug_id: int, comment_id: int) -> None:
        self._tell("DELETE", f"{V1}/bugs/{bug_id}/comments/{comment_id}")

    def list_attachments(self, bug_id: int) -> list[AttachmentRead]:
        return self._ask(list[AttachmentRead], "GET", f"{V1}/bugs/{bug_id}/attachments")

    def attach(self, bug_id: int, *, filename: str, content: bytes, media_type: str) -> AttachmentRead:
        files = {"file": (filename, content, media_type)}
        return self._ask(AttachmentRead, "POST", f"{V1}/bugs/{bug_id}/attachments", files=files)

    def download(self, bug_id: int, attachment_id: int) -> bytes:
        return self._request("GET", f"{V1}/bugs/{bug_id}/attachments/{attachment_id}/content").content

    def detach(self, bug_id: int, attachment_id: int) -> None:
        self._tell("DELETE", f"{V1}/bugs/{bug_id}/attachments/{attachment_id}")

    # -- Feedback and figures -------------------------------------------------------------------------------------

    def give_feedback(self, feedback: FeedbackCreate) -> FeedbackGiven:
        return self._ask(FeedbackGiven, "POST", f"{V1}/feedback", feedback)

    def list_feedback(self, *, cursor: str | None = None, limit: int = 25) -> FeedbackPage:
        return self._ask(FeedbackPage, "GET", f"{V1}/feedback", params=_paging(cursor, limit))

    def list_pins(self, *, cursor: str | None = None, limit: int = 25) -> PinPage:
        return self._ask(PinPage, "GET", f"{V1}/feedback/pins", params=_paging(cursor, limit))

    def pin_bug(self, pin: PinCreate) -> PinRead:
        return self._ask(PinRead, "POST", f"{V1}/feedback/pins", pin)

    def unpin_bug(self, bug_id: int, task: Task) -> None:
        self._tell("DELETE", f"{V1}/feedback/pins/{bug_id}/{task}")

    def list_review_queue(self, *, limit: int = 25) -> ReviewQueue:
        return self._ask(ReviewQueue, "GET", f"{V1}/feedback/queue", params={"limit": limit})

    def list_contradictions(self, *, limit: int = 25) -> list[Contradiction]:
        return self._ask(list[Contradiction], "GET", f"{V1}/feedback/contradictions", params={"limit": limit})

    def get_overview(self) -> Overview:
        return self._ask(Overview, "GET", f"{V1}/stats/overview")

    def count_severities(self) -> list[SeverityCount]:
        return self._ask(list[SeverityCount], "GET", f"{V1}/stats/severity")

    def list_team_loads(self) -> list[TeamLoad]:
        return self._ask(list[TeamLoad], "GET", f"{V1}/stats/teams")

    def list_feedback_weeks(self) -> list[FeedbackWeek]:
        return self._ask(list[FeedbackWeek], "GET", f"{V1}/stats/feedback")

    def list_triage_weeks(self) -> list[TriageWeek]:
        return self._ask(list[TriageWeek], "GET", f"{V1}/stats/triage")

    def list_trend(self, *, days: int = 90) -> list[TrendDay]:
        return self._ask(list[TrendDay], "GET", f"{V1}/stats/trends", params={"days": days})

    def list_acceptance(self) -> list[Acceptance]:
        return self._ask(list[Acceptance], "GET", f"{V1}/stats/acceptance")

    def list_model_health(self) -> list[ModelHealth]:
        return self._ask(list[ModelHealth], "GET", f"{V1}/stats/health")

    def list_accuracy(self) -> list[Accuracy]:
        return self._ask(list[Accuracy], "GET", f"{V1}/stats/accuracy")

    # -- Models ---------------------------------------------------------------------------------------------------

    def list_models(self) -> list[ModelRead]:
        return self._ask(list[ModelRead], "GET", f"{V1}/models")

    def get_model(self, name: str) -> ModelDetail:
        return self._ask(ModelDetail, "GET", f"{V1}/models/{name}")

    def promote_model(self, name: str, *, reason: str) -> ModelDetail:
        return self._ask(ModelDetail, "POST", f"{V1}/models/{name}/promote", Promotion(reason=reason))

    def roll_back_model(self, task: Task, *, reason: str) -> ModelDetail:
        return self._ask(ModelDetail, "POST", f"{V1}/models/rollback", StepBack(task=task, reason=reason))

    def list_runs(self, *, cursor: str | None = None, limit: int = 25) -> RunPage:
        return self._ask(RunPage, "GET", f"{V1}/retraining", params=_paging(cursor, limit))

    def retrain(self) -> RunDetail:
        return self._ask(RunDetail, "POST", f"{V1}/retraining")

    def cancel_run(self, run_id: int) -> RunDetail:
        return self._ask(RunDetail, "POST", f"{V1}/retraining/{run_id}/cancel")

    def list_experiments(self, *, cursor: str | None = None, limit: int = 25) -> ExperimentPage:
        return self._ask(ExperimentPage, "GET", f"{V1}/experiments", params=_paging(cursor, limit))

    def start_experiment(self, experiment: ExperimentCreate) -> ExperimentRead:
        return self._ask(ExperimentRead, "POST", f"{V1}/experiments", experiment)

    def stop_experiment(self, experiment_id: int, *, reason: str) -> ExperimentRead:
        body = ExperimentStop(reason=reason)
        return self._ask(ExperimentRead, "POST", f"{V1}/experiments/{experiment_id}/stop", body)

    def list_promises(self) -> list[PromiseRead]:
        return self._ask(list[PromiseRead], "GET", f"{V1}/promise")

    def change_promise(self, task: Task, promise: float) -> list[PromiseRead]:
        return self._ask(list[PromiseRead], "PUT", f"{V1}/promise", PromiseChange(task=task, promise=promise))

    # -- People, teams, projects ----------------------------------------------------------------------------------

    def list_users(self, *, cursor: str | None = None, limit: int = 100) -> UserPage:
        return self._ask(UserPage, "GET", f"{V1}/users", params=_paging(cursor, limit))

    def create_user(self, user: UserCreate) -> UserRead:
        return self._ask(UserRead, "POST", f"{V1}/users", user)

    def update_user(self, user_id: int, patch: UserPatch) -> UserRead:
        return self._ask(UserRead, "PATCH", f"{V1}/users/{user_id}", patch)

    def erase_user(self, user_id: int) -> None:
        self._tell("DELETE", f"{V1}/users/{user_id}")

    def list_teams(self) -> list[TagRead]:
        return self._ask(list[TagRead], "GET", f"{V1}/teams")

    def create_team(self, team: TagCreate) -> TagRead:
        return self._ask(TagRead, "POST", f"{V1}/teams", team)

    def update_team(self, team_id: int, patch: TagPatch) -> TagRead:
        return self._ask(TagRead, "PATCH", f"{V1}/teams/{team_id}", patch)

    def list_projects(self) -> list[TagRead]:
        return self._ask(list[TagRead], "GET", f"{V1}/projects")

    def create_project(self, project: TagCreate) -> TagRead:
        return self._ask(TagRead, "POST", f"{V1}/projects", project)

    def update_project(self, project_id: int, patch: TagPatch) -> TagRead:
        return self._ask(TagRead, "PATCH", f"{V1}/projects/{project_id}", patch)

    # -- Notifications and audit ----------------------------------------------------------------------------------

    def list_notifications(
        self, *, unread: bool = False, cursor: str | None = None, limit: int = 25
    ) -> NotificationPage:
        params = {**_paging(cursor, limit), **({"unread": "true"} if unread else {})}
        return self._ask(NotificationPage, "GET", f"{V1}/notifications", params=params)

    def count_notifications(self) -> NotificationCount:
        return self._ask(NotificationCount, "GET", f"{V1}/notifications/count")

    def read_notifications(self, ids: Sequence[int] | None = None) -> None:
        seen = NotificationsSeen() if ids is None else NotificationsSeen(ids=list(ids))
        self._tell("POST", f"{V1}/notifications/read", seen)

    def list_channels(self) -> list[ChannelRead]:
        return self._ask(list[ChannelRead], "GET", f"{V1}/channels")

    def add_channel(self, channel: ChannelCreate) -> ChannelRead:
        body = {**channel.model_dump(mode="json", exclude_unset=True), "address": channel.address.get_secret_value()}
        return self._ask(ChannelRead, "POST", f"{V1}/channels", json=body)

    def update_channel(self, channel_id: int, patch: ChannelPatch) -> ChannelRead:
        return self._ask(ChannelRead, "PATCH", f"{V1}/channels/{channel_id}", patch)

    def remove_channel(self, channel_id: int) -> None:
        self._tell("DELETE", f"{V1}/channels/{channel_id}")

    def test_channel(self, channel_id: int) -> ChannelRead:
        """Let a test message be sent; how it went is to be read in the channel a moment later."""
        return self._ask(ChannelRead, "POST", f"{V1}/channels/{channel_id}/test")

    def list_audit(self, *, cursor: str | None = None, limit: int = 25) -> AuditPage:
        return self._ask(AuditPage, "GET", f"{V1}/audit", params=_paging(cursor, limit))

    def verify_audit(self) -> AuditVerdict:
        return self._ask(AuditVerdict, "GET", f"{V1}/audit/verify")


@lru_cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _paging(cursor: str | None, limit: int) -> dict[str, str | int]:
    return {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}


def _flat(params: dict[str, Any]) -> list[tuple[str, str]]:
    """Query parameters, a list as its key repeated."""
    pairs: list[tuple[str, str]] = []
    for key, value in params.items():
        values: Iterable[Any] = value if isinstance(value, list) else [value]
        pairs += [(key, str(one).lower() if isinstance(one, bool) else str(one)) for one in values]
    return pairs


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None
