"""The HTTP application."""

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from bugflow import __version__
from bugflow.api import (
    accounts,
    attachments,
    audit,
    bugs,
    channels,
    comments,
    duplicates,
    errors,
    experiments,
    feedback,
    health,
    notifications,
    predictions,
    registry,
    stats,
    teams,
)
from bugflow.api.edge import API_PREFIX, Edge, make_limits
from bugflow.api.metrics import Metrics
from bugflow.runtime import Runtime
from bugflow.schemas.problems import Problem


def create_app(runtime: Runtime) -> FastAPI:
    """The app of one installation.

    Raises:
        InvalidSettings: A rate limit cannot be understood.
    """
    app = FastAPIOffline(
        title="BugFlow",
        version=__version__,
        description="A bug tracker that triages itself. Sign in with *Authorize*.",
        responses=errors.PROBLEMS,
        license_info={"name": "Apache-2.0"},
    )
    settings = runtime.settings
    limits = make_limits(settings.rate_limit, settings.token_rate_limit, settings.rate_limit_url)
    app.state.runtime = runtime
    app.state.metrics = Metrics(runtime)
    app.state.limits = limits
    errors.install(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"],
            expose_headers=["ETag", "Link", "X-Request-ID", "Retry-After"],
        )
    app.add_middleware(Edge, runtime=runtime, metrics=app.state.metrics, limits=limits)
    for router in (accounts.router, predictions.router, bugs.router, health.router):
        app.include_router(router)
    v1 = APIRouter(prefix=API_PREFIX)
    for noun in (
        accounts,
        bugs,
        comments,
        attachments,
        duplicates,
        teams,
        notifications,
        channels,
        feedback,
        registry,
        experiments,
        stats,
        audit,
    ):
        v1.include_router(noun.v1)
    app.include_router(v1)
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Put the problem schema, to which every route's errors refer, into the OpenAPI document."""
    make_document = app.openapi

    def openapi() -> dict[str, object]:
        document = make_document()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document
