"""What outlives a bot: every cache of a module has a name here, and an end."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perpkit.bot.pairlists import base
from perpkit.bot.watching.unwatched import _log_once
from perpkit.durations import DAY
from perpkit.market.times import dates_every
from perpkit.parameters import declared
from perpkit.record import identity
from perpkit.venue.market.universe import universe
from tests.bench.source_trees import tree_of
from tests.conftest import REPOSITORY
from tests.factories import START

# Each with the most that it holds; None where that follows from what the entry says.
NAMED = {
    "perpkit.bot.acceleration.candle_loop._PLAIN": None,  # classes of one run
    "perpkit.bot.acceleration.exact.scaled": 4_096,  # numbers of a backtest
    "perpkit.bot.acceleration.exact.with_fee": 4_096,
    "perpkit.bot.acceleration.part._STANDS_FOR": None,  # functions of the parts that are on
    "perpkit.bot.layer.exported_decisions._noted": None,  # strategies of one backtest
    "perpkit.bot.live.column_cost._first_lines": 32,  # files of a strategy
    "perpkit.market.columns._index": 64,  # names of columns
    "perpkit.bot.pairlists.base.REMOVED": None,  # pairs, the latest 2,000
    "perpkit.bot.seams._source": 256,  # functions of Freqtrade, by name in the module
    "perpkit.bot.watching.unwatched._log_once": 256,  # lines of the start
    "perpkit.parameters.declared._bounded_by_others": 256,  # classes of parameters
    "perpkit.parameters.declared._declared": 256,
    "perpkit.record.identity._opened": None,  # descriptors, closed when their file is deleted
    "perpkit.walkforward.engines._worker": 1,  # of one run, in a process of its own
    "perpkit.venue.engine.brackets._bundle": None,  # one file
    "perpkit.venue.market.universe.universe": 4,  # starts of a venue in this process
}
CACHES = ("cache", "lru_cache", "cached")
MUTABLE = (
    "Counter", "OrderedDict", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary",
    "defaultdict", "deque", "dict", "list", "set",
)  # fmt: skip
CHANGING = (
    "add", "append", "appendleft", "extend", "insert", "setdefault", "update", "__setitem__",
)  # fmt: skip


def _name(node: ast.expr) -> str:
    """Of a called function or a decorator, without its module."""
    node = node.func if isinstance(node, ast.Call) else node
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _cached(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Functions with a cache, wherever they are, and whether it is bounded."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if _name(decorator) in CACHES:
                    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                    sizes = [word.value for word in keywords if word.arg == "maxsize"]
                    without_end = any(getattr(size, "value", 0) is None for size in sizes)
                    yield node.name, (bool(sizes) and not without_end) or not node.args.args
        elif isinstance(node, ast.Call) and _name(node) in CACHES and _arguments(node):
            yield ast.unparse(node), False  # `NAME = cache(function)`, and in a constructor


def _arguments(call: ast.Call) -> list[ast.expr]:
    """Functions that a call would give a cache to."""
    return [each for each in call.args if not isinstance(each, ast.Constant)]


def _containers(body: list[ast.stmt]) -> Iterator[str]:
    """Names that a module, or a class in it, gives to something that can grow."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _containers(node.body)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            displayed = isinstance(
                node.value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp
            )
            if displayed or (isinstance(node.value, ast.Call) and _name(node.value) in MUTABLE):
                yield from (target.id for target in targets if isinstance(target, ast.Name))


def _changed(tree: ast.Module) -> Iterator[str]:
    """Names of which something is set, or whose growing methods are called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            yield _name(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in CHANGING:
                yield _name(node.func.value)
        elif isinstance(node, ast.AugAssign):
            yield _name(node.target)


def _of_instances(tree: ast.Module) -> set[str]:
    """Names of attributes that are assigned to an object, which then ends with it."""
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {node.attr for node in stored if isinstance(node.ctx, ast.Store)}


def _locals(tree: ast.Module) -> set[str]:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    within = (node for function in functions for node in ast.walk(function))
    return {n.id for n in within if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def caches(text: str) -> dict[str, bool]:
    """The caches of a module's text, and whether each is bounded by itself."""
    tree = tree_of(text)
    grown = set(_changed(tree)) - _of_instances(tree) - _locals(tree)
    found = dict.fromkeys((name for name in _containers(tree.body) if name in grown), False)
    return {**found, **dict(_cached(tree))}


def files() -> list[Path]:
    folders = ("perpkit", "pairlists", "protections", "strategies")
    return sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))


def test_each_cache_has_a_name_here_and_an_end():
    found = {}
    for path in files():
        module = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for name, bounded in caches(path.read_text()).items():
            found[f"{module}.{name}"] = bounded
    assert sorted(found) == sorted(NAMED)
    assert all(found[name] for name, most in NAMED.items() if most is not None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@cache\ndef of(pair): ...", {"of": False}),
        ("@functools.lru_cache(maxsize=None)\ndef of(pair): ...", {"of": False}),
        ("@lru_cache\ndef of(pair): ...", {"of": False}),
        ("@lru_cache(maxsize=9)\ndef of(pair): ...", {"of": True}),
        ("@cache\ndef table(): ...", {"table": True}),
        ("of = cache(read)", {"cache(read)": False}),
        ("_held = {}\ndef of(pair):\n    _held[pair] = 1", {"_held": False}),
        ("_held: dict = {}\ndef of(pair):\n    _held.setdefault(pair, 1)", {"_held": False}),
        ("_held = WeakKeyDictionary()\ndef of(x):\n    _held[x] = 1", {"_held": False}),
        ("_held = set()\ndef of(x):\n    _held.add(x)", {"_held": False}),
        ("class A:\n    held = {}\n    def of(self, x):\n        self.held[x] = 1",
         {"held": False}),
        ("class A:\n    def __init__(self):\n        self.held = {}\n"
         "    def of(self, x):\n        self.held[x] = 1", {}),
        ("TABLE = {1: 2}\ndef of(x):\n    return TABLE[x]", {}),
    ],
)  # fmt: skip
def test_what_counts_as_a_cache(text, expected):
    assert caches(text) == expected


def test_no_cache_grows_with_starts_lines_or_classes():
    for day in dates_every(START, DAY, 12):
        assert len(universe(int(day.timestamp() * 1000))) > 100
    for number in range(400):
        _log_once(10, f"line {number}")
        declared.declared(dataclass(frozen=True)(type("Rule", (declared.Parameters,), {})))
    try:
        for cache, name in (
            (universe, "perpkit.venue.market.universe.universe"),
            (_log_once, "perpkit.bot.watching.unwatched._log_once"),
            (declared._declared, "perpkit.parameters.declared._declared"),
        ):
            assert cache.cache_info().currsize == NAMED[name]
    finally:
        for cache in (universe, _log_once, declared._declared):
            cache.cache_clear()


def test_the_latest_removals_of_pairs_are_kept(monkeypatch):
    monkeypatch.setattr(base, "REMOVED", {})
    for number in range(5_000):
        base._note_removal(f"{number}/USDT:USDT", "a pairlist: its price")
        base._note_removal("0/USDT:USDT", f"a pairlist: {number}")
    assert len(base.REMOVED) == 2_000
    assert base.REMOVED["0/USDT:USDT"] == "a pairlist: 4999"
    assert {"3001/USDT:USDT", "4999/USDT:USDT"} <= {*base.REMOVED}


def test_a_deleted_file_is_kept_open_until_the_next_look(tmp_path):
    before = len(identity._opened)
    for number in range(300):
        path = tmp_path / f"{number}.sqlite"
        path.touch()
        identity.identity(path)
        path.unlink()
    assert len(identity._opened) <= before + 1
