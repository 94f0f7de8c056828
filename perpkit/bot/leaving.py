"""What must get out of the market: a halt, a stop that was overtaken, a position without a stop.

The first two go through `should_exit`, which no option of Freqtrade's switches off, in front of all
other reasons. What is urgent asks nobody's leave.
"""

from __future__ import annotations

from freqtrade.enums import ExitType
from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.watch import Watch
from perpkit.breakers.breaker import Trading

HALTED = "halted"
OVERTAKEN = "stop_overtaken"
# Reasons of exits that nothing may hold up.
URGENT = frozenset({HALTED, OVERTAKEN, ExitType.EMERGENCY_EXIT.value})


def urgent_reason(watch: Watch, states: TradeStates, trade: LocalTrade) -> str | None:
    """Why the trade is to be closed at once; None where it is not."""
    if watch.decision(trade.pair, trade.trade_direction).trading is Trading.HALTED:
        return HALTED
    return OVERTAKEN if states.of(trade).overtaken else None
