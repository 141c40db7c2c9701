"""The house's own norms, measured: sizes, docstrings, who may read the environment, print and commit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = ("api", "worker", "shared")
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60
MAX_FOLDERS_BELOW_A_ROOM = 2
FORBIDDEN_NAMES = ("util", "utils", "helper", "helpers", "common", "misc", "base")
READS_THE_ENVIRONMENT = {
    "shared/settings.py",
    "shared/leash.py",
    "api/commands/demo.py",
    "api/child.py",
    "api/transcript.py",
}


def modules() -> list[Path]:
    return sorted(
        path for room in ROOMS for path in (HOUSE / room).rglob("*.py") if "migrations/versions" not in path.as_posix()
    )


def named(path: Path) -> str:
    return path.relative_to(HOUSE).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", modules(), ids=named)
def test_a_file_can_be_read_at_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_FILE_LINES


def test_tests_can_be_read_at_a_sitting() -> None:
    long = [
        named(path) for path in (HOUSE / "tests").rglob("*.py") if len(path.read_text().splitlines()) > MAX_FILE_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", modules(), ids=named)
def test_functions_are_short_and_modules_and_public_classes_say_what_they_are_for(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module says what it is for"
    long = [node.name for node in functions(tree) if (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES]
    assert long == []
    mute = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert mute == []


def test_names_are_nouns_and_rooms_are_shallow() -> None:
    for path in modules():
        assert path.stem not in FORBIDDEN_NAMES, named(path)
        assert len(path.relative_to(HOUSE).parts) - 2 <= MAX_FOLDERS_BELOW_A_ROOM, named(path)


def test_only_the_settings_read_the_environment() -> None:
    readers = {named(path) for path in modules() if "os.environ" in path.read_text() or "getenv" in path.read_text()}
    assert readers <= READS_THE_ENVIRONMENT


def test_only_the_edge_commits() -> None:
    committers = [
        named(path) for path in modules() if ".commit()" in path.read_text() and "session.commit" in path.read_text()
    ]
    assert committers == []


def test_the_top_level_is_fixed() -> None:
    allowed = {
        "pyproject.toml", "README.md", "Makefile", "CHANGELOG.md", "LICENSE", "requirements.lock",
        "api", "worker", "shared", "tests", "deploy",
    }  # fmt: skip
    found = {
        path.name for path in HOUSE.iterdir() if not path.name.startswith(".") and not path.name.endswith(".egg-info")
    }
    assert found - allowed == set()
