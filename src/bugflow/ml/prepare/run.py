"""From files to a folder of training files, in units that survive a kill."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from bugflow.domain.predictions import Task
from bugflow.errors import InUse, InvalidFile, TooFewSamples, Unavailable
from bugflow.ml.prepare.choose import Choice, choose_rows
from bugflow.ml.prepare.options import Options, Split
from bugflow.ml.prepare.plan import Progress, Unit, describe_inputs, load_plan, plan_units, save_plan
from bugflow.ml.prepare.select import PARTS
from bugflow.ml.prepare.unit import run_unit, unit_paths
from bugflow.ml.prepare.workers import environment_of_workers, start_worker
from bugflow.ml.prepare.write import write_parts
from bugflow.ml.weak_labels import RULES_VERSION

FORMAT = 1  # of the work folder and the output; another one is never resumed
REPORT = "report.json"
REJECTED = "rejected.jsonl"
N_SHOWN = 20  # rejected rows in the report; all are in the file beside it


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run ends with: the report, and whether there was nothing to do."""

    report: dict[str, Any]
    was_there: bool


def prepare(paths: list[Path], out: Path, options: Options, *, workers: int, progress: Progress) -> Prepared:
    """Write `train`, `validation` and `test` Parquet files, `report.json` and `rejected.jsonl` into the folder `out`.

    The same files and options give the same bytes, whatever the number of workers and however often it was killed.
    Until it is complete, everything is in a folder beside `out`; then that is renamed.

    Raises:
        InvalidFile: An input cannot be used, or `out` holds something else.
        TooFewSamples: Nothing is left to write, or nothing is dated and the split is by time.
        InUse: Another run is making the same output.
    """
    if not out.parent.is_dir():
        raise InvalidFile(path=out, reason=f"the folder {out.parent} does not exist. Make it first.")
    made_of: dict[str, Any] = {"format": FORMAT, "rules": RULES_VERSION, "options": options.as_json()}
    made_of["inputs"] = describe_inputs(paths, progress)
    work = out.with_name(f".{out.name}.work")
    if out.exists():
        report = _finished(out, made_of)
        shutil.rmtree(work, ignore_errors=True)  # there only if the last run was killed after its last step
        return Prepared(report, was_there=True)
    work.mkdir(exist_ok=True)
    with _only_run(work, out):
        units = _open_plan(work, paths, made_of)
        facts = _run_units(work, units, options, workers=workers, progress=progress)
        counts, rejected = _merge(facts)
        progress("choosing", 0, 1)
        choice = choose_rows(work, [unit.source for unit in units], options)
        progress("choosing", 1, 1)
        _check_enough(counts, choice, options)
        outputs = write_parts(work, choice.rows, n_units=len(units), progress=progress)
        made = work / "out"
        outputs[REJECTED] = _write_rejected(made / REJECTED, rejected)
        report = made_of | {
            "counts": counts | choice.counts,
            "labels": _distribution(choice),
            "outputs": outputs,
            "rejected": rejected[:N_SHOWN],
        }
        (made / REPORT).write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        made.replace(out)
        shutil.rmtree(work)
    return Prepared(report, was_there=False)


def _finished(out: Path, made_of: dict[str, Any]) -> dict[str, Any]:
    """The report of a finished run of the same files and options."""
    try:
        report: dict[str, Any] = json.loads((out / REPORT).read_text(encoding="utf-8"))
        same = made_of == {name: report.get(name) for name in made_of}
    except (OSError, ValueError, AttributeError):
        same = False
    if not same:
        reason = "it is there and was not made of these files with these options. Choose another name or remove it."
        raise InvalidFile(path=out, reason=reason)
    return report


@contextmanager
def _only_run(work: Path, out: Path) -> Iterator[None]:
    """The lock goes with the process, however it ends."""
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(what="output", key=out, reason="another run is making it. Wait for its end.") from None
        yield


def _open_plan(work: Path, paths: list[Path], made_of: dict[str, Any]) -> list[Unit]:
    """The plan of the interrupted run if it was of the same files and options; else a new one in an empty folder."""
    stamp, plan = work / "made_of.json", work / "plan.json"
    text = json.dumps(made_of | {"paths": [str(path) for path in paths]}, indent=1)
    if plan.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == text:
        shutil.rmtree(work / "out", ignore_errors=True)
        return load_plan(plan)
    for path in work.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()
    units = plan_units(paths)
    stamp.write_text(text, encoding="utf-8")
    temporary = work / "plan.new"
    save_plan(temporary, units)
    temporary.replace(plan)
    return units


def _run_units(
    work: Path, units: list[Unit], options: Options, *, workers: int, progress: Progress
) -> list[dict[str, Any]]:
    facts: dict[int, dict[str, Any]] = {}
    for number in range(len(units)):
        path = unit_paths(work, number)[2]
        if path.is_file():
            facts[number] = json.loads(path.read_text(encoding="utf-8"))
    left = [number for number in range(len(units)) if number not in facts]
    left.sort(key=lambda number: units[number].kind != "gzip")  # they cannot be cut, so they would be waited for
    progress("cleaning", len(facts), len(units))
    for number, found in _results(work, units, left, options, workers=min(workers, len(left))):
        if "error" in found:
            raise InvalidFile(**found["error"])
        facts[number] = found
        progress("cleaning", len(facts), len(units))
    return [facts[number] for number in range(len(units))]


def _results(
    work: Path, units: list[Unit], left: list[int], options: Options, *, workers: int
) -> Iterator[tuple[int, dict[str, Any]]]:
    if workers <= 1:
        for number in left:
            yield number, run_unit(units[number], number, options, work)
        return
    with environment_of_workers():
        pool = ProcessPoolExecutor(workers, get_context("spawn"), start_worker, (os.getpid(),))
        try:
            futures = {pool.submit(run_unit, units[number], number, options, work): number for number in left}
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise Unavailable from error
        finally:
            pool.shutdown(cancel_futures=True)


def _merge(facts: list[dict[str, Any]]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    counts: dict[str, int] = {}
    for each in facts:
        for name, n in each["counts"].items():
            counts[name] = counts.get(name, 0) + n
    return counts, [row for each in facts for row in each["rejected"]]


def _check_enough(counts: dict[str, int], choice: Choice, options: Options) -> None:
    task = " and ".join(options.label_columns or list(Task))
    if not len(choice.rows):
        said = ", ".join(f"{name} {n}" for name, n in counts.items()) or "no rows"
        raise TooFewSamples(task=task, reason=f"no row is left to write ({said}). Check the columns and the labels.")
    if options.split is Split.TIME and counts["undated"] == counts["kept"]:
        reason = "no row has a date in a column 'created' (2015-01-31T12:00:00Z). Add it, or use --split stratified."
        raise TooFewSamples(task=task, reason=reason)


def _write_rejected(path: Path, rejected: list[dict[str, Any]]) -> dict[str, Any]:
    content = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rejected).encode()
    path.write_bytes(content)
    return {"rows": len(rejected), "sha256": hashlib.sha256(content).hexdigest()}


def _distribution(choice: Choice) -> dict[str, dict[str, dict[str, int]]]:
    """Of each part and task, how often each label occurs."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for part in PARTS:
        rows = choice.rows.filter(choice.rows["part"] == part)
        labels = {task.value: rows[task.value].drop_nulls().value_counts().iter_rows() for task in Task}
        found[part] = {task: dict(sorted(pairs)) for task, pairs in labels.items()}
    return found
