"""Freqtrade's attributes are replaced in one place, with a rule for its lock."""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

import perpkit.bot
from perpkit.bot.live import replaced
from perpkit.bot.live.replaced import REPLACED, Lock, replace, under_lock
from perpkit.bot.positions.trade_lock import TradeLock
from tests.bench.source_trees import tree_of

# The attributes of these are Freqtrade's; `market_lot` replaces one in every mode, and `attaching`
# puts it back before the next strategy at the same exchange.
OWNERS = {"bot", "exchange", "api", "wallets", "rpc"}
ELSEWHERE = {"replaced.py", "market_lot.py", "attaching.py"}


def attributes_set(source: str) -> list[str]:
    found = []
    for node in ast.walk(tree_of(source)):
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            if isinstance(target, ast.Attribute):
                owner = ast.unparse(target.value).split(".")[-1].strip("_")
                if owner in OWNERS:
                    found.append(ast.unparse(target))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr":
            owner = ast.unparse(node.args[0]).split(".")[-1].strip("_")
            if owner in OWNERS:
                found.append(ast.unparse(node))
    return found


def test_the_scan_finds_what_it_is_for():
    source = (
        "bot.process = 1\nself._bot.exchange._api.x = 2\nsetattr(self._wallets, 'a', 3)\nself.y = 4"
    )
    assert len(attributes_set(source)) == 3


def test_no_other_file_replaces_an_attribute():
    files = Path(perpkit.bot.__file__).parent.rglob("*.py")
    found = {f.name: attributes_set(f.read_text()) for f in files if f.name not in ELSEWHERE}
    assert {name: what for name, what in found.items() if what} == {}


class Bot(SimpleNamespace):
    """A bot with a lock, and functions that return whether it was held."""

    def __init__(self) -> None:
        lock = TradeLock()
        super().__init__(_exit_lock=lock, exchange=SimpleNamespace(_api=SimpleNamespace()))
        self.held: list[bool] = []
        look = lambda: self.held.append(lock.locked())  # noqa: E731
        for name in ("process", "execute_entry", "execute_trade_exit"):
            setattr(self, name, look)
        self.exchange._api.create_order = look


@pytest.fixture
def bot(trade_database) -> Bot:
    return Bot()


@pytest.mark.parametrize(
    ("attribute", "held"),
    [
        ("bot.process", False),
        ("bot.execute_entry", True),
        ("bot.execute_trade_exit", True),
        ("api.create_order", False),
    ],
)
def test_it_is_called_with_its_lock(bot, attribute, held):
    under_lock(bot, attribute)
    owner, name = replaced._of(bot, attribute)
    getattr(owner, name)()
    assert bot.held == [held]


def test_a_lock_that_should_have_been_held_is_taken_and_said_once(bot, caplog):
    under_lock(bot, "bot.execute_trade_exit")
    with caplog.at_level(logging.WARNING):
        bot.execute_trade_exit()
        bot.execute_trade_exit()
        with bot._exit_lock:
            bot.execute_trade_exit()
    assert bot.held == [True] * 3
    assert len(caplog.records) == 1


def test_what_has_no_row_is_not_replaced(bot):
    with pytest.raises(KeyError):
        replace(bot, "bot.startup", print)


def test_every_row_is_of_an_owner_that_is_known():
    assert {attribute.split(".")[0] for attribute in REPLACED} <= set(replaced._OWNERS)
    assert set(REPLACED.values()) <= set(Lock)
