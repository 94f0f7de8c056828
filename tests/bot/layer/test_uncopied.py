"""A callback of the layer costs no copy of the trade; the strategy behind it has its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.live.leaving import HALTED

CALLBACKS = {
    "confirm_trade_exit": ("exit_reason", True),
    "custom_exit_price": ("exit_tag", 100.0),
}


class Plain(IStrategy):
    timeframe = "1h"
    stoploss = -0.1

    def populate_indicators(self, dataframe, metadata):
        return dataframe


class Held:
    """In the place of a trade."""

    copies = 0
    stake_amount = 50.0

    def __deepcopy__(self, memo):
        Held.copies += 1
        return Held()


def asked(kind, name, reason):
    """The answer of a callback as Freqtrade asks for it, the trade, and how often it was copied."""
    trade, strategy = Held(), kind.__new__(kind)
    given = dict.fromkeys(("order_type", "amount", "rate", "time_in_force", "current_profit"))
    given |= {"pair": "BTC/USDT:USDT", "current_time": None, CALLBACKS[name][0]: reason}
    Held.copies = 0
    callback = strategy_safe_wrapper(getattr(strategy, name))
    return callback(trade=trade, proposed_rate=100.0, **given), trade, Held.copies


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize("reason", ["exit_signal", HALTED])
def test_where_the_strategy_has_none_nothing_is_copied(name, reason):
    kind = type("Layered", (PerpRisk, Plain), {})
    answer, _, copies = asked(kind, name, reason)
    assert (answer, copies) == (CALLBACKS[name][1], 0)


@pytest.mark.parametrize("name", CALLBACKS)
def test_the_strategy_cannot_change_the_trade(name):
    def changes(self, trade, **kwargs):
        trade.stake_amount = 0.0
        return "theirs"

    kind = type("Layered", (PerpRisk, type("Theirs", (Plain,), {name: changes})), {})
    answer, trade, copies = asked(kind, name, "exit_signal")
    assert (answer, trade.stake_amount, copies) == ("theirs", 50.0, 1)


def test_freqtrade_copies_for_every_other_callback():
    def own(self, trade, **kwargs):
        return trade

    kind = type("Theirs", (Plain,), {"confirm_trade_exit": own})
    assert asked(kind, "confirm_trade_exit", "exit_signal")[2] == 1


def test_a_backtest_imports_nothing_of_a_running_bot():
    check = (
        "import sys, perpkit.bot.layer.composing;"
        "print([m for m in sys.modules if m.startswith(('freqtrade.freqtradebot', 'fastapi', "
        "'perpkit.bot.live.running_parts', 'perpkit.bot.live.stop_guard'))])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
