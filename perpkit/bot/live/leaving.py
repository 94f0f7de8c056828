"""What must get out of the market: a halt, a stop that was overtaken, a contract that ends, a
position without a stop.

The first three go through `should_exit`, which no option of Freqtrade's switches off, in front of
all other reasons. What is urgent asks nobody's leave, and goes at the market: a limit can stand
beside a price that runs away. A backtest fills it at the open of the next candle, which is what a
market order gets but for the spread.

Private names of Freqtrade are used; tests/contract/test_live_seams.py holds them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from freqtrade.constants import CANCEL_REASON
from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.persistence import LocalTrade

from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Trading

HALTED = "halted"
OVERTAKEN = "stop_overtaken"
DELISTING = "delisting"
# Reasons of exits that nothing may hold up.
URGENT = frozenset({HALTED, OVERTAKEN, DELISTING, ExitType.EMERGENCY_EXIT.value})


def urgent_reason(watch: Watch, states: TradeStates, trade: LocalTrade) -> str | None:
    """Why the trade is to be closed at once; None where it is not."""
    if watch.decision(trade.pair, trade.trade_direction).trading is Trading.HALTED:
        return HALTED
    state = states.of(trade)
    if state.overtaken:
        return OVERTAKEN
    return DELISTING if state.ends else None


def leave_at_market(bot: Any) -> None:
    """Let a running bot send urgent exits at the market. Called once."""
    execute: Callable[..., bool] = bot.execute_trade_exit

    @wraps(execute)
    def execute_trade_exit(
        trade: LocalTrade, limit: float, exit_check: ExitCheckTuple, **kwargs: Any
    ) -> bool:
        if exit_check.exit_reason not in URGENT:
            return execute(trade, limit, exit_check, **kwargs)
        # Freqtrade keeps one at the same price, whatever its type.
        if any(order.order_type != "market" for order in trade.open_orders):
            sides, reason = [trade.entry_side, trade.exit_side], CANCEL_REASON["REPLACE"]
            bot.cancel_open_orders_of_trade(trade, sides, reason, True)
        return execute(trade, limit, exit_check, **{**kwargs, "ordertype": "market"})

    replace(bot, "bot.execute_trade_exit", execute_trade_exit)
