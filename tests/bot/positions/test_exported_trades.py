"""The trades of an exported backtest: what is not in the export, and follows from it."""

from __future__ import annotations

import pytest
from freqtrade.enums import CandleType

from perpkit.bot.positions.exported_trades import ExportedTrades
from perpkit.bot.positions.trade_figures import open_funding
from tests import factories
from tests.bot.stack import BTC, HOUR
from tests.factories import START

PRICE, RATE = 100.0, 1e-3


class Settled:
    """Settles a thousandth of each contract's value, of 100, every eight hours or as given."""

    def __init__(self, every: str = "8h") -> None:
        self.every = every

    def history(self, pair, timeframe, kind, warm_up):
        if kind == CandleType.FUNDING_RATE:
            return factories.funding([RATE] * 48, self.every)
        return factories.candles(96, price=PRICE, volatility=0.0)


def order(hour: float, amount: float) -> dict:
    """:param amount: negative for an exit"""
    at = int((START + hour * HOUR).timestamp() * 1000)
    return {
        "order_filled_timestamp": at,
        "amount": abs(amount),
        "safe_price": PRICE,
        "ft_is_entry": amount > 0,
    }


def exported(orders: list[dict], funding: float, **changed) -> dict:
    return {
        "pair": BTC,
        "is_short": False,
        "fee_open": 0.0,
        "fee_close": 0.0,
        "profit_abs": 0.0,
        "funding_fees": funding,
        "orders": orders,
        **changed,
    }


def funding_at(trades: ExportedTrades, memory, hours: list[float], step=HOUR) -> list[float]:
    """The funding of the open trade as a breaker sees it at each of `hours`."""
    found, now = [], START
    while len(found) < len(hours):
        if now == START + hours[len(found)] * HOUR:
            (trade,) = memory.bt_trades_open
            found.append(round(open_funding(trade), 9))
        now += step
        trades.advance(now - step, now)
    return found


# Paid at 8 and 16 by one contract that was bought at 1 and another that was added at 8: a tenth for
# each contract. Freqtrade has an addition that fills in the candle in which it is placed pay once
# more, after the position that was there has paid.
@pytest.mark.parametrize(
    ("funding", "expected", "unlike"),
    [
        (-0.5, [0.0, -0.3, -0.3, -0.5], set()),  # filled at once
        (-0.4, [0.0, -0.2, -0.2, -0.4], set()),  # had waited
        (-0.9, [0.0, -0.3, -0.3, -0.5], {BTC}),  # other rates than the stored
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_funding_of_a_trade_says_whether_an_addition_had_waited(
    memory, funding, expected, unlike, side
):
    orders = [order(1, 1.0), order(8, 1.0), order(20, -2.0)]
    trade = exported(orders, side * funding, is_short=side < 0)
    trades = ExportedTrades([trade], "1h", Settled())
    found = funding_at(trades, memory, [8, 9, 16, 17])
    assert found == [side * paid for paid in expected]
    trades.advance(START + 17 * HOUR, START + 21 * HOUR)
    assert trades.unlike == unlike
    (closed,) = memory.bt_trades
    assert closed.funding_fees == pytest.approx(side * (funding if not unlike else -0.5))


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        (set(), [-0.3, -1.0]),
        ({8}, [-0.2, -0.9]),
        ({16}, [-0.3, -0.7]),
        ({8, 16}, [-0.2, -0.6]),
    ],
)
def test_each_of_several_additions(memory, waited, expected):
    """The one that is added at 13 pays nothing then, whether it had waited or not."""
    orders = [order(1, 1.0), order(8, 1.0), order(13, 1.0), order(16, 1.0), order(23, -4.0)]
    funding = -(0.1 * (8 not in waited) + 0.2 + 0.3 * (16 not in waited) + 0.4)
    trades = ExportedTrades([exported(orders, funding)], "1h", Settled())
    assert funding_at(trades, memory, [9, 17]) == expected
    trades.advance(START + 17 * HOUR, START + 24 * HOUR)
    assert not trades.unlike


@pytest.mark.parametrize(
    ("funding", "expected"),
    [(-3.5, [-1.1, -1.9]), (-3.1, [-0.7, -1.5])],
)
def test_one_that_had_waited_pays_nothing_since_the_candle_before(memory, funding, expected):
    """Freqtrade books funding at the beginning of each candle, here every four hours."""
    orders = [order(4, 1.0), order(12, 1.0), order(24, -2.0)]
    trades = ExportedTrades([exported(orders, funding)], "4h", Settled("1h"))
    found = funding_at(trades, memory, [16, 20], 4 * HOUR)
    assert found == expected
