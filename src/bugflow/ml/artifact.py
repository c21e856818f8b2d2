"""Models on disk: a folder whose manifest names every file, its hash, and every array in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from bugflow.errors import Ambiguous, ArtifactCorrupt, NotFound
from bugflow.ml.calibration import Bar, Calibration
from bugflow.ml.classifier import LinearModel, Meaning, Vocabulary
from bugflow.ml.encoder import Encoder, load_encoder
from bugflow.ml.evaluation import EvaluationRows, check_rows, describe
from bugflow.ml.features import SCHEME, SIGNALS, Field
from bugflow.ml.folder import MANIFEST, read_folder, refused_if_unreadable, to_json, write_folder
from bugflow.ml.network import FORMAT as TRANSFORMER_FORMAT
from bugflow.ml.network import NETWORK, TOKENIZER, TransformerModel, decode_network, encode_network

FORMAT = "bugflow-linear-1"
WEIGHTS, LABELS, CALIBRATION = "weights.safetensors", "labels.json", "calibration.json"
RECIPE, REPORT, CARD = "recipe.json", "report.json", "card.md"
FILES = (WEIGHTS, LABELS, CALIBRATION, RECIPE, REPORT, CARD)
EVALUATION = "evaluation.safetensors"  # may be missing: of models of words alone, of networks, of older ones
READ = ("meaning", "learned")  # the parts of a model that score a text's vector; each may be missing
TRANSFORMER_FILES = (NETWORK, TOKENIZER, LABELS, CALIBRATION, RECIPE, REPORT, CARD)

TASK_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
MODEL_NAME = re.compile(TASK_NAME.pattern + r"-[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """One saved model.

    Attributes:
        name: Of the folder, `severity-1`: task and number.
        task: What it predicts; any word of lower-case letters, digits and `_`.
        recipe: All knobs of the training run, as JSON.
        report: What was measured, as JSON.
        card: Markdown for people.
        evaluation: What it and all that are adapted from it are asked by the gate; None for nothing.
    """

    name: str
    task: str
    model: LinearModel | TransformerModel
    calibration: Calibration
    recipe: Mapping[str, Any]
    report: Mapping[str, Any]
    card: str
    evaluation: EvaluationRows | None = None


def artifact_name(path: Path) -> str:
    """The name that a folder gives its model; refused unless it reads `task-number`.

    Raises:
        ArtifactCorrupt: It does not.
    """
    name = path.name
    if not MODEL_NAME.fullmatch(name):
        raise ArtifactCorrupt(path=path, reason="a model folder is named like `severity-1`: a task and a number.")
    return name


def find_artifact(path: Path) -> Path:
    """A model folder itself, or the newest model in a folder that holds those of one task, as `bugflow train` left it.

    Raises:
        NotFound: There is no model.
        Ambiguous: There are models of several tasks.
    """
    if (path / MANIFEST).exists() or MODEL_NAME.fullmatch(path.name):
        return path
    found = [folder.parent for folder in path.glob(f"*/{MANIFEST}") if MODEL_NAME.fullmatch(folder.parent.name)]
    if not found:
        raise NotFound(what="model", key=path)
    if len({folder.name.rpartition("-")[0] for folder in found}) > 1:
        raise Ambiguous(what=f"model in {path}", choices=", ".join(sorted(folder.name for folder in found)))
    return max(found, key=lambda folder: int(folder.name.rpartition("-")[2]))


def save_artifact(artifact: Artifact, path: Path) -> None:
    """Write a model folder in full or not at all: into a temporary folder beside it, then renamed.

    The same artifact gives the same bytes.

    Raises:
        AlreadyExists: There is something at `path` already; models are never overwritten.
    """
    manifest: dict[str, Any] = {
        "name": artifact.name,
        "task": artifact.task,
        "n_labels": len(artifact.model.labels),
    }
    if isinstance(artifact.model, TransformerModel):
        manifest |= {"format": TRANSFORMER_FORMAT, "max_tokens": artifact.model.max_tokens}
    else:
        tensors = {
            name: {"shape": list(array.shape), "dtype": str(array.dtype)}
            for name, array in sorted(_tensors(artifact.model).items())
        }
        read = artifact.model.meaning or artifact.model.learned
        manifest |= {"format": FORMAT, "features": SCHEME, "tensors": tensors}
        manifest |= {"encoder": read.encoder.name if read else None, "reads_all": not artifact.model.familiar}
        manifest |= {"corrected": sorted(artifact.model.corrected)}
    if artifact.evaluation:
        manifest |= {"evaluation": describe(artifact.evaluation)}
    write_folder(path, _encode(artifact), manifest)


def load_artifact(path: Path) -> Artifact:
    """Read a model folder after checking all of it.

    Raises:
        ArtifactCorrupt: The folder is missing, truncated, altered, from elsewhere, holds other or linked files, or its
            arrays are not what the manifest says.
    """
    name = artifact_name(path)
    manifest, contents = read_folder(
        path, files={FORMAT: FILES, TRANSFORMER_FORMAT: TRANSFORMER_FILES}, optional=[EVALUATION]
    )
    with refused_if_unreadable(path):
        if manifest["name"] != name:
            raise _refused(path, f"it was saved as {manifest['name']}.")
        return _decode(path, manifest, contents)


def _decode(path: Path, manifest: dict[str, Any], contents: dict[str, bytes]) -> Artifact:
    labels = tuple(str(label) for label in json.loads(contents[LABELS]))
    k = manifest["n_labels"]
    if not len(labels) == len(set(labels)) == k:
        raise _refused(path, "the labels are not those of the manifest.")
    calibration = _decode_calibration(path, json.loads(contents[CALIBRATION]), k=k)
    model: LinearModel | TransformerModel
    if manifest["format"] == TRANSFORMER_FORMAT:
        model = decode_network(path, contents, labels=labels, max_tokens=manifest["max_tokens"])
    else:
        model = _decode_linear(path, manifest, contents, labels=labels)
        if not manifest["reads_all"]:
            model = replace(model, familiar=frozenset(calibration.shares))
        model = replace(model, corrected=frozenset(map(str, manifest.get("corrected", []))))
    evaluation = None
    if EVALUATION in contents:
        n_projects = len(calibration.shares)
        evaluation = check_rows(load(contents[EVALUATION]), manifest["evaluation"], n_labels=k, n_projects=n_projects)
    return Artifact(
        name=path.name,
        task=str(manifest["task"]),
        model=model,
        calibration=calibration,
        recipe=json.loads(contents[RECIPE]),
        report=json.loads(contents[REPORT]),
        card=contents[CARD].decode("utf-8"),
        evaluation=evaluation,
    )


def _decode_linear(
    path: Path, manifest: dict[str, Any], contents: dict[str, bytes], *, labels: tuple[str, ...]
) -> LinearModel:
    if manifest["features"] != SCHEME:
        raise _refused(path, f"it has features {manifest['features']}.")
    tensors = load(contents[WEIGHTS])
    described = {name: {"shape": list(array.shape), "dtype": str(array.dtype)} for name, array in tensors.items()}
    if described != manifest["tensors"]:
        raise _refused(path, "the arrays are not those of the manifest.")
    n_features, k = len(tensors["keys"]), len(labels)
    expected = {"keys": (n_features,), "idf": (n_features,), "weights": (n_features, k), "intercept": (k,)}
    expected |= {"signals": (len(SIGNALS), k), "scales": (len(Field) + 1,)}
    encoder = _encoder_named(path, manifest["encoder"])
    read = [name for name in READ if name in tensors]
    if encoder:
        for name in read:
            expected |= {name: (encoder.n_dimensions, k), f"{name}_intercept": (k,)}
    if tensors.keys() != expected.keys() or any(tensors[name].shape != shape for name, shape in expected.items()):
        raise _refused(path, "labels and arrays do not fit together.")
    if (
        not all(np.isfinite(array).all() for array in tensors.values())
        or (np.diff(tensors["keys"].astype(int)) <= 0).any()
    ):
        raise _refused(path, "its arrays hold values that no training gives.")
    weights = np.concatenate([tensors["weights"].astype(np.float64), tensors["signals"].astype(np.float64)])
    vocabulary = Vocabulary(tensors["keys"], tensors["idf"].astype(np.float32), tensors["scales"])
    parts = {
        name: Meaning(encoder, tensors[name].astype(np.float64), tensors[f"{name}_intercept"].astype(np.float64))
        for name in read
        if encoder
    }
    return LinearModel(
        labels,
        vocabulary,
        weights,
        tensors["intercept"].astype(np.float64),
        meaning=parts.get("meaning"),
        learned=parts.get("learned"),
    )


def _encoder_named(path: Path, name: str | None) -> Encoder | None:
    """The shipped encoder, refused if vectors of another one are asked for."""
    if name is None:
        return None
    encoder = load_encoder()
    if encoder.name != name:
        raise _refused(path, f"it reads texts with the encoder {name}, here is {encoder.name}: train it again.")
    return encoder


def _decode_calibration(path: Path, stored: dict[str, Any], *, k: int) -> Calibration:
    bars = {
        float(promise): Bar(tuple(map(float, bar["thresholds"])), float(bar["coverage"]), float(bar["precision"]))
        for promise, bar in stored["bars"].items()
    }
    calibration = Calibration(
        float(stored["temperature"]),
        tuple(map(float, stored["bias"])),
        tuple(tuple(map(float, row)) for row in stored["costs"]),
        bars,
        {str(project): tuple(map(float, row)) for project, row in stored["shares"].items()},
        _decode_calibration(path, stored["strangers"], k=k) if stored["strangers"] else None,
    )
    rows = [calibration.bias, *calibration.costs, *calibration.shares.values()]
    widths = {len(calibration.costs), *map(len, rows), *(len(bar.thresholds) for bar in bars.values())}
    if widths != {k} or not 0 < calibration.temperature < np.inf or not np.isfinite(rows).all():
        raise _refused(path, "the calibration does not fit the labels.")
    return calibration


def _encode_calibration(calibration: Calibration) -> dict[str, Any]:
    return {
        "temperature": calibration.temperature,
        "bias": calibration.bias,
        "costs": calibration.costs,
        "bars": {
            f"{promise:.2f}": {"thresholds": bar.thresholds, "coverage": bar.coverage, "precision": bar.precision}
            for promise, bar in calibration.bars.items()
        },
        "shares": calibration.shares,
        "strangers": _encode_calibration(calibration.strangers) if calibration.strangers else None,
    }


def _encode(artifact: Artifact) -> dict[str, bytes]:
    model = artifact.model
    own = encode_network(model) if isinstance(model, TransformerModel) else {WEIGHTS: save(_tensors(model))}
    if artifact.evaluation:
        own[EVALUATION] = save(artifact.evaluation.tensors())
    return own | {
        LABELS: to_json(artifact.model.labels),
        CALIBRATION: to_json(_encode_calibration(artifact.calibration)),
        RECIPE: to_json(artifact.recipe),
        REPORT: to_json(artifact.report),
        CARD: artifact.card.encode("utf-8"),
    }


def _tensors(model: LinearModel) -> dict[str, np.ndarray[Any, Any]]:
    """As stored; training rounds to these precisions before it calibrates, so nothing is lost."""
    n_features = len(model.vocabulary.keys)
    read: dict[str, np.ndarray[Any, Any]] = {}
    for name in READ:
        if (part := getattr(model, name)) is not None:
            read |= {name: part.weights.astype(np.float32), f"{name}_intercept": part.intercept}
    return read | {
        "idf": model.vocabulary.idf.astype(np.float16),
        "intercept": model.intercept.astype(np.float64),
        "keys": model.vocabulary.keys,
        "scales": model.vocabulary.scales.astype(np.float32),
        "signals": model.weights[n_features:].astype(np.float32),
        "weights": np.ascontiguousarray(model.weights[:n_features].astype(np.float16)),
    }


def _refused(path: Path, reason: str) -> ArtifactCorrupt:
    return ArtifactCorrupt(path=path, reason=reason)
