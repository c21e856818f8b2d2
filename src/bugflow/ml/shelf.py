"""Where models lie: those that an installation made, those it was given, those that ship with BugFlow."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from bugflow.errors import NotFound
from bugflow.ml.artifact import Artifact, save_artifact
from bugflow.ml.folder import MANIFEST
from bugflow.ml.predictor import SHIPPED_MODELS, find_newest


@dataclass(frozen=True, slots=True)
class Shelf:
    """The folders of models of one installation.

    Attributes:
        own: Where models that it made are kept; made when the first one is.
        given: A folder of models to begin with; None for the shipped ones.
    """

    own: Path
    given: Path | None = None

    def get(self, name: str) -> Path:
        """The folder of a model.

        Raises:
            NotFound: There is none of that name.
        """
        for folder in self._folders():
            if (folder / name).is_dir():
                return folder / name
        raise NotFound(what="model", key=name)

    def find_first(self, task: str) -> Path | None:
        """The model of a task to begin with: the newest that was given, or the shipped one."""
        return find_newest(self.given or SHIPPED_MODELS, task)

    def next_name(self, task: str) -> str:
        """A name that no model of the task has: `severity-7`."""
        newest = [path.name for folder in self._folders() if (path := find_newest(folder, task))]
        return f"{task}-{max((int(name.rpartition('-')[2]) for name in newest), default=0) + 1}"

    def keep(self, artifact: Artifact) -> Path:
        """Save a model, in full or not at all; one of that name that is there already stays."""
        self.own.mkdir(parents=True, exist_ok=True)
        path = self.own / artifact.name
        for left in self.own.glob(f".{artifact.name}-*"):  # by a process that was killed while it saved
            shutil.rmtree(left, ignore_errors=True)
        if not path.exists():
            save_artifact(artifact, path)
        return path

    def _folders(self) -> list[Path]:
        return [self.own, *([self.given] if self.given else []), SHIPPED_MODELS]


def hash_manifest(path: Path) -> str:
    """SHA-256 of a model's manifest, hex; empty where there is none."""
    manifest = path / MANIFEST
    return hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest.is_file() else ""
