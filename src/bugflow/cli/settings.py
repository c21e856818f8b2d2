"""`bugflow settings`: what is set, and where that comes from."""

import os
import re

import typer
from pydantic import SecretStr

from bugflow.config import Settings, load_settings

_PASSWORD_IN_URL = re.compile(r"(?<=://)[^/@]*:.*(?=@)|(?<=password=)[^&]+")


def settings() -> None:
    """Print all settings with their source; secrets are hidden."""
    loaded = load_settings()
    given = {name.upper() for name in os.environ}
    for name, field in Settings.model_fields.items():
        variable = f"BUGFLOW_{name.upper()}"
        value = getattr(loaded, name)
        if isinstance(value, SecretStr):
            value = "(hidden)" if value.get_secret_value() else ""
        elif isinstance(value, str):
            value = _PASSWORD_IN_URL.sub("(hidden)", value)
        typer.secho(f"{variable}={value}", bold=True, nl=False)
        typer.echo(f"  ({'environment' if variable in given else 'default'})\n    {field.description}")
