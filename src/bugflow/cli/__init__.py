"""The command line: one file a noun; a command's modules are loaded only when it is called."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from bugflow.cli.errors import exit_code_of, is_of_database, report
from bugflow.errors import BugFlowError, DatabaseUnavailable

COMMANDS: dict[str, str] = {
    "demo": "bugflow.cli.demo:demo",
    "up": "bugflow.cli.serve:up",
    "api": "bugflow.cli.serve:api",
    "worker": "bugflow.cli.serve:worker",
    "ui": "bugflow.cli.ui:ui",
    "db": "bugflow.cli.db:app",
    "users": "bugflow.cli.users:app",
    "import": "bugflow.cli.imports:import_bugs",
    "predict": "bugflow.cli.predict:predict",
    "explain": "bugflow.cli.explain:explain",
    "duplicates": "bugflow.cli.duplicates:app",
    "train": "bugflow.cli.train:train",
    "adapt": "bugflow.cli.adapt:adapt",
    "retrain": "bugflow.cli.registry:retrain",
    "bench": "bugflow.cli.bench:bench",
    "models": "bugflow.cli.models:app",
    "data": "bugflow.cli.data:app",
    "audit": "bugflow.cli.audit:app",
    "settings": "bugflow.cli.settings:settings",
    "doctor": "bugflow.cli.doctor:doctor",
}
"""Where each command lives, in the order that the help shows them: `module:function` or `module:group`."""


def build_app(names: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """The command line with some of its commands, by default all."""
    app = typer.Typer(
        name="bugflow",
        help="A bug tracker that triages itself.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,  # its traces show local variables, and with them secrets
        rich_markup_mode=None,
    )

    @app.callback()
    def _bugflow() -> None: ...

    for name in names:
        module, attribute = COMMANDS[name].split(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Run the command that was asked for; an error of ours is one clear line and the exit code of its family."""
    asked = next((argument for argument in sys.argv[1:] if argument in COMMANDS), None)
    app = build_app([asked]) if asked else build_app()
    try:
        app()
    except BugFlowError as error:
        report(error)
        sys.exit(exit_code_of(error))
    except Exception as error:
        if not is_of_database(error):
            raise
        report(DatabaseUnavailable())
        sys.exit(exit_code_of(DatabaseUnavailable()))
