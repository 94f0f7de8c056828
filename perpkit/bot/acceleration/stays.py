"""How a strategy says itself that a candle changes nothing of a trade, and when that is certain.

Strategies import this in every mode, so nothing of Freqtrade's backtests is imported here; the part
"candles" (`perpkit.bot.acceleration.candle_loop`) asks.
"""

from __future__ import annotations

from freqtrade.enums import TradingMode
from freqtrade.persistence import LocalTrade

# An attribute of a strategy that knows itself whether a candle changes anything of a trade whose
# stop is not reached: a function of the trade, the time, and the opening and the best price of the
# candle. It changes nothing of the trade; False leaves the candle to Freqtrade.
STAYS = "_perpkit_stays"
# Of a profit ratio, which has eight decimals; floats are off by less than a millionth of it.
_UNCERTAIN = 1e-6


def is_below(trade: LocalTrade, rate: float, target: float) -> bool:
    """Whether the profit at a rate is below a target, with more certainty than floats have.

    :param target: in terms of `LocalTrade.calc_profit_ratio`
    """
    if not trade.open_trade_value or trade.trading_mode != TradingMode.FUTURES:
        return trade.calc_profit_ratio(rate) < target
    fee, funding = trade.fee_close or 0.0, trade.funding_fees or 0.0
    worth = trade.amount * rate * (1 + fee if trade.is_short else 1 - fee)
    change = (worth - funding if trade.is_short else worth + funding) / trade.open_trade_value - 1
    return (-change if trade.is_short else change) * trade.leverage < target - _UNCERTAIN
