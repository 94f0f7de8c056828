"""What a strategy behind the layer answers about an entry: numbers, and what is none."""

from __future__ import annotations

from contextlib import nullcontext
from decimal import Decimal
from math import inf, nan
from types import SimpleNamespace

import numpy as np
import pytest
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from perpkit.bot.layer.entries import Entries
from perpkit.bot.layer.entry_callbacks import EntryCallbacks
from perpkit.bot.layer.running_callbacks import RunningCallbacks
from perpkit.bot.refusals import Refusals
from perpkit.breakers.breaker import Decision
from tests.bot.stack import BTC, NOW

ENTRY = {"pair": BTC, "current_time": NOW, "current_rate": 100.0, "entry_tag": None,
         "side": "long"}  # fmt: skip
# The proposed stake is all that is available.
STAKE = {**ENTRY, "proposed_stake": 400.0, "min_stake": 5.0, "max_stake": 400.0, "leverage": 3.0}
LEVERAGE = {**ENTRY, "proposed_leverage": 1.0, "max_leverage": 20.0}


async def waits(*_, **__):
    return 100.0


def fails(*_, **__):
    raise RuntimeError("it is broken")


def behind(answer, decision=None, rules=None, front=EntryCallbacks):
    """A strategy whose callbacks give this answer, or are it, with the layer in front."""
    callback = answer if callable(answer) else lambda *_, **__: answer
    theirs = type("Theirs", (IStrategy,), {
        "leverage": callback, "custom_stake_amount": callback, "check_entry_timeout": callback,
        "populate_indicators": lambda _, frame, __: frame,
    })  # fmt: skip
    strategy = object.__new__(type("Theirs", (front, theirs), {}))
    refusals = Refusals()
    layer = SimpleNamespace(
        decision=lambda *_: decision or Decision(), rules=rules, limits=None, refusals=refusals,
        decided=refusals.decided, attempt=lambda _: nullcontext(),
    )  # fmt: skip
    layer.entries = Entries(layer)
    strategy._perpkit = layer
    return strategy


@pytest.mark.parametrize("factor", [1.0, 0.5])
@pytest.mark.parametrize(
    ("theirs", "stake"),
    [
        (100, 100.0),
        (np.float32(100), 100.0),
        (400.0, 400.0),
        # Freqtrade cuts it to what is available, so that is what a breaker halves.
        (1e6, 400.0),
        (inf, 400.0),
        # It opens nothing for these.
        (None, 0.0),
        (0, 0.0),
        (-100.0, 0.0),
        ("100", 0.0),
        # And would order an amount of NaN, or end, for these.
        (nan, 0.0),
        ([100.0], 0.0),
        (waits, 0.0),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_what_becomes_of_a_stake(theirs, stake, factor):
    strategy = behind(theirs, Decision(size_factor=factor, reason="a breaker"))
    allowed = strategy.custom_stake_amount(**STAKE)
    if factor < 1:
        assert allowed == stake * factor
    else:  # Freqtrade's own cut comes later
        assert min(allowed, STAKE["max_stake"]) == stake


@pytest.mark.parametrize("rules", [None, "rules"])
@pytest.mark.parametrize(
    ("theirs", "leverage"),
    [
        (5.0, 5.0),
        (inf, inf),  # Freqtrade takes the most for it
        (-5.0, -5.0),  # and 1 for this
        (Decimal(5), Decimal(5)),
        # It would end at these, or order at NaN.
        (None, 1.0),
        ("5", 1.0),
        (nan, 1.0),
        (waits, 1.0),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_what_becomes_of_a_leverage(theirs, leverage, rules):
    asked = []
    if rules is not None:
        rules = SimpleNamespace(leverage=lambda _, theirs, __: asked.append(theirs) or theirs)
    strategy = behind(theirs, rules=rules)
    called = strategy_safe_wrapper(strategy.leverage, default_retval=1.0)
    assert called(**LEVERAGE) == leverage
    assert asked == ([leverage] if rules else [])  # the rules are asked about each


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(("theirs", "answer"), [(True, True), (False, False), (fails, False)])
def test_an_entry_ends_though_their_callback_fails(theirs, answer, ends):
    strategy = behind(theirs, front=RunningCallbacks)
    strategy._perpkit.entries = SimpleNamespace(entry_timed_out=lambda *_: ends)
    asked = strategy_safe_wrapper(strategy.check_entry_timeout, default_retval=False)
    assert asked(pair=BTC, trade=None, order=None, current_time=NOW) is (ends or answer)
