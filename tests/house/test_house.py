"""The habits of the house that a reader could miss: layers, sizes, nothing at import, everything documented."""

import inspect
import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from bugflow import errors
from bugflow.api.errors import STATUSES, status_of
from bugflow.cli import COMMANDS, build_app
from bugflow.cli.errors import exit_code_of
from bugflow.config import Settings
from bugflow.errors import BugFlowError, UnknownLabel

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "bugflow"
REFERENCE = ROOT / "docs" / "reference"
MAX_LINES = 300
"""What is longer becomes a folder inside its layer."""

LONG = {"client.py"}
"""A list of the API's calls, one method each, that would be no shorter to read in parts."""

ERRORS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, BugFlowError) and kind is not BugFlowError
]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_no_module_is_too_long_to_read() -> None:
    lengths = {
        path: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py") if "versions" not in path.parts
    }
    assert {str(path): n for path, n in lengths.items() if n > MAX_LINES and path.name not in LONG} == {}


def test_every_module_says_in_one_line_what_it_is_for() -> None:
    silent = [
        str(path)
        for path in SOURCE.rglob("*.py")
        if not path.read_text().lstrip().startswith(('"""', "# mypy", 'r"""')) and path.read_text().strip()
    ]
    assert silent == []


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_an_error_has_a_message_a_status_an_exit_code_and_a_page(kind: type[BugFlowError]) -> None:
    class Anything(dict[str, object]):
        def __missing__(self, key: str) -> object:
            return 1 if key.endswith(("_bytes", "_seconds")) else key

    message = inspect.cleandoc(kind.__doc__ or "")
    assert message.format_map(Anything())
    error = kind.__new__(kind)
    assert 400 <= status_of(error) <= 599
    assert 1 <= exit_code_of(error) <= 6
    assert f"`{kind.__name__}`" in (REFERENCE / "errors.md").read_text()


def test_an_error_comes_back_whole_from_another_process() -> None:
    error = UnknownLabel(field="team", label="Nobody", labels="Backend, Mobile")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.facts) == (UnknownLabel, str(error), error.facts)


def test_only_known_statuses_are_answered() -> None:
    assert set(STATUSES.values()) <= {401, 403, 404, 409, 412, 413, 422, 429, 500, 503}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_is_described_and_documented(name: str) -> None:
    assert Settings.model_fields[name].description
    assert f"BUGFLOW_{name.upper()}" in (REFERENCE / "settings.md").read_text()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented(name: str) -> None:
    assert build_app([name]) is not None
    assert f"bugflow {name}" in (REFERENCE / "cli.md").read_text()


def test_nothing_happens_at_import(tmp_path: Path) -> None:
    said = run(
        "import json, os, sys, threading\n"
        f"os.environ['BUGFLOW_DATA_DIR'] = {str(tmp_path / 'never')!r}\n"
        "opened = []\n"
        "sys.addaudithook(lambda name, args: opened.append(str(args[0]))"
        " if name == 'open' and any(c in str(args[1]) for c in 'wax+') else None)\n"
        "import bugflow.api.app, bugflow.runtime, bugflow.services.demo, bugflow.services.imports.importing\n"
        "ours = [path for path in opened if 'bugflow' in path and '__pycache__' not in path]\n"
        "print(json.dumps([ours, threading.active_count()]))"
    )
    assert json.loads(said) == [[], 1]
    assert not (tmp_path / "never").exists()


def test_serving_imports_neither_torch_nor_scikit_learn() -> None:
    heavy = run(
        "import sys, bugflow.api.app, bugflow.runtime\n"
        "from bugflow.ml.predictor import load_predictor\n"
        "from bugflow.domain.predictions import BugText\n"
        "load_predictor().assess([BugText('Crash', 'It crashes')])\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'streamlit', 'polars') if name in sys.modules])"
    )
    assert heavy.strip() == "[]"


def test_no_file_of_the_repository_names_a_machine_or_a_registry() -> None:
    hosts = ("py" + "pi.org", "python" + "hosted", "registry." + "npmjs", "deb." + "debian.org")
    folders = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/")
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    found = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.suffix in {".safetensors", ".png", ".woff2", ".onnx"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        found += [f"{name}: {word}" for word in (*hosts, *folders) if word in text]
    assert found == []


def test_an_error_comes_back_whole_from_where_jobs_keep_it() -> None:
    error = errors.NotFound(what="model", key="team-9")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.facts) == (errors.NotFound, str(error), error.facts)
