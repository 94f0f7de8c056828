"""No module compares names of exchanges, but the one that keeps the exchanges apart.

It reads the sources of the checkout, which the tests of an installed wheel have not.
"""

from __future__ import annotations

import ast

import pytest

from perpkit.market.exchanges import DEFAULT_EXCHANGE, EXCHANGES
from tests.bench.source_trees import tree_of
from tests.conftest import REPOSITORY

NAMES = {*EXCHANGES, DEFAULT_EXCHANGE}
# It stands on a floor below, and a venue is Binance always.
MAY_COMPARE = {"perpkit/rehearsal/redirection.py"}


def compares_names(source: str) -> bool:
    for node in ast.walk(tree_of(source)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        sides += [each for side in sides for each in getattr(side, "elts", ())]
        if any(getattr(side, "value", None) in NAMES for side in sides if is_text(side)):
            return True
        if any(getattr(side, "id", "") == "DEFAULT_EXCHANGE" for side in sides):
            return True
    return False


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_no_other_module_compares_names():
    found = set()
    for folder in ("perpkit", "protections", "pairlists", "strategies"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            stated = any(f'"{name}"' in source for name in NAMES) or "DEFAULT_EXCHANGE" in source
            if stated and compares_names(source):
                found.add(path.relative_to(REPOSITORY).as_posix())
    assert found == MAY_COMPARE


@pytest.mark.parametrize(
    ("source", "compares"),
    [
        ('name == "okx"', True),
        ('name in ("binance", "bybit")', True),
        ("name != DEFAULT_EXCHANGE", True),
        ("known_as(name, (DEFAULT_EXCHANGE,)) is None", False),
        ('facts_of("okx").title == "OKX"', False),
    ],
)
def test_a_comparison_would_be_found(source, compares):
    assert compares_names(source) is compares
