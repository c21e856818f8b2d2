"""The composition root: everything that a use case is handed, built once at the edge."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import structlog
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from bugflow.config import Settings
from bugflow.db import migrations
from bugflow.db.engine import Database, make_engine
from bugflow.errors import ArtifactCorrupt, DatabaseOutdated, InvalidSettings
from bugflow.ml.duplicates.ranker import load_ranker
from bugflow.ml.duplicates.search import RANKER_TASK, SHIPPED_RANKER, DuplicateSearch, NoSearch, make_search
from bugflow.ml.encoder import load_encoder
from bugflow.ml.live import LivePredictor
from bugflow.ml.predictor import Assessor, find_newest
from bugflow.ml.shelf import Shelf
from bugflow.ml.store import open_store
from bugflow.notify.notifier import Notifier
from bugflow.services import live, memory
from bugflow.services.bugs.reporting import TriagePolicy
from bugflow.services.duplicates import fingerprints
from bugflow.services.sign_ins import Tokens

Clock = Callable[[], datetime]

SWAP_SECONDS = 2.0  # how often a process looks which models are to answer; five seconds are promised

log = structlog.get_logger()


@dataclass(frozen=True)
class Runtime:
    """One installation. A second tenant is a second Runtime: its own database, its own models."""

    settings: Settings
    database: Database
    predictor: Assessor
    duplicates: DuplicateSearch
    tokens: Tokens
    clock: Clock

    @property
    def shelf(self) -> Shelf:
        """Where this installation's models lie."""
        return open_shelf(self.settings)

    @property
    def notifier(self) -> Notifier:
        """How people are told outside of this installation."""
        return Notifier(
            mail_server=self.settings.smtp_url.get_secret_value(),
            allow_private=self.settings.allow_private_receivers,
            pages_url=self.settings.public_url,
            daily_hour=self.settings.digest_hour,
        )

    @property
    def policy(self) -> TriagePolicy:
        settings = self.settings
        return TriagePolicy(settings.machine_sets_critical, spot_check_share=settings.spot_check_share)


def utc_now() -> datetime:
    return datetime.now(UTC)


def make_passwords() -> PasswordHash:
    """Argon2id for new passwords (pwdlib's defaults, RFC 9106's second choice); bcrypt is verified and upgraded."""
    return PasswordHash((Argon2Hasher(), BcryptHasher()))


def make_tokens(settings: Settings, passwords: PasswordHash) -> Tokens:
    return Tokens(
        key=settings.signing_key(),
        access_seconds=settings.access_token_minutes * 60,
        refresh_seconds=settings.refresh_token_days * 86_400,
        passwords=passwords,
        dummy_hash=passwords.hash("nobody has this password"),
    )


def open_database(settings: Settings) -> Database:
    """Connect; the SQLite file's folder is made where it is missing.

    Raises:
        InvalidSettings: The folder cannot be made.
    """
    if settings.is_sqlite:
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidSettings(reason=f"{settings.data_dir} cannot be made ({error.strerror}).") from error
    return Database(make_engine(settings.database))


def open_shelf(settings: Settings) -> Shelf:
    """Where an installation's models lie, and the store that its hosts share, if any.

    Raises:
        InvalidSettings: The store is of no known kind, or the package for it is missing.
    """
    store = open_store(settings.model_store) if settings.model_store else None
    return Shelf(settings.data_dir / "models", settings.models_dir, store)


def check_schema(database: Database) -> None:
    """Let pass a database that this version understands.

    Raises:
        DatabaseOutdated: It must be migrated first.
        DatabaseUnavailable: It does not answer.
    """
    head = migrations.head_revision()
    with database.read():  # which tells in our words that the database does not answer
        current = migrations.current_revision(database.engine)
    if current != head:
        raise DatabaseOutdated(current=current or "none (empty)", head=head)


def open_search(database: Database, models_dir: Path | None = None) -> DuplicateSearch:
    """The search for bugs that say the same; one that finds nothing, and says why, where its files cannot be used.

    The ranker is the newest `duplicates-1`, … of the folder of models, or the shipped one; the encoder is the one in
    that folder whose vectors it was trained on, or the shipped one.
    """
    try:
        newest = find_newest(models_dir, RANKER_TASK) if models_dir else None
        ranker = load_ranker(newest or SHIPPED_RANKER)
        own = models_dir / ranker.encoder.rpartition("-")[0] if models_dir else None
        encoder = load_encoder(own) if own is not None and own.is_dir() else load_encoder()
        ranker.demand_encoder(encoder.name)
        return make_search(encoder=encoder, ranker=ranker, catch_up=fingerprints.follow(database, encoder=encoder.name))
    except ArtifactCorrupt as error:
        return NoSearch(problem=str(error))


def build_runtime(settings: Settings) -> Runtime:
    """Connect, load the models, be ready.

    Raises:
        DatabaseOutdated: The database must be migrated first.
        DatabaseUnavailable: It does not answer.
        InvalidSettings: The data folder, the secret or the model store cannot be used.
    """
    shelf = open_shelf(settings)
    database = open_database(settings)
    check_schema(database)
    duplicates = open_search(database, settings.models_dir)
    return Runtime(
        settings=settings,
        database=database,
        predictor=LivePredictor(
            live.follow(database, shelf), duplicates=duplicates, recall=memory.follow(database, duplicates)
        ),
        duplicates=duplicates,
        tokens=make_tokens(settings, make_passwords()),
        clock=utc_now,
    )


@contextmanager
def watching(look: Callable[[], None], *, seconds: float, name: str) -> Iterator[None]:
    """Look again and again, in a thread of its own, until the block ends; what goes wrong is logged and tried again."""
    ended = Event()

    def watch() -> None:
        while not ended.wait(seconds):
            try:
                look()
            except Exception:
                log.warning("watch_failed", watch=name, exc_info=True)

    thread = Thread(target=watch, name=f"bugflow-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=seconds)


@contextmanager
def following_models(runtime: Runtime) -> Iterator[None]:
    """Take up what is promoted, rolled back or promised, within `SWAP_SECONDS`, until the block ends."""
    predictor = runtime.predictor
    if not isinstance(predictor, LivePredictor):
        yield
        return
    with watching(predictor.refresh, seconds=SWAP_SECONDS, name="models"):
        yield
