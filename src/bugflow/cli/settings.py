"""`bugflow settings`: what is set, and where that comes from."""

import os

import typer
from pydantic import SecretStr

from bugflow.config import Settings, load_settings


def settings() -> None:
    """Print all settings with their source; secrets are hidden."""
    loaded = load_settings()
    given = {name.upper() for name in os.environ}
    for name, field in Settings.model_fields.items():
        variable = f"BUGFLOW_{name.upper()}"
        value = getattr(loaded, name)
        if isinstance(value, SecretStr):
            value = "(hidden)" if value.get_secret_value() else ""
        typer.secho(f"{variable}={value}", bold=True, nl=False)
        typer.echo(f"  ({'environment' if variable in given else 'default'})\n    {field.description}")
