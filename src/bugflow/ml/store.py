"""What hosts share: whole models in S3, Google Cloud Storage, or any other storage that fsspec knows."""

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from fsspec import AbstractFileSystem, get_filesystem_class, url_to_fs

from bugflow.errors import ArtifactCorrupt, BugFlowError, InvalidSettings, NotFound, StoreUnavailable
from bugflow.ml.folder import MANIFEST, MAX_FILE_BYTES, refused_if_unreadable

OPTIONS: dict[str, dict[str, Any]] = {
    "file": {"auto_mkdir": True},
    "s3": {"use_listings_cache": False},  # other hosts write too
    "gs": {"use_listings_cache": False},
}
EXTRAS = {"s3": "s3", "gs": "gs"}

_PLAIN_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Store:
    """Models at an address, one folder each, laid out as on disk. Make one with `open_store`.

    A folder counts once its manifest is there, and the manifest comes last: nobody sees half a model.

    Attributes:
        url: `s3://BUCKET/FOLDER`, `gs://…`, `file:///…`; of one installation, because names are its own.
    """

    url: str

    def names(self) -> set[str]:
        """The folders there, those without a manifest too.

        Raises:
            StoreUnavailable: It cannot be reached or read.
        """
        with self._reached() as (files, root):
            try:
                found = files.ls(root, detail=False)
            except FileNotFoundError:  # nothing was ever put there
                return set()
            return {path.rstrip("/").rpartition("/")[2] for path in found}

    def find_hash(self, name: str) -> str:
        """SHA-256 of the manifest of a model, hex; empty where there is none.

        Raises:
            StoreUnavailable: It cannot be reached or read.
        """
        with self._reached() as (files, root):
            try:
                return hashlib.sha256(files.cat_file(f"{root}/{name}/{MANIFEST}")).hexdigest()
            except FileNotFoundError:
                return ""

    def put(self, folder: Path) -> None:
        """Upload a model completely or not at all.

        Raises:
            StoreUnavailable: It cannot be reached or written; what was uploaded so far counts for nothing.
        """
        with self._reached() as (files, root):
            place = f"{root}/{folder.name}"
            for path in sorted(folder.iterdir()):
                if path.name != MANIFEST:
                    files.put_file(str(path), f"{place}/{path.name}")
            files.put_file(str(folder / MANIFEST), f"{place}/uploading-{MANIFEST}")  # on a disk it can be cut short
            files.mv(f"{place}/uploading-{MANIFEST}", f"{place}/{MANIFEST}")

    def fetch(self, name: str, folder: Path, *, manifest_hash: str = "") -> None:
        """Download a model into an empty folder, and check every byte of it.

        Args:
            manifest_hash: What its manifest must hash to; empty where nothing is known of it.

        Raises:
            NotFound: There is none of that name.
            ArtifactCorrupt: It is not the one that was registered, or was altered.
            StoreUnavailable: It cannot be reached or read.
        """
        place = f"{self.url}/{name}"
        with self._reached() as (files, root):
            try:
                manifest: bytes = files.cat_file(f"{root}/{name}/{MANIFEST}")
            except FileNotFoundError:
                raise NotFound(what=f"model in {self.url} called", key=name) from None
            if manifest_hash and hashlib.sha256(manifest).hexdigest() != manifest_hash:
                raise ArtifactCorrupt(path=place, reason="it is not the one that was registered.")
            with refused_if_unreadable(place):
                described: dict[str, Mapping[str, Any]] = dict(json.loads(manifest)["files"])
                sizes = {file: int(described[file]["size_bytes"]) for file in described}
            for file, size in sizes.items():
                if not _PLAIN_NAME.fullmatch(file) or not 0 <= size <= MAX_FILE_BYTES:
                    raise ArtifactCorrupt(path=place, reason=f"its manifest names {file!r} of {size} bytes.")
                _download(files, f"{root}/{name}/{file}", folder / file, size=size, whole=described[file]["sha256"])
            (folder / MANIFEST).write_bytes(manifest)

    def check(self) -> None:
        """Write, read and remove a small file.

        Raises:
            StoreUnavailable: One of these fails; says which.
        """
        written = uuid4().hex.encode()
        with self._reached() as (files, root):
            path = f"{root}/.check-{written.decode()}"
            files.pipe_file(path, written)
            if files.cat_file(path) != written:
                raise StoreUnavailable(url=self.url, reason="it gives back other bytes than were written.")
            files.rm_file(path)

    @contextmanager
    def _reached(self) -> Iterator[tuple[AbstractFileSystem, str]]:
        """The storage and our place in it; whatever it raises, and each kind has its own errors, becomes ours."""
        try:
            files, root = url_to_fs(self.url, **OPTIONS.get(_kind(self.url), {}))
            yield files, root.rstrip("/")
        except BugFlowError:
            raise
        except Exception as error:
            raise StoreUnavailable(url=self.url, reason=_advice(error)) from error


def open_store(url: str) -> Store:
    """The store at an address; nothing is reached yet.

    Raises:
        InvalidSettings: No such kind of storage is known, or the package for it is missing.
    """
    kind = _kind(url)
    try:
        get_filesystem_class(kind)
    except ValueError as error:
        reason = f"BUGFLOW_MODEL_STORE: nothing is known of {kind}://. Use s3://, gs:// or file:///."
        raise InvalidSettings(reason=reason) from error
    except ImportError as error:
        extra = EXTRAS.get(kind)
        how = f"Install the extra `{extra}`: pip install -c constraints.txt 'bugflow[{extra}]'" if extra else str(error)
        raise InvalidSettings(
            reason=f"BUGFLOW_MODEL_STORE names {kind}://, and the package for it is missing. {how}"
        ) from error
    return Store(url.rstrip("/"))


def _kind(url: str) -> str:
    return url.partition("://")[0]


def _download(files: AbstractFileSystem, source: str, to: Path, *, size: int, whole: str) -> None:
    """One file, on disk to stay, of the size and hash that the manifest says."""
    try:
        if files.size(source) == size:  # before a disk is filled with something else
            files.get_file(source, str(to))
    except FileNotFoundError:
        raise ArtifactCorrupt(path=source, reason="the manifest names it, and it is not there.") from None
    if not to.is_file():
        raise ArtifactCorrupt(path=source, reason=f"it has not the {size} bytes that its manifest says.")
    with to.open("rb+") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    if found != whole:
        raise ArtifactCorrupt(path=source, reason="it was changed after it was saved.")


def _advice(error: Exception) -> str:
    told = str(error).rstrip(".") or "no more is known"
    if isinstance(error, PermissionError):
        return f"it refuses ({told}). Check the credentials, and that they may list, read, write and delete there."
    if isinstance(error, FileNotFoundError):
        return f"there is no such place ({told}). Make the bucket, or correct BUGFLOW_MODEL_STORE."
    return f"{type(error).__name__}: {told}. Check that it runs, that this host reaches it, and the credentials."
