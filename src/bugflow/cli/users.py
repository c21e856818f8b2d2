"""`bugflow users`: people, from the command line of whoever owns the data."""

import secrets
import sys
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from bugflow.config import load_settings
from bugflow.domain.accounts import Role
from bugflow.runtime import Runtime, check_schema, make_passwords, open_database, utc_now
from bugflow.schemas.accounts import UserCreate
from bugflow.services import accounts

app = typer.Typer(help="Create and list people.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="User name to sign in with.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    team: Annotated[str | None, typer.Option(help="Their team.")] = None,
    display_name: Annotated[str | None, typer.Option(help="Shown to others; by default the user name.")] = None,
    email: Annotated[str | None, typer.Option(help="Where notifications can go.")] = None,
    admin: Annotated[
        bool | None,
        typer.Option("--admin/--no-admin", help="Whether a PM may manage accounts; by default the first one may."),
    ] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
    ] = False,
) -> None:
    """Create a person."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    database = open_database(load_settings())
    check_schema(database)
    with database.write() as session:
        is_admin = not accounts.has_administrator(session) if admin is None else admin
        body = _checked(
            username=name,
            password=password,
            role=role,
            team=team,
            display_name=display_name,
            email=email,
            is_admin=is_admin and role is Role.PM,
        )
        user = accounts.create_user(session, make_passwords(), actor=None, body=body, now=utc_now())
        rights = ", administrator" if user.is_admin else ""
        created = f"Created {user.username} (id {user.id}, {user.role}{rights})."
    typer.echo(created)


def _checked(**fields: Any) -> UserCreate:
    try:
        return UserCreate(**fields)
    except ValidationError as error:
        # Without the values: one of them is the password.
        problems = (f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors(include_input=False))
        raise typer.BadParameter("; ".join(problems)) from None


@app.command("list")
def list_users() -> None:
    """All people."""
    database = open_database(load_settings())
    check_schema(database)
    table = Table("id", "user name", "name", "role", "team", "state")
    cursor = None
    with database.read() as session:
        while True:
            page = accounts.list_users(session, cursor=cursor, limit=100)
            for user in page.items:
                state = "active" if user.is_active else "inactive"
                role = f"{user.role}{' (administrator)' if user.is_admin else ''}"
                table.add_row(str(user.id), user.username, user.display_name, role, user.team or "", state)
            cursor = page.next_cursor
            if cursor is None:
                break
    Console().print(table)


def create_first_administrator(runtime: Runtime) -> None:
    """Where there are no people yet, make `admin`, with the password of the settings or one that is printed once."""
    with runtime.database.read() as session:
        if accounts.list_users(session, cursor=None, limit=1).items:
            return
    given = runtime.settings.admin_password.get_secret_value()
    password = given or secrets.token_urlsafe(12)
    body = UserCreate(username="admin", password=password, role=Role.PM, is_admin=True, display_name="Administrator")
    with runtime.database.write() as session:
        accounts.create_user(session, runtime.tokens.passwords, actor=None, body=body, now=runtime.clock())
    shown = "the password in BUGFLOW_ADMIN_PASSWORD" if given else f"the password {password} (shown only now)"
    typer.secho(f"\n  First start: sign in as admin with {shown}.", fg=typer.colors.YELLOW)
