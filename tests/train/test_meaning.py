"""Promises of the model that reads the meaning of a whole text beside its words."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.ml.builders import tiny_artifact, tiny_calibration
from tests.ml.trackers import WordEncoder

from bugflow.domain.predictions import BugText, Decision, Task
from bugflow.errors import ArtifactCorrupt
from bugflow.ml.artifact import Artifact, load_artifact, save_artifact
from bugflow.ml.classifier import LinearModel, Meaning
from bugflow.ml.encoder import load_encoder
from bugflow.ml.explain import MEANING
from bugflow.ml.features import extract
from bugflow.ml.predictor import Predictor
from bugflow.ml.text import clean
from bugflow.ml.train.dataset import read_dataset
from bugflow.ml.train.linear import Fitted, fit
from bugflow.ml.train.recipe import Recipe

TEAMS = ("Backend", "Frontend", "Mobile")
FILLER = [f"{first}{second}" for first in ("page", "list", "save", "user") for second in ("ed", "ing", "er", "s")]


class TopicEncoder:
    """A sentence encoder that knows which of the words below belong together, as a real one knows synonyms."""

    name = "topics-1"
    n_dimensions = len(TEAMS)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        counts = [[text.lower().count(team[:3].lower() + "xq") for team in TEAMS] for text in texts]
        return np.asarray(counts, np.float32).reshape(len(texts), self.n_dimensions)

    def remembers(self, text: str) -> bool:
        return True


def write_tracker(path: Path, n: int, *, n_words: int, projects: int) -> Path:
    """Each report holds one of so many words that only its team uses."""
    rng = np.random.default_rng(n_words)
    rows = []
    for number in range(n):
        team = str(rng.choice(TEAMS))
        word = f"{team[:3]}xq" + "".join("abcdefghij"[int(digit)] for digit in str(rng.integers(n_words)))
        words = [*rng.choice(FILLER, 6), word]
        project = f"p{number % projects}" if projects else ""
        rows.append({"title": " ".join(words), "description": "", "team": team, "project": project})
    pl.DataFrame(rows).write_parquet(path)
    return path


def fit_tracker(path: Path, *, encoder: WordEncoder | TopicEncoder | None) -> Fitted:
    data = read_dataset([path], Recipe("team", "team"), encoder=encoder, progress=lambda _: None)
    rows = np.arange(len(data.truth))
    return fit(data, Recipe("team", "team", regularisation=3.0), train=rows[:-1_000], later=rows[-1_000:])


def test_where_words_are_rare_the_meaning_of_every_report_is_read(tmp_path: Path) -> None:
    path = write_tracker(tmp_path / "rare.parquet", 1_500, n_words=100_000, projects=3)
    fitted = fit_tracker(path, encoder=TopicEncoder())
    assert fitted.model.meaning is not None
    assert fitted.model.familiar == frozenset()
    unseen = extract([clean(BugText(f"saved pages {team[:3]}xqzzz", "")) for team in TEAMS])
    _, chosen = fitted.calibration.answer(fitted.model.score(unseen), unseen.projects)
    assert chosen.tolist() == [0, 1, 2]


def test_where_words_say_enough_only_reports_of_unknown_projects_are_read(tmp_path: Path) -> None:
    fitted = fit_tracker(
        write_tracker(tmp_path / "few.parquet", 2_500, n_words=3, projects=2), encoder=(encoder := WordEncoder())
    )
    assert fitted.model.familiar == {"p0", "p1"}
    encoder.asked.clear()
    known, stranger = (extract([clean(BugText("saved pages Bacxqa", "", project))]) for project in ("P0", "elsewhere"))
    assert np.abs(fitted.model.score_meaning(known)[0]).max() == 0
    assert encoder.asked == []
    assert np.abs(fitted.model.score_meaning(stranger)[0]).max() > 0
    assert len(encoder.asked) == 1


def test_without_projects_an_encoder_that_gains_nothing_is_left_out(tmp_path: Path) -> None:
    path = write_tracker(tmp_path / "few.parquet", 2_500, n_words=3, projects=0)
    fitted, plain = fit_tracker(path, encoder=WordEncoder()), fit_tracker(path, encoder=None)
    assert fitted.model.meaning is None
    assert (fitted.model.weights == plain.model.weights).all()
    assert fitted.calibration == plain.calibration


def test_to_a_project_that_no_promise_was_measured_on_it_suggests(tmp_path: Path) -> None:
    path = write_tracker(tmp_path / "few.parquet", 2_500, n_words=3, projects=2)
    fitted = fit_tracker(path, encoder=WordEncoder())
    predictor = Predictor({Task.TEAM: Artifact("team-1", "team", fitted.model, fitted.calibration, {}, {}, "")})
    text = BugText("saved pages Bacxqa", "", "P1")
    known, stranger = predictor.assess([text, replace(text, project="elsewhere")])
    assert (known.team.label, known.team.decision) == ("Backend", Decision.AUTO)
    assert (stranger.team.label, stranger.team.decision) == ("Backend", Decision.SUGGEST)


def reading(encoder: WordEncoder | None = None, *, familiar: frozenset[str] = frozenset()) -> Artifact:
    """The tiny model, with some weights on what an encoder says; by default the shipped one."""
    artifact, used = tiny_artifact("severity-1"), encoder or load_encoder()
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(used.n_dimensions, 4)).astype(np.float32).astype(np.float64)
    assert isinstance(artifact.model, LinearModel)
    model = replace(artifact.model, meaning=Meaning(used, weights, np.asarray([0.1, 0.2, 0.3, 0.4])), familiar=familiar)
    shares = dict.fromkeys(familiar, (0.5, 0.0, 0.0, -0.5))
    return replace(artifact, model=model, calibration=replace(tiny_calibration(4), shares=shares))


@pytest.mark.parametrize("project", ["known", "elsewhere"])
def test_the_share_of_the_meaning_is_named_and_the_sum_holds(project: str) -> None:
    predictor = Predictor({Task.SEVERITY: reading(WordEncoder(), familiar=frozenset({"known"}))})
    explanation = predictor.explain(BugText("the page is slow", "", project), Task.SEVERITY)
    shares = {contribution.cue: contribution.weight for contribution in explanation.contributions}
    assert explanation.intercept + sum(shares.values()) == pytest.approx(explanation.score, abs=1e-6)
    assert (MEANING in shares) == (project == "elsewhere")


@pytest.mark.parametrize("familiar", [frozenset[str](), frozenset({"known"})])
def test_a_model_that_reads_comes_back_from_disk_as_it_was(tmp_path: Path, familiar: frozenset[str]) -> None:
    saved = reading(familiar=familiar)
    save_artifact(saved, tmp_path / "severity-1")
    loaded = load_artifact(tmp_path / "severity-1")
    features = extract([clean(BugText("the page is slow", "", project)) for project in ("known", "elsewhere")])
    assert (loaded.model.score(features) == saved.model.score(features)).all()


def test_a_model_that_reads_with_another_encoder_is_refused(tmp_path: Path) -> None:
    save_artifact(reading(WordEncoder()), tmp_path / "severity-1")
    with pytest.raises(ArtifactCorrupt, match="it reads texts with the encoder words-1, here is minilm"):
        load_artifact(tmp_path / "severity-1")
