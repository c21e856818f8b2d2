"""Folders whose manifest names every file and its hash: written whole or not at all, checked before they are used."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from bugflow.errors import AlreadyExists, ArtifactCorrupt

MANIFEST = "MANIFEST.json"
MAX_FILE_BYTES = 1_024 * 2**20  # a manifest must not make us read a disk full


def write_folder(path: Path, contents: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    """Write all files into a temporary folder beside `path`, then rename it. The same contents give the same bytes.

    Args:
        path: Must not exist.
        contents: The files.
        manifest: What else to say; names, sizes and SHA-256 of the files are added.

    Raises:
        AlreadyExists: There is something at `path`; models are never overwritten.
    """
    if path.exists():
        raise AlreadyExists(what="model", key=path.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    described = {
        name: {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        for name, content in contents.items()
    }
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        for name, content in {**contents, MANIFEST: to_json({**manifest, "files": described})}.items():
            with (temporary / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        temporary.chmod(0o755)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def read_folder(
    path: Path, *, files: Mapping[str, Collection[str]], optional: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of a folder, each as large and with the hash that the manifest says.

    Args:
        path: The folder.
        files: By each format that is understood the files that it consists of.
        optional: Files that any of them may have as well.

    Raises:
        ArtifactCorrupt: The folder is missing, truncated, altered, of another format, or holds other or linked files.
    """
    with refused_if_unreadable(path):
        if path.is_symlink() or not path.is_dir():
            raise ArtifactCorrupt(path=path, reason="it is no folder.")
        found = _plain_files(path)
        if MANIFEST not in found:
            raise ArtifactCorrupt(path=path, reason=f"missing or unexpected: {MANIFEST}.")
        manifest = json.loads((path / MANIFEST).read_bytes())
        if manifest["format"] not in files:
            raise ArtifactCorrupt(path=path, reason=f"it has format {manifest['format']}.")
        expected = set(files[manifest["format"]]) | (set(optional) & set(manifest["files"]))
        if strange := sorted(found ^ {*expected, MANIFEST}):
            raise ArtifactCorrupt(path=path, reason=f"missing or unexpected: {', '.join(strange)}.")
        if set(manifest["files"]) != expected:
            raise ArtifactCorrupt(path=path, reason="the manifest names other files.")
        contents = {name: (path / name).read_bytes() for name in sorted(expected)}
        for name, content in contents.items():
            if hashlib.sha256(content).hexdigest() != manifest["files"][name]["sha256"]:
                raise ArtifactCorrupt(path=path, reason=f"{name} was changed after it was saved.")
        return manifest, contents


def _plain_files(path: Path) -> set[str]:
    found = set()
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
                raise ArtifactCorrupt(path=path, reason=f"{entry.name} is no plain file.")
            if entry.stat(follow_symlinks=False).st_size > MAX_FILE_BYTES:
                raise ArtifactCorrupt(path=path, reason=f"{entry.name} is larger than {MAX_FILE_BYTES} bytes.")
            found.add(entry.name)
    return found


@contextmanager
def refused_if_unreadable(path: Path | str) -> Iterator[None]:
    """Call a folder corrupt whose contents cannot be understood, whatever the reason."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise ArtifactCorrupt(path=path, reason=f"it cannot be read ({type(error).__name__}).") from error


def to_json(value: object) -> bytes:
    """As it is stored: the same value gives the same bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8")
