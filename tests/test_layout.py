"""How the tests lie: what several use is in a conftest, the bench or a module of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.source_trees import tree_of

TESTS = Path(__file__).parent
LONGEST_NAME = 69
MOST_COLUMNS = 5


def modules_of_tests(source: str) -> set[str]:
    """Those that a module imports, or imports something from."""
    names: set[str] = set()
    for node in ast.walk(tree_of(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.rpartition(".")[2].startswith("test_")}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from tests.bench.live import live_bench", set()),
        ("from tests.conftest import REPOSITORY", set()),
        ("from tests.venue.test_cli import get, running", {"tests.venue.test_cli"}),
        ("from tests.breakers import test_quiet", {"tests.breakers.test_quiet"}),
        ("import tests.breakers.test_quiet as quiet", {"tests.breakers.test_quiet"}),
        ("def late():\n    from .test_cli import get", {"test_cli"}),
    ],
)
def test_which_modules_of_tests_are_imported(source, found):
    assert modules_of_tests(source) == found


def test_no_module_imports_one_of_tests():
    """Else a test fails for what was changed in another, and fixtures run where they should not."""
    found = {
        str(path.relative_to(TESTS)): names
        for path in sorted(TESTS.rglob("*.py"))
        if (names := modules_of_tests(path.read_text()))
    }
    assert found == {}


def long_names(source: str) -> list[str]:
    """Those of tests that do not fit into a line of pytest's report."""
    return [
        node.name
        for node in ast.walk(tree_of(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and len(node.name) > LONGEST_NAME
    ]


def wide_tables(source: str) -> Iterator[tuple[str, ...]]:
    """Columns of the tables whose rows a reader has to count through."""
    for node in ast.walk(tree_of(source)):
        # Without a table, it is schemathesis's.
        is_call = isinstance(node, ast.Call) and bool(node.args)
        if is_call and ast.unparse(node.func).endswith("parametrize"):
            match node.args[0]:
                case ast.Tuple(elts=columns) | ast.List(elts=columns):
                    names = tuple(ast.unparse(column) for column in columns)
                case ast.Constant(value=str(text)):
                    names = tuple(text.split(","))
                case _:
                    names = ()
            if len(names) > MOST_COLUMNS:
                yield names


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (f"def test_{'a' * 64}(): ...", []),
        (f"def test_{'a' * 65}(): ...", [f"test_{'a' * 65}"]),
        (f"class TestOf:\n    async def test_{'a' * 65}(self): ...", [f"test_{'a' * 65}"]),
        (f"def helper_{'a' * 90}(): ...", []),
    ],
)
def test_which_names_are_long(source, found):
    assert long_names(source) == found


@pytest.mark.parametrize(
    ("columns", "wide"),
    [
        ('("a", "b", "c", "d", "e")', False),
        ('("a", "b", "c", "d", "e", "f")', True),
        ('["a", "b", "c", "d", "e", "f"]', True),
        ('"a, b, c, d, e, f"', True),
        ('"case"', False),
        ("COLUMNS", False),
    ],
)
def test_which_tables_are_wide(columns, wide):
    assert bool(list(wide_tables(f"pytest.mark.parametrize({columns}, ROWS)"))) is wide


def test_names_of_tests_are_short_and_wide_tables_have_named_columns():
    """A table of more columns has rows of a NamedTuple, which say what each value is."""
    found = {
        str(path.relative_to(TESTS)): wrong
        for path in sorted(TESTS.rglob("*.py"))
        if (wrong := [*long_names(source := path.read_text()), *wide_tables(source)])
    }
    assert found == {}
