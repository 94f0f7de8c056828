"""The account of a bot in dry-run or live."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import isnan, nan
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.persistence import KeyValueStore, LocalTrade, Trade
from freqtrade.wallets import PositionWallet, Wallets
from sqlalchemy import func, select

from perpkit.bot.candles.candles import CandleFeed
from perpkit.bot.positions.account import Account, AccountStanding, Balance
from perpkit.bot.positions.trade_figures import (
    closed_trade,
    configured_capital,
    gross_profit,
    open_funding,
)
from perpkit.bot.positions.trade_lock import lock_of
from perpkit.bot.positions.trades import TradeKey, key_of
from perpkit.breakers.loss_limits import Sample
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.market.credits import declares_multi_assets
from perpkit.market.exchanges import facts_of
from perpkit.record.trade_database import HIGH_WATER_KEY
from perpkit.risk.equity import SteadyReading, TradeLedger

# Freqtrade reads the balance at minutes 1 and 31 of every hour.
BALANCE_STEADY = timedelta(minutes=35)
# Collateral in coins changes its worth all the time: the capital follows it by steps up to this.
COLLATERAL_MOVES = 0.02
# Trades that closed longer ago are not queried again.
MEMORY = timedelta(days=30)
# Freqtrade treats candles as outdated two candles and this long after the newest one opened.
OUTDATED = timedelta(minutes=5)


class RunningAccount(Account):
    """The account of a bot in dry-run or live, at current prices.

    It sends no requests: the breakers run before the exits, and a slow answer would delay these.
    Prices are those at which Freqtrade last checked its exits, one loop ago; without them, the
    close of the newest candle. Trades are read under the bot's lock, and only figures are returned.
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
        tolerance = COLLATERAL_MOVES if declares_multi_assets(config) else SteadyReading.tolerance
        # Freqtrade takes the open profit off since 2026.9.
        stripped = "unrealized_pnl" in PositionWallet._fields
        facts = facts_of(config["exchange"]["name"])
        self._settled = stripped or not facts.balance_has_open_profit
        self._balance = SteadyReading(BALANCE_STEADY.total_seconds(), tolerance)
        self._lock = lock_of(dp)
        # The trades that have been counted; how many had closed by then, and their profit.
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

    def balance(self) -> Balance | None:
        """Returns the balance of all who trade on the account, as Freqtrade read it last.

        It is not known in dry-run, and where it has the open profit of others in it.
        """
        wallets = self._wallets
        if self._config["dry_run"] or wallets is None or not self._settled:
            return None
        at = getattr(wallets, "_last_wallet_refresh", None)  # first: a thread may read it meanwhile
        return None if at is None else Balance(wallets.get_total(wallets._stake_currency), at)

    def _settled_balance(self, wallets: Wallets, now: datetime) -> float:
        """Returns the wallet's balance without the profit of open positions.

        Freqtrade's starting balance is not used: it is computed from the free balance, which
        includes the open profit with cross margin.
        """
        total: float = wallets.get_total(wallets._stake_currency)
        if self._settled:
            return total
        return total - sum(gross_profit(t, self.rate(t.pair, now)) for t in self._open_trades())

    def _in_balance(self) -> float:
        """Returns the part of `at`'s profit that the balance includes: profit realised by closed
        trades and by parts of open ones, and the fees and funding of open ones."""
        profit = self._closed_profit()
        for trade in self._open_trades():
            paid = trade.amount * trade.open_rate * trade.fee_open
            profit += (trade.realized_profit or 0.0) + open_funding(trade) - paid
        return profit

    def newly_closed(self, now: datetime) -> list[ClosedTrade]:
        with self._lock:
            # Their number and sum show whether any trade has closed.
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

    def rate(self, pair: str, now: datetime) -> float:
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
        """Returns the number of closed trades and their total profit."""
        which = select(func.count(Trade.id), func.sum(Trade.close_profit_abs))
        count, profit = Trade.session.execute(which.filter(Trade.is_open.is_(False))).one()
        return count, profit or 0.0

    def _closed_profit(self) -> float:
        # Add here what Freqtrade does not book: funding of trades that were closed by their stop.
        return Trade.get_total_closed_profit()
