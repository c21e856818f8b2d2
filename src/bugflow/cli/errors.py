"""The only place that knows exit codes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from bugflow import errors
from bugflow.errors import BugFlowError, MissingExtra

EXIT_CODES: dict[type[BugFlowError], int] = {
    errors.Invalid: 2,
    errors.Denied: 3,
    errors.NotFound: 4,
    errors.Conflict: 5,
    errors.Unavailable: 6,
    BugFlowError: 1,
}
"""The nearest class in an error's ancestry decides; 2 is also what a misspelt option gives."""


def exit_code_of(error: BugFlowError) -> int:
    return next(EXIT_CODES[kind] for kind in type(error).__mro__ if kind in EXIT_CODES)


def report(error: BugFlowError) -> None:
    typer.secho(f"{error.code}: {error}", fg=typer.colors.RED, err=True)


def is_of_database(error: Exception) -> bool:
    """Whether the database refused outside our transactions, as while its migration is read or changed."""
    database = sys.modules.get("sqlalchemy.exc")  # most commands do without it, and so does this
    return database is not None and isinstance(error, database.OperationalError)


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Name the extra whose packages an import inside the block did not find."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("bugflow"):
            raise
        raise MissingExtra(extra=extra) from error
