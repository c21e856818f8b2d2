"""Write docs/reference from the code, or check that it is current: `python docs/generate.py [--check]`."""
# ruff: noqa: INP001 - a script, no package

import inspect
import os
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import click
import typer
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from module_map import tree
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bugflow import errors
from bugflow.api.app import create_app
from bugflow.api.deps import Anyone, May
from bugflow.api.errors import status_of
from bugflow.cli import build_app
from bugflow.cli.errors import exit_code_of
from bugflow.config import Settings
from bugflow.domain.accounts import PERMISSIONS, Action, Role, Scope
from bugflow.errors import BugFlowError
from bugflow.ml.predictor import Predictor
from bugflow.runtime import Runtime

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
NOTE = "<!-- Written by docs/generate.py from the code: change that, then run `make docs`. -->"
FAMILIES = (errors.Invalid, errors.Denied, errors.NotFound, errors.Conflict, errors.Unavailable)
SCOPES = {Scope.ALL: "yes", Scope.OWN: "own", Scope.NONE: "no"}


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    heads = list(heads)
    return "\n".join([line(heads), line("---" for _ in heads), *(line(row) for row in rows)])


# -- Settings ---


def settings() -> str:
    rows = [
        (f"`BUGFLOW_{name.upper()}`", _kind(field), _default(field), field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return f"""# Settings

Read from the environment when a process starts. `bugflow settings` prints what is in force and where each value comes
from, with secrets hidden. A value that cannot be used ends the start with a message that names the variable.

{table(["variable", "kind", "default", "what it does"], rows)}
"""


def _kind(field: FieldInfo) -> str:
    kind = field.annotation
    choices = getattr(kind, "__args__", ()) if "Literal" in str(kind) else ()
    if choices:
        return ", ".join(f"`{choice}`" for choice in choices)
    limits = [
        f"{'≥' if hasattr(rule, 'ge') else '≤'} {rule.ge if hasattr(rule, 'ge') else rule.le}"
        for rule in field.metadata
    ]
    words = {"Path": "folder", "Path | None": "folder", "str": "text", "SecretStr": "secret", "bool": "true or false"}
    name = kind.__name__ if isinstance(kind, type) and "[" not in str(kind) else str(kind).replace("pathlib.", "")
    return " ".join([words.get(name, {"int": "number", "list[str]": "JSON list"}.get(name, name)), *limits])


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`~/.local/share/bugflow` (`XDG_DATA_HOME` counts)"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return "(empty)" if not value else f"`{value}`"


# -- Errors ---


def error_list() -> str:
    ours = [
        kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, BugFlowError) and kind is not BugFlowError
    ]
    ours.sort(key=lambda kind: inspect.getsourcelines(kind)[1])
    rows = []
    for family in FAMILIES:
        for kind in (kind for kind in ours if issubclass(kind, family)):
            blank = kind.__new__(kind)  # statuses and exit codes go by the class alone
            name = f"**`{kind.__name__}`**" if kind is family else f"`{kind.__name__}`"
            rows.append(
                (name, family.__name__, str(status_of(blank)), str(exit_code_of(blank)), inspect.getdoc(kind) or "")
            )
    return f"""# Errors

Everything that can go wrong on purpose. The name is the `code` of the HTTP answer and the first word of the command
line's message: both are promised to clients, the wording is not. Words in braces are filled in.

Over HTTP an error is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, `instance`, `code`
and, where the request is malformed, `errors` with the path of each field. The framework's own refusals carry the name
of their status as `code` (`NotFound`, `MethodNotAllowed`). What goes wrong by mistake is `InternalError`, 500, with the
request id under which the log knows more.

{table(["code", "family", "HTTP status", "exit code", "message"], rows)}
"""


# -- API ---


def _app() -> FastAPI:
    """The app without a database: enough to ask it what its routes are."""
    runtime = SimpleNamespace(settings=Settings(), predictor=Predictor({}))
    return create_app(cast("Runtime", runtime))


def _guards(dependant: Dependant) -> list[May | Anyone]:
    found = [dependant.call] if isinstance(dependant.call, May | Anyone) else []
    return [*found, *(guard for child in dependant.dependencies for guard in _guards(child))]


def api() -> str:
    app = _app()
    documented = app.openapi()["paths"]
    actions: dict[tuple[str, str], Action | None] = {}
    for context in iter_route_contexts(app.routes):
        path = context.path or ""
        if path in documented:
            guard = _guards(context.dependant)[0]
            for method in context.methods or ():
                actions[method.lower(), path] = guard.action if isinstance(guard, May) else None
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in documented.items():
        for method, route in methods.items():
            action = actions[method, path]
            summary = (route.get("description") or f"{route['summary'].capitalize()}.").split("\n\n")[0]
            may = action.value if action else "anyone"
            by_tag.setdefault(route["tags"][0], []).append((f"`{method.upper()} {path}`", summary, may))
    parts = [f"## {tag.capitalize()}\n\n{table(['call', 'what it does', 'who'], rows)}" for tag, rows in by_tag.items()]
    rights = [
        (action.value, *(SCOPES[PERMISSIONS[action][role]] for role in Role))
        if action is not Action.MANAGE_USERS
        else (action.value, "no", "no", "administrators")
        for action in Action
    ]
    listing = "\n\n".join(parts)
    return f"""# HTTP API

Each running installation describes itself: `/docs` to try it (it works offline), `/openapi.json` for machines. JSON in
and out, times in UTC, unknown fields are refused. `POST /token` gives the token that every other call carries as
`Authorization: Bearer …`. Answers carry `X-Request-ID`; pages carry `next_cursor` and a `Link` header. Failures are
listed under [errors](errors.md).

{listing}

## Roles

"Own" is, for a tester, the bugs they reported while those are open; for a developer, bugs that are assigned to them or
their team, or that they reported; for comments and attachments, one's own.

{table(["what", *(role.value for role in Role)], rights)}
"""


# -- Command line ---


def cli() -> str:
    root = cast("click.Group", typer.main.get_command(build_app()))
    parts = [_command(name, command) for name, command in _commands(root, "bugflow")]
    rows = [
        (f"{code}", ", ".join(f"`{f.__name__}`" for f in FAMILIES if exit_code_of(f.__new__(f)) == code))
        for code in sorted({exit_code_of(family.__new__(family)) for family in FAMILIES})
    ]
    listing = "\n\n".join(parts)
    return f"""# Command line

`bugflow --help` and `bugflow COMMAND --help` say the same. Settings come from the environment, see
[settings](settings.md). An [error](errors.md) is one line on standard error, and its family is the exit code; 1 is
anything else, 2 also a misspelt option.

{table(["exit code", "family"], rows)}

{listing}
"""


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        # Typer's groups and commands are no subclasses of the installed click's in every version: ask for the parts.
        if getattr(command, "commands", None):
            yield from _commands(cast("click.Group", command), f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(name: str, command: click.Command) -> str:
    rows, usage = [], name
    for parameter in command.params:
        words = " ".join((getattr(parameter, "help", None) or "").split())
        is_argument = parameter.param_type_name == "argument"
        shown = (parameter.name or "").upper() if is_argument else ", ".join(parameter.opts + parameter.secondary_opts)
        if not is_argument and "--help" in parameter.opts:
            continue
        if is_argument:
            usage += f" {shown}" if parameter.required else f" [{shown}]"
        elif parameter.required:
            usage += f" {parameter.opts[0]} {(parameter.name or '').upper()}"
        rows.append((f"`{shown}`", words, _parameter_default(parameter)))
    described = f"\n\n{table(['argument or option', 'what it does', 'default'], rows)}" if rows else ""
    return f"## `{name}`\n\n{inspect.cleandoc(command.help or '')}\n\n    {usage}{described}"


def _parameter_default(parameter: click.Parameter) -> str:
    value = parameter.default
    if parameter.required:
        return "(required)"
    if value is None or callable(value) or value == "" or value is False or "Sentinel" in type(value).__name__:
        return ""
    return "yes" if value is True else f"`{getattr(value, 'value', value)}`"


# -- Layers ---


def layers() -> str:
    config: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    order = "\n".join(next(contract for contract in contracts if contract["type"] == "layers")["layers"])
    rules = "\n".join(f"* {contract['name']}." for contract in contracts)
    return f"""# Layers and modules

Imports go down only; what stands on one line never imports each other. `make check` fails where this does not hold.
Why it is so: [layers and noun files](../adr/0001-layers-and-noun-files.md).

```
{order}
```

{rules}

## All modules

```
{tree()}
```
"""


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "errors.md": error_list,
    "api.md": api,
    "cli.md": cli,
    "layers.md": layers,
}


def main() -> int:
    for name in [name for name in os.environ if name.startswith("BUGFLOW_")]:
        del os.environ[name]  # the pages show defaults
    os.environ["COLUMNS"] = "120"
    stale = []
    for name, make in PAGES.items():
        path = REFERENCE / name
        heading, rest = make().split("\n", 1)
        text = f"{heading}\n{NOTE}\n{rest}"
        if path.is_file() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path.relative_to(ROOT).as_posix())
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"Not current: {', '.join(stale)}. Run `make docs` and commit what it writes.\n")
        return 1
    if stale:
        sys.stdout.write(f"Written: {', '.join(stale)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
