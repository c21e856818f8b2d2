"""The app's routes and what each declares."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from bugflow.api.deps import Anyone, May
from bugflow.domain.accounts import Action

UNDECLARED = {"/openapi.json", "/static-offline-docs", "/docs", "/docs/oauth2-redirect", "/redoc"}
"""The framework's documentation pages, which need no sign-in."""


@dataclass(frozen=True)
class Declared:
    """One method of one route.

    Attributes:
        action: None where anyone may.
    """

    method: str
    path: str
    action: Action | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _guards(dependant: Dependant) -> list[May | Anyone]:
    found = [dependant.call] if isinstance(dependant.call, May | Anyone) else []
    return [*found, *(guard for child in dependant.dependencies for guard in _guards(child))]


def declared_routes(app: FastAPI) -> list[Declared]:
    """All routes of ours; one that declares nothing, or more than one thing, raises."""
    routes = []
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if path in UNDECLARED:
            continue
        guards = _guards(context.dependant)
        if len(guards) != 1:
            raise LookupError(f"{context.methods} {path} declares {len(guards)} actions instead of one")
        action = guards[0].action if isinstance(guards[0], May) else None
        routes += [Declared(method, path, action) for method in sorted(context.methods or ())]
    return routes
