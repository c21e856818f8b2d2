"""The only place that knows HTTP statuses: errors become problem details (RFC 9457)."""

import re
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from bugflow import errors
from bugflow.errors import BugFlowError
from bugflow.schemas.problems import FieldProblem, Problem

log = structlog.get_logger()

STATUSES: dict[type[BugFlowError], int] = {
    errors.Invalid: 422,
    errors.TooLarge: 413,
    errors.Denied: 403,
    errors.NotSignedIn: 401,
    errors.WrongCredentials: 401,
    errors.TooManyRequests: 429,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.LostUpdate: 412,
    errors.Unavailable: 503,
    BugFlowError: 500,
}
"""The nearest class in an error's ancestry decides."""

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 405, 409, 412, 413, 422, 429, 500, 503)
}
"""What every route can answer, for the OpenAPI document."""


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def status_of(error: BugFlowError) -> int:
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def problem_response(
    *,
    path: str,
    status: int,
    code: str,
    detail: str,
    field_problems: list[FieldProblem] | None = None,
    headers: dict[str, str] | None = None,
) -> ProblemResponse:
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, instance=path, code=code, errors=field_problems
    )
    return ProblemResponse(problem.model_dump(exclude_none=True), status_code=status, headers=headers)


def response_to(path: str, error: BugFlowError) -> ProblemResponse:
    """The answer to an error of ours."""
    status = status_of(error)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.TooManyRequests):
        headers["Retry-After"] = str(error.facts["retry_after_seconds"])
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = "5"
        log.error("unavailable", code=error.code, detail=str(error), cause=repr(error.__cause__))
    return problem_response(path=path, status=status, code=error.code, detail=str(error), headers=headers)


def _ours(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, BugFlowError)  # noqa: S101 - registered for it
    return response_to(request.url.path, error)


def _malformed(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    problems = [
        FieldProblem(path=".".join(_printable(part) for part in problem["loc"]), message=problem["msg"])
        for problem in error.errors()
    ]
    malformed = errors.MalformedRequest()
    return problem_response(
        path=request.url.path, status=422, code=malformed.code, detail=str(malformed), field_problems=problems
    )


def _printable(part: object) -> str:
    """A field's name as sent, which may hold what JSON answers cannot."""
    return str(part)[:100].encode("utf-8", "replace").decode()


def _frameworks(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if isinstance(error.__cause__, BugFlowError):
        return response_to(request.url.path, error.__cause__)
    code = re.sub(r"\W", "", HTTPStatus(error.status_code).phrase.title())
    return problem_response(
        path=request.url.path,
        status=error.status_code,
        code=code,
        detail=f"{request.method} {request.url.path}: {error.detail}.",
        headers=dict(error.headers) if error.headers else None,
    )


def install(app: FastAPI) -> None:
    app.add_exception_handler(BugFlowError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _frameworks)
