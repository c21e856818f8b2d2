"""Print all modules with the first line of their docstrings; needs nothing but Python."""
# ruff: noqa: INP001 - a script, no package

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/bugflow"


def modules(folder: Path = PACKAGE, depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """Depth, name and purpose of each module and folder, files first; migrations are left out: they are history."""
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_file() and path.suffix == ".py" and path.name not in {"__init__.py", "__main__.py"}:
            yield depth, path.name, purpose(path)
        elif (path.is_dir() and (path / "__init__.py").is_file()) or _holds_modules(path):
            yield depth, f"{path.name}/", purpose(path / "__init__.py")
            yield from modules(path, depth + 1)


def _holds_modules(path: Path) -> bool:
    return path.is_dir() and path.name != "versions" and any(path.glob("*.py"))


def purpose(path: Path) -> str:
    """The first line of a module's docstring, empty where it has none."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) if path.is_file() else None
    return docstring.splitlines()[0] if docstring else ""


def tree() -> str:
    """The map, one line a module."""
    lines = [("  " * depth + name, said) for depth, name, said in modules()]
    width = max(len(name) for name, _ in lines) + 2
    return "\n".join(f"{name:<{width}}{said}".rstrip() for name, said in lines)


if __name__ == "__main__":
    sys.stdout.write(f"src/bugflow/\n{tree()}\n")
