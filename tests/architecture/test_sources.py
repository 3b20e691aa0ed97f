"""What the import contracts cannot say about the sources: sizes, docstrings, literals, headers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("rediq_core", "rediq_cli")
PYTHON_LINES = 400
LUA_LINES = 120
# "One sentence that says something", not "Foo package."
DOCSTRING_WORDS = 5

FORBIDDEN_MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}


def python_files() -> list[Path]:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert len(files) > 10
    return sorted(files)


def lua_files() -> list[Path]:
    files = sorted((ROOT / "rediq_core" / "scripts").rglob("*.lua"))
    assert files
    return files


def entry_scripts() -> list[Path]:
    """Scripts that are sent to the server, not the steps they include."""
    return [path for path in lua_files() if path.parent.name == "lua"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def strings_of(tree: ast.Module) -> list[ast.Constant]:
    """Return the string literals that are not docstrings or others that stand alone."""
    standing = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    literals = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            literals[id(node)] = node
    return [literal for key, literal in literals.items() if key not in standing]


def imported_modules(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_no_python_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {name_of(path): line_count(path) for path in python_files()}

    assert {name: size for name, size in sizes.items() if size > PYTHON_LINES} == {}


def test_no_lua_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {name_of(path): line_count(path) for path in lua_files()}

    assert {name: size for name, size in sizes.items() if size > LUA_LINES} == {}


def test_every_file_starts_by_saying_what_it_is() -> None:
    first = {name_of(path): ast.get_docstring(tree_of(path)) or "" for path in python_files()}

    assert [name for name, text in first.items() if len(text.split()) < DOCSTRING_WORDS] == []


def test_only_the_key_schema_spells_a_key() -> None:
    key = re.compile(r"rediq:[^\s]")
    spelled = [
        f"{name_of(path)}:{literal.lineno}"
        for path in python_files()
        if name_of(path) != "rediq_core/keys.py"
        for literal in strings_of(tree_of(path))
        if key.search(str(literal.value))
    ]
    in_lua = [name_of(path) for path in lua_files() if key.search(path.read_text())]

    assert spelled + in_lua == []


def test_every_script_starts_with_the_marker_that_makes_the_server_check_its_keys() -> None:
    first = {name_of(path): path.read_text().split("\n", 1)[0] for path in entry_scripts()}

    assert [name for name, line in first.items() if not re.match(r"#!lua( |$)", line)] == []


def test_every_script_names_its_keys_its_arguments_and_what_it_returns() -> None:
    incomplete = {}
    for path in entry_scripts():
        lines = path.read_text().splitlines()[1:]
        header = [line for line in lines if line.startswith("-- ")]
        missing = [
            word
            for word in (f"{path.stem}: ", "KEYS", "ARGV", "RETURNS")
            if not any(line.startswith(f"-- {word}") for line in header)
        ]
        if missing:
            incomplete[name_of(path)] = missing

    assert incomplete == {}


def test_every_shared_step_says_what_it_is() -> None:
    steps = [path for path in lua_files() if path not in entry_scripts()]

    assert [name_of(path) for path in steps if not path.read_text().startswith("-- ")] == []


def test_data_is_never_run_as_code() -> None:
    found = []
    for path in python_files():
        tree = tree_of(path)
        found += [
            f"{name_of(path)}: import {module}"
            for module in imported_modules(tree)
            if module.split(".")[0] in FORBIDDEN_MODULES
        ]
        found += [
            f"{name_of(path)}:{node.lineno}: {node.func.id}()"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in FORBIDDEN_CALLS
        ]

    assert found == []
