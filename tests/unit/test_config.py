"""Settings: read, checked, and the secret that is made once."""

import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.factories import SECRET, make_settings

from bugflow.config import MIN_SECRET_BYTES, Settings, load_settings
from bugflow.errors import InvalidSettings
from bugflow.runtime import build_runtime, open_database


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUGFLOW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BUGFLOW_ACCESS_TOKEN_MINUTES", "5")
    monkeypatch.setenv("BUGFLOW_CORS_ORIGINS", '["https://a.example"]')
    settings = load_settings(log_level="DEBUG")
    assert settings.data_dir == tmp_path
    assert settings.access_token_minutes == 5
    assert settings.cors_origins == ["https://a.example"]
    assert settings.log_level == "DEBUG"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ACCESS_TOKEN_MINUTES", "0"),
        ("ACCESS_TOKEN_MINUTES", "soon"),
        ("REFRESH_TOKEN_DAYS", "366"),
        ("BODY_LIMIT_BYTES", "-1"),
        ("DATABASE_URL", "mysql://x"),
        ("DATABASE_URL", "bugflow.db"),
        ("LOG_LEVEL", "LOUD"),
        ("SMTP_URL", "smtp://mail.example.com"),
        ("PUBLIC_URL", "bugs.example.com"),
        ("DIGEST_HOUR", "24"),
        ("MODEL_STORE", "bucket/models"),
        ("MODEL_STORE", "s3://"),
        ("MODEL_STORE", "s3://key:secret@bucket"),
        ("MODEL_STORE", "cache::s3://bucket"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(f"BUGFLOW_{variable}", value)
    with pytest.raises(InvalidSettings, match=f"BUGFLOW_{variable}: "):
        load_settings()


@pytest.mark.parametrize("url", ["", "s3://bucket", "s3://bucket/a/b/", "gs://bucket/a", "file:///a b", "memory://x"])
def test_a_model_store_is_an_address_without_keys(url: str) -> None:
    assert load_settings(model_store=url).model_store == url


def test_an_installation_whose_model_store_nobody_knows_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="nothing is known of nowhere://"):
        build_runtime(make_settings(tmp_path, model_store="nowhere://bucket"))


def test_each_worker_on_postgresql_has_its_name_or_that_of_its_host() -> None:
    def shared(worker_id: str) -> Settings:
        return load_settings(database_url="postgresql://db/bugflow", worker_id=worker_id)

    assert shared("one").job_runner == "one"
    assert shared("").job_runner == socket.gethostname()
    assert load_settings(worker_id="one").job_runner == "local"  # on SQLite, which any process here goes on with


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "x" * (MIN_SECRET_BYTES - 1),
        "a" * 64,
        "abcdefg" * 10,  # seven different letters
        "your-secret-key-your-secret-key-your-secret-key",
        "CHANGEME0123456789abcdef0123456789abcdef",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",  # from FastAPI's tutorial
    ],
)
def test_a_weak_or_well_known_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidSettings, match="BUGFLOW_SECRET_KEY") as caught:
        load_settings(secret_key=secret)
    assert secret not in str(caught.value)


def test_a_strong_secret_is_taken_and_never_printed(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    assert settings.signing_key() == SECRET
    assert SECRET not in repr(settings)
    assert not (tmp_path / "secret.key").exists()


def test_a_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "new" / "folder", secret_key="")
    key = settings.signing_key()
    path = settings.data_dir / "secret.key"
    assert len(key.encode()) >= MIN_SECRET_BYTES
    assert path.read_text() == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(settings.data_dir.iterdir()) == [path]
    assert settings.signing_key() == key
    assert make_settings(settings.data_dir, secret_key="").signing_key() == key


def test_two_installations_have_two_secrets(tmp_path: Path) -> None:
    keys = {make_settings(tmp_path / name, secret_key="").signing_key() for name in "ab"}
    assert len(keys) == 2


@pytest.mark.parametrize("round_", range(20))
def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path, round_: int) -> None:
    start = threading.Barrier(8)

    def read(_: int) -> str:
        settings = make_settings(tmp_path, secret_key="")
        start.wait()
        return settings.signing_key()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read, range(8)))) == 1


def test_a_kept_secret_that_is_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("abc")
    with pytest.raises(InvalidSettings, match="too short"):
        make_settings(tmp_path, secret_key="").signing_key()


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    settings = make_settings(blocker / "data", secret_key="")
    with pytest.raises(InvalidSettings, match="file"):
        settings.signing_key()
    with pytest.raises(InvalidSettings, match="cannot be made"):
        open_database(settings)
    with pytest.raises(InvalidSettings, match="cannot be made"):
        build_runtime(settings)


@pytest.mark.parametrize(
    ("url", "is_sqlite"),
    [("", True), ("sqlite:////tmp/x.db", True), ("postgresql://h/d", False), ("postgres://h/d", False)],
)
def test_the_kind_of_database_is_told_by_its_url(tmp_path: Path, url: str, is_sqlite: bool) -> None:
    settings = make_settings(tmp_path, database_url=url)
    assert settings.is_sqlite is is_sqlite
    if not url:
        assert settings.database == f"sqlite:///{tmp_path}/bugflow.db"
    assert not settings.database.startswith("postgres://")


def test_a_relative_or_home_folder_becomes_absolute() -> None:
    assert Settings(data_dir=Path("~/x")).data_dir == Path.home() / "x"
    assert Settings(data_dir=Path("x")).data_dir == Path.cwd() / "x"
