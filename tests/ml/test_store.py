"""The model store: whole models or none, whatever it lies on, whatever breaks."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fsspec import AbstractFileSystem, url_to_fs
from tests.ml.builders import tiny_artifact
from tests.ml.stores import S3, running_s3

from bugflow.errors import ArtifactCorrupt, InvalidSettings, NotFound, StoreUnavailable
from bugflow.ml import store as stores
from bugflow.ml.artifact import load_artifact
from bugflow.ml.folder import MANIFEST
from bugflow.ml.shelf import ABANDONED_SECONDS, Shelf, hash_manifest, next_name
from bugflow.ml.store import OPTIONS, Store, open_store


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with running_s3() as s3:
        yield s3


@pytest.fixture(params=["file", "memory", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that nothing was ever put in, on each kind of storage."""
    place = uuid4().hex
    if request.param == "s3":
        request.getfixturevalue("s3").allow(request.getfixturevalue("monkeypatch"))
        return f"s3://bucket/{place}"
    return f"memory://{place}/models" if request.param == "memory" else f"file://{tmp_path}/shared/{place}"


@pytest.fixture
def hosts(url: str, tmp_path: Path) -> list[Shelf]:
    """Two hosts with one store."""
    return [Shelf(tmp_path / name, None, open_store(url)) for name in ("one", "other")]


def raw(url: str) -> tuple[AbstractFileSystem, str]:
    """What lies in the store, behind BugFlow's back."""
    files, root = url_to_fs(url, **OPTIONS.get(url.partition("://")[0], {}))
    return files, str(root)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_model_that_one_host_keeps_another_has_to_the_last_byte(hosts: list[Shelf]) -> None:
    one, other = hosts
    kept = one.keep(tiny_artifact("team-7"))
    fetched = other.get("team-7", manifest_hash=hash_manifest(kept))
    assert fetched == other.own / "team-7"
    assert files_in(fetched) == files_in(kept)
    assert load_artifact(fetched).name == "team-7"
    assert [path.name for path in other.own.iterdir()] == ["team-7"], "nothing half is left"


def test_names_are_taken_on_all_hosts_at_once(hosts: list[Shelf]) -> None:
    one, other = hosts
    assert next_name("team", other.names()) == "team-2"
    one.keep(tiny_artifact("team-7"))
    assert next_name("team", other.names()) == "team-8"
    assert next_name("severity", other.names()) == "severity-2"


def test_what_is_on_the_shelf_is_taken_from_there_though_the_store_is_gone(hosts: list[Shelf], tmp_path: Path) -> None:
    kept = hosts[0].keep(tiny_artifact("team-7"))
    blocked = tmp_path / "blocked"
    blocked.write_text("no folder")
    alone = Shelf(hosts[0].own, None, Store(f"file://{blocked}/models"))
    assert alone.get("team-7", manifest_hash=hash_manifest(kept)) == kept


def test_a_model_that_is_nowhere_is_not_found_and_leaves_nothing(hosts: list[Shelf]) -> None:
    with pytest.raises(NotFound, match="team-9"):
        hosts[0].get("team-9")
    with pytest.raises(NotFound):
        hosts[0].get("../team-9")
    assert list(hosts[0].own.iterdir()) == []


def test_another_model_of_the_name_on_the_shelf_gives_way_to_the_registered_one(hosts: list[Shelf]) -> None:
    one, other = hosts
    registered = hash_manifest(one.keep(tiny_artifact("team-7")))
    mine = other.own / "team-7"
    Shelf(other.own).keep(tiny_artifact("team-7"))
    (mine / MANIFEST).write_text("{}")
    assert hash_manifest(other.get("team-7", manifest_hash=registered)) == registered


def test_a_retraining_that_goes_on_elsewhere_takes_the_model_that_was_put_first(hosts: list[Shelf]) -> None:
    one, other = hosts
    first = hash_manifest(one.keep(tiny_artifact("team-7")))
    again = shutil.copytree(one.own / "team-7", other.own / "team-7")
    (again / MANIFEST).write_text("{}")
    assert hash_manifest(other.keep(tiny_artifact("team-7"))) == first


@pytest.mark.parametrize("name", ["weights.safetensors", "card.md", MANIFEST])
def test_an_altered_object_is_refused_and_nothing_is_left(hosts: list[Shelf], url: str, name: str) -> None:
    one, other = hosts
    registered = hash_manifest(one.keep(tiny_artifact("team-7")))
    files, root = raw(url)
    whole = files.cat_file(f"{root}/team-7/{name}")
    files.pipe_file(f"{root}/team-7/{name}", whole[:-1] + b"~")
    with pytest.raises(ArtifactCorrupt, match=r"changed|not the one"):
        other.get("team-7", manifest_hash=registered)
    files.pipe_file(f"{root}/team-7/{name}", whole[:-1])
    with pytest.raises(ArtifactCorrupt):
        other.get("team-7", manifest_hash=registered)
    files.rm_file(f"{root}/team-7/{name}")
    with pytest.raises((ArtifactCorrupt, NotFound)):
        other.get("team-7", manifest_hash=registered)
    assert list(other.own.iterdir()) == []


@pytest.mark.parametrize(
    "files",
    [
        {"../../evil": {"sha256": "", "size_bytes": 1}},
        {"/evil": {"sha256": "", "size_bytes": 1}},
        {"": {"sha256": "", "size_bytes": 1}},
        {"big": {"sha256": "", "size_bytes": 1 << 60}},
        {"none": {"sha256": "", "size_bytes": -1}},
        {"odd": 7},
        [7],
        "no",
    ],
)
def test_a_manifest_that_reaches_elsewhere_or_is_none_is_refused(tmp_path: Path, files: object) -> None:
    place = tmp_path / "store" / "team-7"
    place.mkdir(parents=True)
    (place / MANIFEST).write_text(json.dumps({"files": files}))
    shelf = Shelf(tmp_path / "own", None, open_store(f"file://{place.parent}"))
    with pytest.raises(ArtifactCorrupt, match="team-7"):
        shelf.get("team-7")
    assert list(shelf.own.iterdir()) == []


class Killed(BaseException):
    """As a process ends that is killed: nothing of ours runs after it, but for the test."""


class Dying:
    """A storage at whose next write, after so many, the process is killed."""

    def __init__(self, files: AbstractFileSystem, n_before: int) -> None:
        self._files, self._left = files, n_before

    def __getattr__(self, name: str) -> Any:
        if name in {"put_file", "mv"}:
            self._left -= 1
            if self._left < 0:
                raise Killed
        return getattr(self._files, name)


@pytest.mark.parametrize("n_before", [0, 3, 6, 7])
def test_killed_in_mid_upload_nothing_is_there_and_the_next_attempt_completes_it(
    hosts: list[Shelf], url: str, monkeypatch: pytest.MonkeyPatch, n_before: int
) -> None:
    one, other = hosts
    files, root = raw(url)
    dying = Dying(files, n_before)
    with monkeypatch.context() as patched:
        patched.setattr(stores, "url_to_fs", lambda *_args, **_more: (dying, root))
        with pytest.raises(Killed):
            one.keep(tiny_artifact("team-7"))
    with pytest.raises(NotFound):
        other.get("team-7")
    kept = one.keep(tiny_artifact("team-7"))
    assert files_in(other.get("team-7", manifest_hash=hash_manifest(kept))) == files_in(kept)


def test_killed_in_mid_download_nothing_half_is_served_and_what_is_left_is_cleared(
    hosts: list[Shelf], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = hosts
    registered = hash_manifest(one.keep(tiny_artifact("team-7")))
    with monkeypatch.context() as patched:
        patched.setattr(stores, "_download", _die)
        patched.setattr(
            "bugflow.ml.shelf.shutil.rmtree", lambda *_args, **_more: None
        )  # a killed process tidies nothing
        with pytest.raises(Killed):
            other.get("team-7", manifest_hash=registered)
    assert not (other.own / "team-7").exists()
    (left,) = other.own.iterdir()
    assert other.get("team-7", manifest_hash=registered).is_dir()
    assert left.exists(), "it could belong to a process that lives"
    one.keep(tiny_artifact("team-8"))
    old = time.time() - ABANDONED_SECONDS - 1
    os.utime(left, (old, old))
    other.get("team-8")
    assert {path.name for path in other.own.iterdir()} == {"team-7", "team-8"}


def _die(*_args: object, **_more: object) -> None:
    raise Killed


@pytest.mark.parametrize("url", ["file", "s3"], indirect=True)  # in fsspec's memory, readers share one position
def test_processes_that_fetch_at_once_all_get_the_model(hosts: list[Shelf], tmp_path: Path) -> None:
    registered = hash_manifest(hosts[0].keep(tiny_artifact("team-7")))
    start = threading.Barrier(4)

    def fetch(shelf: Shelf) -> str:
        start.wait()
        return load_artifact(shelf.get("team-7", manifest_hash=registered)).name

    with ThreadPoolExecutor(4) as pool:
        for attempt in range(5):
            shelf = Shelf(tmp_path / f"host {attempt}", None, hosts[0].store)
            assert set(pool.map(fetch, [shelf] * 4)) == {"team-7"}
            assert [path.name for path in shelf.own.iterdir()] == ["team-7"]


def test_a_store_that_works_passes_its_check_and_keeps_nothing_of_it(url: str) -> None:
    store = open_store(url)
    store.check()
    assert store.names() == set()


USES: list[Callable[[Shelf], object]] = [
    lambda shelf: shelf.get("team-7"),
    lambda shelf: shelf.keep(tiny_artifact("team-7")),
    lambda shelf: open_store(str(shelf.store and shelf.store.url)).check(),
]


@pytest.mark.parametrize("use", USES[:2], ids=["get", "keep"])
def test_a_server_that_is_gone_is_named_with_what_to_do(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, use: Callable[[Shelf], object]
) -> None:
    s3.allow(monkeypatch, AWS_ENDPOINT_URL="http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(StoreUnavailable, match=r"s3://bucket/models cannot be used: .*this host reaches it"):
        use(Shelf(tmp_path / "own", None, open_store("s3://bucket/models")))
    assert not list((tmp_path / "own").glob(".*")), "nothing half is left"


@pytest.mark.parametrize("use", USES[1:], ids=["keep", "check"])
def test_a_bucket_that_does_not_exist_is_not_made_but_named(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, use: Callable[[Shelf], object]
) -> None:
    s3.allow(monkeypatch)
    with pytest.raises(StoreUnavailable, match="Make the bucket"):
        use(Shelf(tmp_path / "own", None, open_store("s3://no-such-bucket/models")))


def test_credentials_that_are_refused_or_missing_are_the_advice(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    s3.allow(monkeypatch)
    store = open_store("s3://bucket/models")
    with s3.refusing(), pytest.raises(StoreUnavailable, match=r"it refuses \(.*\)\. Check the credentials"):
        store.check()
    nowhere = str(tmp_path / "none")
    s3.allow(
        monkeypatch,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=nowhere,
        AWS_SHARED_CREDENTIALS_FILE=nowhere,
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(StoreUnavailable, match=r"(?i)credentials"):
        store.check()


def test_a_store_of_an_unknown_kind_or_without_its_package_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(InvalidSettings, match="nothing is known of nowhere://"):
        open_store("nowhere://bucket")
    monkeypatch.setattr(stores, "get_filesystem_class", _not_installed)
    with pytest.raises(InvalidSettings, match=r"BUGFLOW_MODEL_STORE names s3://.*bugflow\[s3\]"):
        open_store("s3://bucket")
    with pytest.raises(InvalidSettings, match="Install adlfs"):
        open_store("abfs://container")


def _not_installed(kind: str) -> None:
    raise ImportError("Install adlfs to access it")


def test_a_store_that_gives_back_other_bytes_fails_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store("memory://odd/models")
    files, _ = raw(store.url)
    monkeypatch.setattr(type(files), "cat_file", lambda *_args, **_more: b"other")
    with pytest.raises(StoreUnavailable, match="other bytes"):
        store.check()
