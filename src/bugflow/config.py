"""All settings: typed, described, read from `BUGFLOW_…` variables."""

import os
import re
import secrets
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bugflow.errors import InvalidSettings

MIN_SECRET_BYTES = 32
"""RFC 7518, 3.2: a key of at least the hash's size for HS256."""

_KNOWN_SECRETS = ("secret", "changeme", "change-me", "change_me", "password", "your-secret", "09d25e094faa6ca2556c")


class Settings(BaseSettings):
    """Every knob of BugFlow. Names carry their unit."""

    model_config = SettingsConfigDict(env_prefix="BUGFLOW_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default_factory=lambda: Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "bugflow",
        description="Folder of everything BugFlow keeps: database, secret, models.",
    )
    database_url: str = Field("", description="sqlite:///PATH or postgresql://…; empty: bugflow.db in the data folder.")
    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs access tokens, at least 32 bytes; empty: generated once in the data folder."
    )
    admin_password: SecretStr = Field(
        SecretStr(""), description="Password of the administrator that a first start creates; empty: one is printed."
    )
    access_token_minutes: int = Field(30, ge=1, le=1440, description="How long an access token lives.")
    refresh_token_days: int = Field(14, ge=1, le=365, description="How long a sign-in can be refreshed.")
    rate_limit: str = Field("100/minute", description="Requests of each user, or of each address when not signed in.")
    token_rate_limit: str = Field("10/minute", description="Attempts to sign in, per account and per address.")
    rate_limit_url: str = Field("memory://", description="Where the counters lie: memory:// or redis://HOST:PORT.")
    cors_origins: list[str] = Field([], description='Origins whose pages may call the API, as JSON: ["https://a.b"].')
    body_limit_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, attachments apart.")
    attachment_limit_bytes: int = Field(10_485_760, ge=1024, description="Largest attachment.")
    attachments_per_bug: int = Field(20, ge=1, description="How many attachments a bug can have.")
    models_dir: Path | None = Field(
        None, description="Folder of model artifacts (severity-1, team-1, …); empty: the models that ship with BugFlow."
    )
    model_store: str = Field(
        "",
        description="Where hosts share what they train: s3://BUCKET/FOLDER (extra `s3`), gs://BUCKET/FOLDER (extra "
        "`gs`) or file:///FOLDER, of this installation alone; empty: models stay in the data folder.",
    )
    machine_sets_critical: bool = Field(
        False, description="Whether the machine may set `critical` on its own; else it sets `high` and asks a person."
    )
    spot_check_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share of new reports that people check at random, to measure how often it is right.",
    )
    retrain_after_corrections: int = Field(50, ge=1, description="New corrections that begin a retraining.")
    retrain_cron: str = Field(
        "", description="When to retrain besides, as a cron line in UTC (`0 4 * * 1`: Mondays at four); empty: never."
    )
    promote_automatically: bool = Field(
        True, description="Whether a retrained model that passed the gate answers at once; else a PM promotes it."
    )
    mlflow_url: str = Field(
        "",
        description="Tracking address of an MLflow server that is told of each retraining (extra `mlflow`); its keys "
        "belong in MLFLOW_TRACKING_USERNAME and its like; empty: none is.",
    )
    jobs_in_api: bool = Field(True, description="Whether `bugflow api` also runs jobs when the database is SQLite.")
    worker_id: str = Field(
        "",
        description="Name of this process among the workers on PostgreSQL, its own and the same after each start: "
        "under it unfinished jobs are found again; empty: the host name.",
    )
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="The mail server, as mailtos://USER:PASSWORD@HOST?from=bugs@example.com (mailto:// without TLS); "
        "empty: people cannot be told by e-mail.",
    )
    public_url: str = Field("", description="Where people open the pages, for links in messages; empty: none.")
    digest_hour: int = Field(6, ge=0, le=23, description="The hour, in UTC, at which daily digests go out.")
    allow_private_receivers: bool = Field(
        False, description="Whether channels of people may lead to addresses in private networks."
    )
    language: str = Field(
        "en", description="Language of the pages for those who chose none and whose browser asks for none there is."
    )
    locales_dir: Path | None = Field(
        None, description="Folder of further languages of the pages: fr.po, pt_BR.po, …; see howto/add-a-language."
    )
    api_url: str = Field("http://127.0.0.1:8000", description="Where the UI finds the API.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="What is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: console on a terminal, else JSON."
    )

    @field_validator("data_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url", mode="after")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://", "postgres://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value.replace("postgres://", "postgresql://", 1) if value.startswith("postgres://") else value

    @field_validator("smtp_url", mode="after")
    @classmethod
    def _known_mail_server(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not value.get_secret_value().startswith(("mailto://", "mailtos://")):
            raise ValueError("must start with mailto:// or mailtos://")
        return value

    @field_validator("public_url", mode="after")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("must start with https:// or http://")
        return value.rstrip("/")

    @field_validator("model_store", mode="after")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value and not re.fullmatch(r"[a-z][a-z0-9]*://[^@?#]*[^@?#/]/?", value):
            raise ValueError("must be like s3://BUCKET/FOLDER; keys belong in AWS_ACCESS_KEY_ID and its like")
        return value

    @field_validator("secret_key", mode="after")
    @classmethod
    def _strong_secret(cls, value: SecretStr) -> SecretStr:
        secret = value.get_secret_value()
        if secret and (
            len(secret.encode()) < MIN_SECRET_BYTES
            or len(set(secret)) < 8
            or any(known in secret.casefold() for known in _KNOWN_SECRETS)
        ):
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} random bytes; for one run: openssl rand -hex 32")
        return value

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'bugflow.db'}"

    @property
    def is_sqlite(self) -> bool:
        return self.database.startswith("sqlite")

    @property
    def job_runner(self) -> str:
        """Under which name jobs run here; on SQLite, which one host has, all processes are one runner."""
        return "local" if self.is_sqlite else self.worker_id or socket.gethostname()

    def signing_key(self) -> str:
        """The secret that signs tokens; generated once, readable by its owner only, where none is set.

        Raises:
            InvalidSettings: The data folder cannot be written, or the kept secret is too short.
        """
        given = self.secret_key.get_secret_value()
        if given:
            return given
        path = self.data_dir / "secret.key"
        try:
            if not path.exists():
                self.data_dir.mkdir(parents=True, exist_ok=True)
                _write_secret(path)
            kept = path.read_text().strip()
        except OSError as error:
            raise InvalidSettings(reason=f"{path} cannot be written or read ({error.strerror}).") from error
        if len(kept) < MIN_SECRET_BYTES:
            raise InvalidSettings(reason=f"{path} is too short. Delete it and start again; everyone signs in anew.")
        return kept


def _write_secret(path: Path) -> None:
    """Make a secret, in full or not at all; where several processes start at once, the first one's stays."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".secret-") as file:  # mode 0600
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; `overrides` win.

    Raises:
        InvalidSettings: A value is of the wrong kind or out of range; names the variable.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        problems = "; ".join(
            f"BUGFLOW_{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise InvalidSettings(reason=problems) from error
