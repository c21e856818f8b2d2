"""The model card: a report in words for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SOURCES = {
    "xamarin": "xamarin/bugzilla-archives; no licence stated",
    "apache_jira": "SPEAR-SE/LogInBugReportsEmpirical_Data; no licence stated",
    "titanium": "tidev/jira-archive; Apache-2.0",
    "jquery": "jquery/bugs.jquery.com; MIT",
    "rust": "brson/rust-issue-archive; no licence stated",
    "rails": "chrismear/rails-lighthouse-archive; no licence stated",
    "cyrus": "cyrusimap/BugzillaImport; no licence stated",
    "mozilla_anuj": "anujgh05/Bug-Severity-Classification-and-Assignment-System; no licence stated",
    "firefox_components": "daesungwang/Components-Prediction; MIT",
    "apache_msr2015": "Buberwa-J/Abstraction-Based-Bug-Severity-Classification (Ohira et al., MSR 2015); MIT",
    "gitbugs_hadoop_seamonkey": "av9ash/gitbugs; CC BY 4.0",
    "dotnet_corefx": "dotnet/machinelearning-samples; MIT",
}
"""Public archives that the shipped models learned from, with the licence that each states."""

LIMITS = """\
* Text in other languages than English is hardly known to it.
* Labels are what people set in their tracker: noisy, and on a scale of their own. About half of all duplicate pairs in
  public data carry different severities (Tian et al. 2016).
* On a tracker it never saw it is much weaker than on later reports of known ones. No promise that was
  measured on known projects is kept on others, so to those it suggests and never acts.
* What a project's reports are like is known by its name. A project of yours that is named like one of a tracker above
  (Android, iOS, Hive) is taken for it until it has corrections of its own.
* Words of a product stand for its team. A report about another product with the same words goes to the wrong team.
"""


@dataclass(frozen=True, slots=True)
class Method:
    """What a card says about a way of training; sentences and clauses without their full stop.

    Attributes:
        made: What the model is.
        later: What the reports between training and test do.
        saved: How the saved model and the measured one differ.
        reads: What of a text is not read; a sentence with its full stop.
    """

    made: str
    later: str
    saved: str
    reads: str


LINEAR = Method(
    made="hashed TF-IDF of words and neighbouring pairs (title, description and code apart), some signals, multinomial "
    "logistic regression, calibrated with a share for each project that is known; for other projects a second one over "
    "the vectors of a sentence encoder (all-MiniLM-L6-v2) is added, or for all where that pays",
    later="calibrate a model that did not see them and then train as well",
    saved="The saved model was made the same way from all reports; nothing later is known of it",
    reads="Text beyond the first 600 words of a description and 200 of its code is not read.",
)


def write_card(name: str, report: Mapping[str, Any], recipe: Mapping[str, Any], *, method: Method = LINEAR) -> str:
    """Markdown: what it is, what it learned from, how it was split, what was measured, where it fails."""
    by_time, data = report["by_time"], report["data"]
    files = [file.rsplit(".", 1)[0] for file in data["files"]]
    sources = "\n".join(f"* {file}: {SOURCES.get(file, 'given by the user')}" for file in files)
    counts = ", ".join(f"{label} {n:,}" for label, n in data["n_by_label"].items())
    sections = [
        f"# {name}",
        f"Predicts the {report['task']} of a bug report from its title and description: {method.made}. "
        "Made to suggest to people, and to act where a promise about its precision is kept.",
        f"## Data\n{data['n_reports']:,} reports ({counts}), labelled by the people of each tracker:\n\n{sources}",
        f"## Split\nBy tracker, {report['split']}: the newest {recipe['test_share']:.0%} are the test, the "
        f"{recipe['calibration_share']:.0%} before {method.later}; "
        "undated trackers only train. Duplicates stay on one side. Rows with weak labels count by their weight in the "
        f"recipe. {method.saved}.",
        "## Newest reports of known trackers\n" + _table(_rows(by_time)),
        "Of this recipe, label by label:\n\n" + _classes(by_time["model"]),
        "What a promise is worth there:\n\n" + _promises(by_time["model"]),
    ]
    if report["by_source"]:
        rows = {}
        for source, scores in report["by_source"].items():
            rows[f"{source}: this recipe"] = scores["model"]
            rows |= {f"{source}: {peer}": peer_scores for peer, peer_scores in scores["peers"].items()}
        note = "Trained on at most 30,000 reports of the other trackers, tested on at most 3,000 of the one named."
        sections.append(f"## Trackers it never saw\n{note}\n\n{_table(rows)}")
    if report.get("evaluation"):
        sections.append(describe_evaluation(report["evaluation"]))
    sections.append(f"## Limits and known failures\n{LIMITS}* {method.reads}\n")
    return "\n\n".join(section.rstrip() for section in sections) + "\n"


def describe_evaluation(facts: Mapping[str, Any]) -> str:
    """The section on the frozen evaluation rows."""
    counts = ", ".join(f"{label} {n:,}" for label, n in facts["n_by_label"].items())
    return (
        f"## Frozen evaluation rows\n{facts['n']:,} of the test reports ({counts}; {facts['n_of_known_projects']:,} of "
        "projects that it knows) go with the model as numbers, never as text: what the measured model, which had not "
        "seen them, scored, the encoder's vector, a number for the project, and the label. The saved model has learned "
        "these reports; what corrections do to it is added to the scores of the one that has not. The gate asks every "
        "model that is adapted from this one about them, beside the one that answers."
    )


def _rows(by_time: Mapping[str, Any]) -> dict[str, Any]:
    rows: dict[str, Any] = {"this recipe": by_time["model"]}
    if "model_without_projects" in by_time:
        rows["this recipe, projects not named"] = by_time["model_without_projects"]
    rows |= by_time["peers"]
    return rows


COLUMNS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "quadratic_kappa": "kappa (quadratic)",
    "severe_recall": "recall of high and critical",
    "severe_precision": "precision of high and critical",
    "calibration_error": "calibration error",
    "top_three_accuracy": "right label in top three",
}


def _table(rows: Mapping[str, Mapping[str, Any]]) -> str:
    shown = [column for column in COLUMNS if any(column in scores for scores in rows.values())]
    lines = [
        "| | reports | " + " | ".join(COLUMNS[column] for column in shown) + " |",
        "| --- " * (len(shown) + 2) + "|",
    ]
    for name, scores in rows.items():
        values = [f"{scores[column]:.3f}" if column in scores else "" for column in shown]
        lines.append(f"| {name} | {scores['n']:,} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _classes(scores: Mapping[str, Any]) -> str:
    lines = ["| label | precision | recall | F1 | reports |", "| --- | --- | --- | --- | --- |"]
    for label, row in scores["per_class"].items():
        lines.append(
            f"| {label} | {row['precision']:.3f} | {row['recall']:.3f} | {row['f1']:.3f} | {int(row['support']):,} |"
        )
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.1%}"


def _promises(scores: Mapping[str, Any]) -> str:
    lines = ["| promised precision | it acts on | of those right |", "| --- | --- | --- |"]
    for promise, row in scores["promises"].items():
        lines.append(f"| {float(promise):.0%} | {row['coverage']:.1%} | {_share(row['precision'])} |")
    return "\n".join(lines)
