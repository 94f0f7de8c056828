"""One unit of dates: who may make them, and who must convert what is read.

It reads the sources of the checkout, which the tests of an installed wheel have not.
"""

from __future__ import annotations

import ast

import pytest

from tests.bench.source_trees import tree_of
from tests.conftest import REPOSITORY

# The venue is a program of its own, and imports nothing of the rest.
SOURCES = sorted(
    path
    for folder in ("perpkit", "protections", "pairlists", "strategies")
    for path in (REPOSITORY / folder).rglob("*.py")
    if "venue" not in path.relative_to(REPOSITORY).parts
)
# Calls that make dates in a unit of pandas' choice, or give them another one.
MAKERS = {"to_datetime", "DatetimeIndex", "date_range", "bdate_range", "as_unit"}
# Calls that return frames with the dates of others.
READERS = {
    *("read_feather", "read_parquet", "read_csv", "read_table", "frame_of"),
    *("load_pair_history", "ohlcv_load", "get_historic_ohlcv"),
    *("ohlcv", "get_pair_dataframe"),
}
DOORS = {"dated", "dates_of", "nanoseconds", "open_times"}
MAY_MAKE = {
    "perpkit/market/times.py": "the door itself",
    "perpkit/market/asof.py": "`nanoseconds` returns integers",
}
# Calls that bring rows of two frames together, or hand all rows on.
JOINS = {"concat", "merge", "join", "reindex", "set_index", "assign", "searchsorted", "rename"}


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def definitions():
    """Every function and class at the top of a module: (path, definition)."""
    for path in SOURCES:
        for node in tree_of(path.read_text(encoding="utf-8")).body:
            yield path.relative_to(REPOSITORY).as_posix(), node


def calls_in(node: ast.AST) -> set[str]:
    return {name_of(one) for one in ast.walk(node) if isinstance(one, ast.Call)}


def test_dates_are_made_in_one_place():
    made = {
        (path, name)
        for path, node in definitions()
        for name in calls_in(node) & MAKERS
        if path not in MAY_MAKE
    }
    assert made == set()


def looks_at_one(node: ast.AST) -> bool:
    """Whether the functions that read take single dates, such as the newest, and join nothing."""
    functions = [one for one in ast.walk(node) if isinstance(one, ast.FunctionDef)]
    readers = [one for one in functions if calls_in(one) & READERS]
    single = {
        id(one.value)
        for reader in readers
        for one in ast.walk(reader)
        if isinstance(one, ast.Attribute) and one.attr == "iloc"
    }
    dates = [
        one
        for reader in readers
        for one in ast.walk(reader)
        if isinstance(one, ast.Subscript) and getattr(one.slice, "value", "") == "date"
    ]
    joined = any(calls_in(reader) & JOINS for reader in readers)
    return bool(dates) and not joined and all(id(one) in single for one in dates)


def test_who_reads_dates_converts_them():
    """A new reader is found by what it calls. It converts the dates, or looks at single ones."""
    readers = [
        (path, node)
        for path, node in definitions()
        if calls_in(node) & READERS and getattr(node, "name", "") not in READERS
    ]
    assert len(readers) >= 7
    raw = [
        f"{path}: {node.name}"
        for path, node in readers
        if not (calls_in(node) & DOORS or looks_at_one(node))
    ]
    assert raw == []


@pytest.mark.parametrize(
    ("source", "safe"),
    [
        ("return read_feather(path)", False),
        ("return concat([held, dp.ohlcv(pair)])", False),
        ("frame = dp.ohlcv(pair); return frame.set_index(frame['date'])", False),
        ("return dp.ohlcv(pair)['date'].iloc[-1]", True),
    ],
)
def test_a_reader_that_converts_nothing_would_be_found(source, safe):
    assert looks_at_one(tree_of(f"def read(): {source}")) is safe


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_maker_elsewhere_would_be_found(name):
    assert calls_in(tree_of(f"dates = pd.{name}(rows)")) & MAKERS == {name}
