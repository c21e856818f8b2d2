"""Brings the catalogues of the pages up to date with the code: `python docs/catalogues.py`, or `--check`.

A message that is new stands in each catalogue without a translation; one that nothing says any more is dropped.
"""

import ast
import inspect
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

import bugflow.ui
from bugflow import errors
from bugflow.ui.language import SAID, SHIPPED, problems_of
from bugflow.ui.sentences import SENTENCES

N_MESSAGES = {"_": 1, "gettext": 1, "mark": 1, "ngettext": 2}
"""How many messages a call of each function names, first of all arguments."""


def collect() -> Catalog:
    """Everything that the pages say, in English."""
    template = Catalog()
    for file in sorted(Path(bugflow.ui.__file__).parent.rglob("*.py")):
        # Babel's own extraction does not look into f-strings before Python 3.12.
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                messages = call.args[: N_MESSAGES.get(call.func.id, 0)]
                texts = tuple(one.value for one in messages if isinstance(one, ast.Constant))
                if texts and len(texts) == len(messages):
                    template.add(texts if len(texts) > 1 else texts[0])
    for sentence in (*SENTENCES, *_errors()):
        template.add(sentence, context=SAID)
    return template


def _errors() -> Iterator[str]:
    for _name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.BugFlowError):
            yield inspect.cleandoc(kind.__doc__ or "")


def updated(file: Path) -> bytes:
    """A catalogue as it should be: its translations, with the messages there are now."""
    with file.open("rb") as source:
        catalogue = read_po(source, locale=file.stem)
    catalogue.update(collect(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    text = io.BytesIO()
    write_po(text, catalogue, width=118, no_location=True, omit_header=True, sort_output=False)
    return HEADER.format(code=file.stem, plural=catalogue.plural_forms).encode() + text.getvalue()


HEADER = """# What BugFlow's pages say; `make catalogues` brings it up to date with the code.
msgid ""
msgstr ""
"Language: {code}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: {plural}\\n"

"""


def main() -> int:
    bad = 0
    for file in sorted(SHIPPED.glob("*.po")):
        text = updated(file)
        if "--check" not in sys.argv:
            file.write_bytes(text)
        elif text != file.read_bytes():
            sys.stderr.write(f"{file.name} is behind the code. Run: make catalogues\n")
            bad += 1
        for problem in problems_of(file):
            sys.stderr.write(f"{file.name}: {problem}\n")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
