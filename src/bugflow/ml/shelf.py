"""Where models lie: those that an installation made, those it was given, those that ship with BugFlow."""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bugflow.errors import ArtifactCorrupt, NotFound
from bugflow.ml.artifact import MODEL_NAME, Artifact, save_artifact
from bugflow.ml.folder import MANIFEST
from bugflow.ml.predictor import SHIPPED_MODELS, find_newest
from bugflow.ml.store import Store

ABANDONED_SECONDS = 3600  # a model of 1 GB comes over a slow line in a quarter of it


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folders of models of one installation.

    Attributes:
        own: Where models that it made are kept, and those fetched from the store; made when the first one is.
        given: A folder of models to begin with; None for the shipped ones.
        store: What its hosts share; None where there is one host, or one volume for all.
    """

    own: Path
    given: Path | None = None
    store: Store | None = None

    def get(self, name: str, *, manifest_hash: str = "") -> Path:
        """The folder of a model; fetched from the store first where it is not here.

        Args:
            manifest_hash: What its manifest must hash to; empty where nothing is known of it.

        Raises:
            NotFound: There is none of that name.
            ArtifactCorrupt: It is not the one that was registered.
            StoreUnavailable: It is not here, and the store cannot be read.
        """
        found = [folder / name for folder in self._folders() if (folder / name).is_dir()]
        for path in found:
            if manifest_hash in {"", hash_manifest(path)}:
                return path
        if self.store and MODEL_NAME.fullmatch(name):
            try:
                return self._fetch(self.store, name, manifest_hash)
            except NotFound:
                if not found:
                    raise
        if found:
            raise ArtifactCorrupt(path=found[0], reason="it is not the one that was registered.")
        raise NotFound(what="model", key=name)

    def find_first(self, task: str) -> Path | None:
        """The model of a task to begin with: the newest that was given, or the shipped one."""
        return find_newest(self.given or SHIPPED_MODELS, task)

    def names(self) -> set[str]:
        """Every name that is taken, here or in the store.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        here = {path.name for folder in self._folders() for path in folder.glob("*-*")}
        return here | (self.store.names() if self.store else set())

    def keep(self, artifact: Artifact) -> Path:
        """Save a model, here and in the store, in full or not at all; one that is there already stays.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        self.own.mkdir(parents=True, exist_ok=True)
        self._clear(unfinished=artifact.name)
        path = self.own / artifact.name
        if self.store and (there := self.store.find_hash(artifact.name)):
            return self.get(artifact.name, manifest_hash=there)
        if self.store:
            shutil.rmtree(path, ignore_errors=True)  # nobody else has it, so nobody registered it
        if not path.exists():
            save_artifact(artifact, path)
        if self.store:
            self.store.put(path)
        return path

    def _fetch(self, store: Store, name: str, manifest_hash: str) -> Path:
        """Put a model of the store on the shelf, in full or not at all, in place of another one of its name."""
        self.own.mkdir(parents=True, exist_ok=True)
        self._clear()
        path = self.own / name
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self.own))
        try:
            store.fetch(name, temporary, manifest_hash=manifest_hash)
            temporary.chmod(0o755)
            try:
                temporary.rename(path)
            except OSError:  # something is there; what another process fetched meanwhile stays, because it reads it
                if hash_manifest(path) != hash_manifest(temporary):
                    shutil.rmtree(path)
                    temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return path

    def _clear(self, *, unfinished: str = "") -> None:
        """Remove what processes left that were killed while they wrote; a model to be made has one maker at a time."""
        for left in self.own.glob(".*-*"):
            with suppress(FileNotFoundError):  # its process ended well after all
                if left.name.startswith(f".{unfinished}-") or time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    def _folders(self) -> list[Path]:
        return [self.own, *([self.given] if self.given else []), SHIPPED_MODELS]


def next_name(task: str, taken: Collection[str]) -> str:
    """A name for a model of the task that is beyond all those: `severity-7`."""
    numbers = [name.rpartition("-")[2] for name in taken if name.rpartition("-")[0] == task]
    return f"{task}-{max((int(number) for number in numbers if number.isdecimal()), default=0) + 1}"


def hash_manifest(path: Path) -> str:
    """SHA-256 of a model's manifest, hex; empty where there is none."""
    manifest = path / MANIFEST
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""
