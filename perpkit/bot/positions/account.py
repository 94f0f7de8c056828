"""The account as Freqtrade knows it, marked to market.

Included: realised profit, partial exits too; open positions at the price of the moment; the fees of
both sides; funding as Freqtrade has booked it. In backtests that is all that was settled before the
candle in which the bot now stands, in dry-run and live what it booked at minute 1 or 31.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import KeyValueStore, LocalTrade, Order, Trade
from freqtrade.wallets import PositionWallet, Wallets
from numpy.typing import NDArray
from sqlalchemy import func, select

from perpkit.bot.candles.candles import CandleFeed, is_simulated
from perpkit.bot.positions.trade_lock import lock_of
from perpkit.bot.positions.trades import TradeKey, key_of, utc
from perpkit.breakers.loss_limits import Sample
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.market.asof import nanoseconds
from perpkit.record.trade_database import HIGH_WATER_KEY
from perpkit.risk.equity import Fill, SteadyReading, TradeLedger, open_profit, profit_curve

# Freqtrade reads the balance at minutes 1 and 31 of every hour.
BALANCE_STEADY = timedelta(minutes=35)
# Trades that closed longer ago are not asked for again.
MEMORY = timedelta(days=30)
# Freqtrade calls candles outdated when the newest opened two candles and so long ago.
OUTDATED = timedelta(minutes=5)


class AccountStanding(NamedTuple):
    """The account at one moment, in stake currency.

    :param profit: realised and unrealised, NaN while the price of an open position is not known
    :param open_profit: the unrealised part
    :param unpriced: the pairs without a price
    """

    profit: float
    open_profit: float
    unpriced: tuple[str, ...] = ()


class Account(ABC):
    """What all modes share; see `account_for`."""

    def __init__(self, config: dict[str, Any], candles: CandleFeed) -> None:
        self._config = config
        self._candles = candles
        self._timeframe: str = config["timeframe"]
        self.step = timedelta(seconds=timeframe_to_seconds(self._timeframe))

    @abstractmethod
    def capital(self, now: datetime) -> float:
        """What profits add to: the whole balance, also the part kept out of trading by
        `tradable_balance_ratio`, or `available_capital` where that is given. NaN while not known.
        """

    @abstractmethod
    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        """Trades that have not been counted yet, in the order in which they closed.

        They are the same until `counted` says that they have been.
        """

    @abstractmethod
    def counted(self) -> None:
        """What `newly_closed` gave last has been counted, and is not given again."""

    def unmoved(self) -> bool:
        """Whether nothing is open, and profit and capital are for sure what they were when
        the trades that closed were last counted."""
        return False

    @abstractmethod
    def stored_high_water(self) -> Sample | None:
        """The high-water mark of an earlier process, if there is one."""

    @abstractmethod
    def store_high_water(self, mark: Sample, coarse: float) -> None:
        """Keep the high-water mark for the next process, once it has moved by `coarse`."""

    @abstractmethod
    def _rate(self, pair: str, now: datetime) -> float:
        """Price of the pair at `now`, NaN if there is none."""

    @abstractmethod
    def _open_trades(self) -> Sequence[LocalTrade]: ...

    @abstractmethod
    def _closed_after(self, since: datetime) -> Sequence[LocalTrade]: ...

    @abstractmethod
    def _closed_profit(self) -> float:
        """Realised by all closed trades."""

    def at(self, now: datetime) -> AccountStanding:
        """Realised and unrealised profit at `now`."""
        realised, unrealised = self._closed_profit(), 0.0
        trades = self._open_trades()
        for trade in trades:
            realised += trade.realized_profit or 0.0
            if trade.amount:
                unrealised += open_profit(
                    self._rate(trade.pair, now),
                    trade.amount,
                    trade.open_rate,
                    trade.is_short,
                    trade.fee_open,
                    trade.fee_close or 0.0,
                    open_funding(trade),
                )
        if not isnan(unrealised):
            return AccountStanding(realised + unrealised, unrealised)
        unpriced = {t.pair for t in trades if t.amount and isnan(self._rate(t.pair, now))}
        return AccountStanding(nan, nan, tuple(sorted(unpriced)))

    def curve(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, float]]:
        """Profit at every close of a candle after `since` and before `until`.

        Rebuilt from the trades and candles that are there now, for a time in which nobody looked.
        """
        step = self.step.total_seconds()
        first = since.timestamp() // step * step + step
        times = np.arange(first, until.timestamp(), step)
        if not len(times):
            return
        before, ledgers = self._ledgers(since)
        closes = {ledger.pair: self._closes(ledger.pair, times, until) for ledger in ledgers}
        profits = before + profit_curve(times, closes, ledgers)
        for at, profit in zip(times.tolist(), profits.tolist(), strict=True):
            yield datetime.fromtimestamp(at, UTC), profit

    def _ledgers(self, since: datetime) -> tuple[float, list[TradeLedger]]:
        """Profit realised by trades that closed up to `since`, and all others."""
        closed = self._closed_after(since)
        ledgers = [ledger_of(trade) for trade in (*closed, *self._open_trades())]
        return self._closed_profit() - sum(t.close_profit_abs or 0.0 for t in closed), ledgers

    def _history(self, pair: str, warm_up: timedelta = timedelta(0)) -> pd.DataFrame:
        return self._candles.history(pair, self._timeframe, CandleType.FUTURES, warm_up)

    def _closes(
        self, pair: str, times: NDArray[np.float64], until: datetime
    ) -> NDArray[np.float64]:
        """The newest close known at each of `times`."""
        frame = self._history(pair, until - datetime.fromtimestamp(times[0], UTC) + self.step)
        if frame.empty:
            return np.full(len(times), nan)
        closed = open_times(frame) + self.step.total_seconds()
        newest = np.searchsorted(closed, times, side="right")
        return np.append(nan, frame["close"].to_numpy(dtype=np.float64))[newest]


class SimulatedAccount(Account):
    """The account of a backtest, at the close of the newest closed candle."""

    def __init__(self, config: dict[str, Any], candles: CandleFeed) -> None:
        super().__init__(config, candles)
        self._capital = configured_capital(config)
        self._seconds = int(self.step.total_seconds())
        self._prices: dict[str, tuple[int, list[float]]] = {}
        self._given = self._counted = 0

    def capital(self, now: datetime) -> float:
        return self._capital

    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        trades = LocalTrade.bt_trades
        self._given = len(trades)
        if self._given == self._counted:
            return []
        return [closed_trade(trade) for trade in trades[self._counted :]]

    def counted(self) -> None:
        self._counted = self._given

    def unmoved(self) -> bool:
        return not LocalTrade.bt_trades_open and len(LocalTrade.bt_trades) == self._counted

    def stored_high_water(self) -> Sample | None:
        return None  # a backtest starts from nothing

    def store_high_water(self, mark: Sample, coarse: float) -> None:
        pass

    def _rate(self, pair: str, now: datetime) -> float:
        if pair not in self._prices:
            self._prices[pair] = self._prepared(pair)
        first_close, closes = self._prices[pair]
        row = (int(now.timestamp()) - first_close) // self._seconds
        return closes[row] if 0 <= row < len(closes) else nan

    def _prepared(self, pair: str) -> tuple[int, list[float]]:
        """Closes on the full grid of candles, and when the first of them closed."""
        frame = self._history(pair)
        if frame.empty:
            return 0, []
        opened = open_times(frame)
        rows = ((opened - opened[0]) // self._seconds).astype(np.int64)
        closes = np.full(rows[-1] + 1, nan)
        closes[rows] = frame["close"].to_numpy(dtype=np.float64)
        # As a list, which is read faster than an array.
        return int(opened[0]) + self._seconds, closes.tolist()

    def _open_trades(self) -> Sequence[LocalTrade]:
        return LocalTrade.bt_trades_open

    def _closed_after(self, since: datetime) -> Sequence[LocalTrade]:
        return LocalTrade.get_trades_proxy(is_open=False, close_date=since)

    def _closed_profit(self) -> float:
        return LocalTrade.bt_total_profit


class RunningAccount(Account):
    """The account of a bot in dry-run or live, at current prices.

    Nothing is requested for it: the breakers come before the exits, and a slow answer would delay
    them. Prices are those at which Freqtrade last looked at its exits, a loop ago; before there are
    any, the newest closed candle. Trades are read under the bot's lock, and only figures leave it.
    """

    def __init__(
        self,
        config: dict[str, Any],
        candles: CandleFeed,
        dp: DataProvider,
        wallets: Wallets | None,
    ) -> None:
        super().__init__(config, candles)
        self._dp = dp
        self._wallets = wallets
        self._balance = SteadyReading(BALANCE_STEADY.total_seconds())
        self._lock = lock_of(dp)
        # Trades that have been counted; how many had closed then, and their profit.
        self._counted: set[TradeKey] = set()
        self._counted_at: tuple[int, float] | None = None
        self._given: tuple[set[TradeKey], tuple[int, float]] | None = None
        self._stored: Sample | None = None

    def capital(self, now: datetime) -> float:
        if self._config["dry_run"] or "available_capital" in self._config:
            return configured_capital(self._config)
        if self._wallets is None:
            return nan
        with self._lock:
            capital = self._settled_balance(self._wallets, now) - self._in_balance()
        return capital if isnan(capital) else self._balance.read(now.timestamp(), capital)

    def _settled_balance(self, wallets: Wallets, now: datetime) -> float:
        """The wallet's balance without the profit of what is open.

        Freqtrade's starting balance is what is free, and with cross margin that has the open profit
        in it.
        """
        total: float = wallets.get_total(wallets._stake_currency)
        if "unrealized_pnl" in PositionWallet._fields:
            return total  # Freqtrade has taken it off
        return total - sum(_gross_profit(t, self._rate(t.pair, now)) for t in self._open_trades())

    def _in_balance(self) -> float:
        """What `at` counts as profit, and the balance has in it: realised by closed trades and by
        parts of open ones, and what open ones have paid and been paid."""
        profit = self._closed_profit()
        for trade in self._open_trades():
            paid = trade.amount * trade.open_rate * trade.fee_open
            profit += (trade.realized_profit or 0.0) + open_funding(trade) - paid
        return profit

    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        with self._lock:
            # Their number and sum say whether anything closed at all.
            totals = self._totals()
            if totals == self._counted_at:
                return []
            found = {key_of(t): closed_trade(t) for t in self._closed_after(now - MEMORY)}
        self._given = {*found}, totals
        new = [trade for key, trade in found.items() if key not in self._counted]
        return sorted(new, key=lambda trade: trade.closed_at)

    def counted(self) -> None:
        if self._given is not None:
            self._counted, self._counted_at = self._given
            self._given = None

    def at(self, now: datetime) -> AccountStanding:
        with self._lock:
            return super().at(now)

    def _ledgers(self, since: datetime) -> tuple[float, list[TradeLedger]]:
        with self._lock:
            return super()._ledgers(since)

    def stored_high_water(self) -> Sample | None:
        stored = KeyValueStore.get_string_value(HIGH_WATER_KEY)
        if stored is not None:
            at, profit = stored.split()
            self._stored = float(at), float(profit)
        return self._stored

    def store_high_water(self, mark: Sample, coarse: float) -> None:
        if self._stored is None or abs(mark[1] - self._stored[1]) >= coarse:
            KeyValueStore.store_value(HIGH_WATER_KEY, f"{mark[0]!r} {mark[1]!r}")
            self._stored = mark

    def _rate(self, pair: str, now: datetime) -> float:
        exchange = self._dp._exchange
        with exchange._cache_lock:
            rate: float | None = exchange._exit_rate_cache.get(pair)
        if rate:
            return rate
        candles = self._dp.get_pair_dataframe(pair, self._timeframe, CandleType.FUTURES)
        if candles.empty or now - candles["date"].iloc[-1] > 2 * self.step + OUTDATED:
            return nan
        return float(candles["close"].iloc[-1])

    def _open_trades(self) -> Sequence[LocalTrade]:
        return Trade.get_trades_proxy(is_open=True)

    def _closed_after(self, since: datetime) -> Sequence[LocalTrade]:
        return Trade.get_trades_proxy(is_open=False, close_date=since)

    def _totals(self) -> tuple[int, float]:
        """How many trades have closed, and their profit."""
        which = select(func.count(Trade.id), func.sum(Trade.close_profit_abs))
        count, profit = Trade.session.execute(which.filter(Trade.is_open.is_(False))).one()
        return count, profit or 0.0

    def _closed_profit(self) -> float:
        # The place for what Freqtrade has not booked: funding of trades closed at their stop.
        return Trade.get_total_closed_profit()


def account_for(
    config: dict[str, Any],
    candles: CandleFeed,
    dp: DataProvider | None,
    wallets: Wallets | None = None,
) -> Account:
    """The account of this run mode: Freqtrade keeps the trades of a backtest in memory, those of a
    running bot in its database."""
    if is_simulated(config):
        return SimulatedAccount(config, candles)
    if dp is None:
        raise LookupError("there is no data provider in this run")
    return RunningAccount(config, candles, dp, wallets)


def configured_capital(config: dict[str, Any]) -> float:
    """The capital of a simulated wallet."""
    if "available_capital" in config:
        return float(config["available_capital"])
    wallet = config["dry_run_wallet"]
    return float(wallet.get(config["stake_currency"], 0) if isinstance(wallet, dict) else wallet)


def open_funding(trade: LocalTrade) -> float:
    """Funding of the position that is open now.

    After a partial exit, Freqtrade still carries what was settled before it in `funding_fees`,
    though it is in the realised profit already; the close of the trade puts that right.
    """
    funding = trade.funding_fees or 0.0
    if not trade.realized_profit:
        return funding
    since_entry = realised = 0.0
    for order in filled(trade):
        since_entry += order.funding_fee or 0.0
        if order.ft_order_side != trade.entry_side:
            realised = since_entry
    return funding - realised


def _gross_profit(trade: LocalTrade, rate: float) -> float:
    """Unrealised, as the exchange reckons it."""
    if not trade.amount:
        return 0.0
    return trade.amount * (rate - trade.open_rate) * (-1 if trade.is_short else 1)


def closed_trade(trade: LocalTrade) -> ClosedTrade:
    closed_at = trade.close_date or trade.date_last_filled_utc
    return ClosedTrade(trade.pair, utc(closed_at), trade.close_profit_abs or 0.0)


def ledger_of(trade: LocalTrade) -> TradeLedger:
    """A trade as its filled orders."""
    fills = []
    for order in filled(trade):
        entry = order.ft_order_side == trade.entry_side
        bought = entry is not trade.is_short
        fills.append(
            Fill(
                utc(order.order_filled_date or order.order_date).timestamp(),
                order.safe_amount_after_fee if bought else -order.safe_amount_after_fee,
                order.safe_price,
                (trade.fee_open if entry else trade.fee_close) or 0.0,
                order.funding_fee or 0.0,
            )
        )
    closed = None if trade.is_open or trade.close_date is None else utc(trade.close_date)
    return TradeLedger(
        trade.pair,
        tuple(sorted(fills)),
        trade.fee_close or 0.0,
        closed.timestamp() if closed else None,
        trade.close_profit_abs or 0.0,
    )


def filled(trade: LocalTrade) -> list[Order]:
    return [order for order in trade.orders if order.filled and not order.ft_is_open]


def open_times(candles: pd.DataFrame) -> NDArray[np.float64]:
    """In seconds since 1970 UTC."""
    return nanoseconds(candles["date"]) / 1e9
