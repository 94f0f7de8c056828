"""How the tests lie: what several use is in a conftest, the bench or a module of its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def modules_of_tests(source: str) -> set[str]:
    """Those that a module imports, or imports something from."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
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
