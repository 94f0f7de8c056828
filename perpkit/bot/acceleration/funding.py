"""The part "funding": what a trade has paid since its last fill, continued from candle to candle.

Freqtrade looks the settlements up and adds them all again at every candle. Here the settlements
since the last look are added to a list, whose sum is taken when it has grown: the same numbers in
the same order, so that the sum is the same to the last bit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime
from math import isnan
from typing import Any

import numpy as np
from freqtrade.enums import TradingMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade
from pandas import DataFrame

from perpkit.bot.acceleration.part import FUNDING_SUM, Part, Replacements, Seam
from perpkit.market.asof import nanoseconds

_stock_run = Backtesting._run_funding_fees
_stock_fees = Exchange.calculate_funding_fees
# Name of an attribute of a Backtesting.
_RATES = "_perpkit_funding_rates"
_SECOND = 1_000_000_000


class Rates:
    """The settlements of a pair.

    :param frame: as `Exchange.combine_funding_and_mark` makes it
    """

    def __init__(self, frame: DataFrame) -> None:
        self.frame = frame
        times = nanoseconds(frame["date"])
        # Whole seconds, which a float can have, and which Freqtrade compares in nanoseconds.
        self.usable = bool((times % _SECOND == 0).all() and (np.diff(times) >= 0).all())
        self.times: list[float] = (times / _SECOND).tolist()
        self.fees: list[float] = (frame["open_fund"] * frame["open_mark"]).tolist()


class RunningSum:
    """The funding of one trade since its last fill.

    :param since: that fill, in seconds
    :param prior: funding of its filled orders
    :param orders: how many it had then
    """

    def __init__(self, rates: Rates, trade: LocalTrade) -> None:
        self.rates, self.amount, self.orders = rates, trade.amount, len(trade.orders)
        self.prior = sum([o.funding_fee for o in trade.orders if o.funding_fee])
        self._first = self._next = bisect_left(rates.times, trade.date_last_filled_utc.timestamp())
        self._fees: list[float] = []
        self._total: float = 0

    def until(self, seconds: float) -> float:
        """Returns the sum of the settlements up to a time, which is included."""
        rates, end = self.rates, self._next
        if end < len(rates.times) and rates.times[end] <= seconds:
            end = bisect_right(rates.times, seconds, lo=end)
            self._fees += [fee * self.amount for fee in rates.fees[self._next : end]]
            self._next = end
            total = sum(self._fees)
            self._total = 0.0 if isnan(total) else total
        elif end > self._first and rates.times[end - 1] > seconds:
            return _whole(rates, self._first, seconds, self.amount)
        return self._total

    def __deepcopy__(self, memo: Any) -> RunningSum:
        return self  # of the trade, not of what a strategy does with its copy


def _whole(rates: Rates, first: int, seconds: float, amount: float) -> float:
    last = bisect_right(rates.times, seconds)
    total = sum([fee * amount for fee in rates.fees[first:last]])
    return 0.0 if isnan(total) else total


def run_funding_fees(
    self: Backtesting, trade: LocalTrade, current_time: datetime, force: bool = False
) -> None:
    """As `Backtesting._run_funding_fees`, which is forced when an order has filled."""
    if self.trading_mode != TradingMode.FUTURES or current_time.tzinfo is None:
        _stock_run(self, trade, current_time, force)
        return
    seconds = current_time.timestamp()
    if not force and seconds % self.funding_fee_timeframe_secs != 0:
        return
    rates = _rates(self, trade.pair)
    if rates is None:
        _stock_run(self, trade, current_time, force)
        return
    known: RunningSum | None = trade.__dict__.get(FUNDING_SUM)
    if (
        force
        or known is None
        or known.rates is not rates
        or known.amount != trade.amount
        or known.orders != len(trade.orders)
    ):
        known = RunningSum(rates, trade)
        trade.__dict__[FUNDING_SUM] = known
    total = known.until(seconds)
    fees = total if trade.is_short else -total
    trade.funding_fee_running = fees
    trade.funding_fees = known.prior + fees


def _rates(testing: Backtesting, pair: str) -> Rates | None:
    """Returns the settlements of a pair, None if Freqtrade has to count them itself."""
    frame = testing.futures_data[pair]
    table: dict[str, Rates] = testing.__dict__.setdefault(_RATES, {})
    rates = table.get(pair)
    if rates is None or rates.frame is not frame:
        if frame.empty or type(testing.exchange).calculate_funding_fees is not _stock_fees:
            return None
        rates = table[pair] = Rates(frame)
    return rates if rates.usable else None


def _install(replacements: Replacements) -> None:
    replacements.put(Backtesting, "_run_funding_fees", run_funding_fees, _stock_run)


FUNDING = Part(
    [
        Seam(
            "freqtrade.optimize.backtesting:Backtesting._run_funding_fees",
            ("250a8a587fc7", "cf9ceb6915c2"),
        ),
        Seam("freqtrade.optimize.backtesting:Backtesting._try_close_open_order", ("c620c987f661",)),
        Seam(
            "freqtrade.exchange.exchange:Exchange.calculate_funding_fees",
            ("86a8a7c6db35", "262343f94854"),
        ),
        Seam(
            "freqtrade.exchange.exchange:Exchange.combine_funding_and_mark",
            ("7b8386e230b1", "ab34d3d9e676", "ef533d3c3280"),
        ),
        Seam("freqtrade.persistence.trade_model:LocalTrade.set_funding_fees", ("eec0e790f8d4",)),
        Seam(
            "freqtrade.persistence.trade_model:LocalTrade.date_last_filled_utc", ("2b7b4ee25dc8",)
        ),
        Seam(
            "freqtrade.persistence.trade_model:LocalTrade._date_last_filled_utc", ("928275b0f393",)
        ),
        Seam("freqtrade.persistence.trade_model:Order.close_bt_order", ("dc2f1cef3abb",)),
    ],
    _install,
)
