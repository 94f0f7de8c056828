"""The trades of an exported backtest, filled once more in Freqtrade's own objects.

A backtest evaluates breakers at the beginning of a candle. What it then fills in that candle is
stamped with the candle's beginning, too, and known to breakers one candle later. Each fill takes
the steps of `Backtesting`, so that entry rates, realised parts and funding are those of the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, islice
from math import isclose, isnan
from typing import Any

from ccxt import TICK_SIZE
from freqtrade.data.btanalysis.historic_precision import get_tick_size_over_time
from freqtrade.enums import CandleType, TradingMode
from freqtrade.exchange import Exchange, timeframe_to_seconds
from freqtrade.persistence import LocalTrade, Order
from pandas import DataFrame, Series

from perpkit.bot.candles.candles import CandleFeed
from perpkit.durations import HOUR_S

NO_WARM_UP = timedelta(0)
# Of Binance, in Freqtrade: funding rates and mark prices.
FUNDING_TIMEFRAME = "1h"
# Of additions that may have waited; more than any trade of ten of them can have.
MOST_SETS = 1024


@dataclass
class _Fill:
    """
    :param waited: whether it was an addition that was placed in an earlier candle
    """

    at: datetime
    order: Order
    waited: bool = False


@dataclass
class _Replayed:
    """A trade, and the fills of it that are still to come.

    :param number: in the order of closing
    """

    number: int
    trade: LocalTrade
    exported: Mapping[str, Any]
    opened: datetime
    fills: list[_Fill]
    closed: bool = field(default=False)


class ExportedTrades:
    """Brings Freqtrade's in-memory trades of a backtest to any candle of an exported one.

    :param exported: its trades, in the order of closing
    :param timeframe: of the strategy's candles
    :param feed: candles, mark prices and funding rates that the backtest had
    :param detail: timeframe of the candles in which it filled orders; the strategy's own by default
    """

    def __init__(
        self,
        exported: Sequence[Mapping[str, Any]],
        timeframe: str,
        feed: CandleFeed,
        detail: str = "",
        trading_mode: TradingMode = TradingMode.FUTURES,
    ) -> None:
        self._timeframe = timeframe
        self._step = timedelta(seconds=timeframe_to_seconds(detail or timeframe))
        self._feed = feed
        self._mode = trading_mode
        self._funding: dict[str, DataFrame] = {}
        self._ticks: dict[str, Series] = {}
        replayed = [self._made(number, trade) for number, trade in enumerate(exported)]
        self._waiting = sorted(replayed, key=lambda one: one.opened, reverse=True)
        self._going: list[_Replayed] = []
        # Pairs of trades whose funding is not the exported one: rates or marks are missing.
        self.unlike: set[str] = set()

    def advance(self, since: datetime, until: datetime) -> None:
        """Fills what the backtest filled from `since` until just before `until`: in one candle."""
        while self._waiting and self._waiting[-1].opened < until:
            self._going.append(self._waiting.pop())
            LocalTrade.add_bt_trade(self._going[-1].trade)
        if not self._going:
            return
        times = [since]
        while times[-1] + self._step < until:
            times.append(times[-1] + self._step)
        for one in self._going:
            for at in _and_fills(times, one, until):
                self._process(one, at)
        for one in sorted(self._going, key=lambda one: one.number):
            if one.closed:
                LocalTrade.close_bt_trade(one.trade)
                self._going.remove(one)

    def _process(self, one: _Replayed, at: datetime) -> None:
        """One pass of `Backtesting.backtest_loop`: an entry that was placed before, funding, then
        what is placed and filled at once."""
        trade = one.trade
        if not trade.nr_of_successful_entries or (one.fills and one.fills[0].waited):
            self._fill(one, at, most=1)
        if trade.has_open_position and at.timestamp() % HOUR_S == 0:
            self._settle(trade, at)
        self._fill(one, at)

    def _fill(self, one: _Replayed, at: datetime, most: int | None = None) -> None:
        trade, filled = one.trade, 0
        while one.fills and one.fills[0].at <= at and filled != most:
            order = one.fills.pop(0).order
            trade.orders.append(order)
            order.close_bt_order(at, trade)
            self._settle(trade, at)
            filled += 1
            if order.ft_order_side == trade.exit_side and not one.fills:
                self._close(one, at, order)
            else:
                trade.recalc_trade_from_orders()

    def _close(self, one: _Replayed, at: datetime, order: Order) -> None:
        trade = one.trade
        trade.close_date = at
        trade.close(order.safe_price, show_msg=False)
        funding = one.exported.get("funding_fees") or 0.0
        if not isclose(trade.funding_fees or 0.0, funding, rel_tol=1e-6, abs_tol=1e-6):
            self.unlike.add(trade.pair)
        trade.close_profit_abs = one.exported["profit_abs"]
        one.closed = True

    def _settle(self, trade: LocalTrade, at: datetime) -> None:
        """As `Backtesting._run_funding_fees`."""
        if self._mode is TradingMode.FUTURES:
            funding = self._funding_of(trade, trade.amount, trade.date_last_filled_utc, at)
            trade.set_funding_fees(funding)

    def _funding_of(
        self, trade: LocalTrade, amount: float, since: datetime, until: datetime
    ) -> float:
        """Returns the funding settled from `since` to `until`, both included."""
        if trade.pair not in self._funding:
            rates, marks = (
                self._feed.history(trade.pair, FUNDING_TIMEFRAME, kind, NO_WARM_UP)
                for kind in (CandleType.FUNDING_RATE, CandleType.MARK)
            )
            known = not rates.empty and not marks.empty
            self._funding[trade.pair] = (
                Exchange.combine_funding_and_mark(rates, marks) if known else DataFrame()
            )
        # The instance is used for nothing but another static method of the class.
        return Exchange.calculate_funding_fees(
            Exchange,
            self._funding[trade.pair],
            amount=amount,
            is_short=trade.is_short,
            open_date=since,
            close_date=until,
        )

    def _find_waited(self, one: _Replayed) -> None:
        """Marks the additions that were placed in an earlier candle than that of their fill.

        Freqtrade fills those before it books the funding of that candle. An export does not say
        when an order was placed, but what funding the whole trade had.
        """
        if self._mode is not TradingMode.FUTURES:
            return
        amount, since = 0.0, one.opened
        lacking = -(one.exported.get("funding_fees") or 0.0)
        less: list[tuple[float, _Fill]] = []
        for fill in one.fills:
            entry = fill.order.ft_order_side == one.trade.entry_side
            if amount:
                funding = self._funding_of(one.trade, amount, since, fill.at)
                lacking += funding
                # Of several fills at one moment only the first can have waited.
                if entry and fill.at > since:
                    before = self._funding_of(one.trade, amount, since, fill.at - self._step)
                    less.append((funding - before, fill))
            amount += fill.order.amount if entry else -fill.order.amount
            since = fill.at
        for fill in _summing_to(lacking, [(much, fill) for much, fill in less if much]):
            fill.waited = True

    def _made(self, number: int, exported: Mapping[str, Any]) -> _Replayed:
        """Returns the trade as it was before its first fill."""
        orders = [order for order in exported["orders"] if order["order_filled_timestamp"]]
        first = orders[0]
        opened = _moment(exported.get("open_timestamp") or first["order_filled_timestamp"])
        averaged = sum(order["ft_is_entry"] for order in orders) > 1
        trade = LocalTrade(
            pair=exported["pair"],
            stake_currency=exported["pair"].split("/")[-1].split(":")[0],
            open_rate=first["safe_price"],
            open_date=opened,
            stake_amount=exported.get("stake_amount", 0.0),
            amount=0,
            fee_open=exported["fee_open"],
            fee_close=exported["fee_close"],
            is_open=True,
            enter_tag=exported.get("enter_tag"),
            exit_reason=exported.get("exit_reason"),
            is_short=exported["is_short"],
            leverage=exported.get("leverage") or 1.0,
            trading_mode=self._mode,
            price_precision=self._tick(exported["pair"], opened) if averaged else None,
            precision_mode_price=TICK_SIZE,
            contract_size=1.0,
            orders=[],
        )
        fills = [self._order(trade, order) for order in orders]
        replayed = _Replayed(number, trade, exported, opened, fills)
        if averaged:
            self._find_waited(replayed)
        return replayed

    def _tick(self, pair: str, opened: datetime) -> float | None:
        """Returns the step of prices to which Freqtrade rounds the average of several entries."""
        if pair not in self._ticks:
            kind = CandleType.get_default(self._mode)
            candles = self._feed.history(pair, self._timeframe, kind, NO_WARM_UP)
            self._ticks[pair] = get_tick_size_over_time(candles.copy())
        tick = float(self._ticks[pair].asof(opened))  # type: ignore[arg-type]
        return None if isnan(tick) else tick

    def _order(self, trade: LocalTrade, exported: Mapping[str, Any]) -> _Fill:
        side = trade.entry_side if exported["ft_is_entry"] else trade.exit_side
        rate, amount = exported["safe_price"], exported["amount"]
        at = _moment(exported["order_filled_timestamp"])
        order = Order(
            ft_pair=trade.pair,
            ft_is_open=True,
            ft_order_side=side,
            side=side,
            symbol=trade.pair,
            status="open",
            order_date=at,
            ft_price=rate,
            price=rate,
            average=rate,
            amount=amount,
            filled=0,
            remaining=amount,
            cost=exported.get("cost", amount * rate),
            ft_order_tag=exported.get("ft_order_tag"),
        )
        order._trade_bt = trade
        return _Fill(at, order)


def _and_fills(times: list[datetime], one: _Replayed, until: datetime) -> list[datetime]:
    """Returns `times` and those of the trade's fills before `until`, in order."""
    fills = (fill.at for fill in one.fills if fill.at < until)
    return [at for at in sorted({*times, *fills}) if at >= one.opened]


def _summing_to(wanted: float, parts: list[tuple[float, _Fill]]) -> list[_Fill]:
    """Returns the fills whose parts come nearest to `wanted` together, the fewest first."""
    sets = chain.from_iterable(combinations(parts, many) for many in range(len(parts) + 1))
    best = min(islice(sets, MOST_SETS), key=lambda some: abs(wanted - sum(p for p, _ in some)))
    return [fill for _, fill in best]


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
