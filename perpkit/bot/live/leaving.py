"""Urgent exits: a halt, an overtaken stop, a delisting, a loss beyond its limit, a position
without a stop.

All but the last are returned by `should_exit` in front of all other reasons; no option of Freqtrade
disables it. Urgent exits need no confirmation and are market orders, since a limit order may never
be reached by a price that runs away. A backtest fills them at the open of the next candle, which
equals a market order except for the spread.

Uses private names of Freqtrade; tests/contract/test_live_seams.py checks that they exist.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from freqtrade.constants import CANCEL_REASON
from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.persistence import LocalTrade

from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.trade_losses import TAG_LOSS, TRADE_LOSS
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Trading

HALTED = "halted"
OVERTAKEN = "stop_overtaken"
DELISTING = "delisting"
# Exit reasons that nothing may delay.
URGENT = frozenset(
    {HALTED, OVERTAKEN, DELISTING, TRADE_LOSS, TAG_LOSS, ExitType.EMERGENCY_EXIT.value}
)


def urgent_reason(watch: Watch, states: TradeStates, trade: LocalTrade) -> str | None:
    """Returns why the trade must be closed at once, or None."""
    if watch.decision(trade.pair, trade.trade_direction).trading is Trading.HALTED:
        return HALTED
    state = states.of(trade)
    if state.overtaken:
        return OVERTAKEN
    return DELISTING if state.ends else None


def in_front(reason: str | None, exits: list[ExitCheckTuple] | None) -> list[ExitCheckTuple]:
    """Returns the exits of `should_exit` with an urgent one, if there is any, before all others.

    :param reason: from `urgent_reason`
    """
    exits = exits or []
    if reason is None or (exits and exits[0].exit_reason == reason):
        return exits
    return [ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=reason), *exits]


def leave_at_market(
    bot: Any,
    is_foreign: Callable[[LocalTrade], bool],
    rests_at_the_bound: Callable[[LocalTrade], bool],
) -> None:
    """Makes a running bot send urgent exits as market orders. Called once.

    :param is_foreign: whether the exchange holds more than a trade on its side of the pair; then
        every exit is one, because a limit that rests beside the stop could sell that as well
    :param rests_at_the_bound: whether the exchange has refused such an exit, and a limit rests at
        the worst price that it allows: it stays, for the next one would be the same
    """
    execute: Callable[..., bool] = bot.execute_trade_exit

    @wraps(execute)
    def execute_trade_exit(
        trade: LocalTrade, limit: float, exit_check: ExitCheckTuple, **kwargs: Any
    ) -> bool:
        if exit_check.exit_reason not in URGENT and not is_foreign(trade):
            return execute(trade, limit, exit_check, **kwargs)
        if rests_at_the_bound(trade):
            return False
        # Freqtrade would keep an order at the same price, even if its type differs.
        if any(order.order_type != "market" for order in trade.open_orders):
            sides, reason = [trade.entry_side, trade.exit_side], CANCEL_REASON["REPLACE"]
            bot.cancel_open_orders_of_trade(trade, sides, reason, True)
        return execute(trade, limit, exit_check, **{**kwargs, "ordertype": "market"})

    replace(bot, "bot.execute_trade_exit", execute_trade_exit)
