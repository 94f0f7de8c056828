"""What entries and additions are decided by: equity, volatility, stops, and what else is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import isfinite, nan, sqrt
from typing import Any

from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.account import Account, tradable_equity
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.stop_keeper import initial_amount, standing_distance
from perpkit.bot.positions.trade_figures import open_trades, ordered
from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.durations import HOURS_A_YEAR
from perpkit.market.correlation import BenchmarkCorrelation
from perpkit.risk.exposure import Holding, PlannedEntry, Room
from perpkit.risk.kelly import kelly_factor
from perpkit.risk.liquidation import OtherPosition, Position, carrying_margin

# Takes the tag of an entry, the equity, the open positions with their tags, and the entry.
Further = Callable[
    [str | None, float, Sequence[tuple[str | None, Holding]], PlannedEntry], Sequence[Room]
]


class EntryFigures:
    """Reads the figures from the account, the candles and the open trades.

    :param columns: returns the candle columns of a pair, None if it has none
    :param risks: the initial risk (R) of the open trades
    :param further: returns the room of further limits for an entry with a tag, given the equity,
        and the open positions with the tags of their entries
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        settings: Settings,
        account: Account,
        columns: Columns,
        contracts: Contracts,
        risks: TradeRisks,
        further: Further | None = None,
    ) -> None:
        self._config = config
        self._settings = settings
        self._account = account
        self._columns = columns
        self._contracts = contracts
        self._risks = risks
        self._further = further
        self._cross = config.get("margin_mode") == "cross"
        self._kelly: tuple[int, float] = (-1, 1.0)

    def equity(self, now: datetime) -> float:
        """Returns the equity that Freqtrade may trade with, marked to market, in stake currency.

        NaN while a price is missing.
        """
        return tradable_equity(self._config, self._account, now)

    def range_24h(self, entry: Candidate) -> float:
        """Returns how far the price has moved within 24 hours, as a fraction; NaN if unknown."""
        columns = self._columns(entry.pair)
        return columns.at("range_24h", entry.now) if columns else nan

    def vol_annual(self, entry: Candidate) -> float:
        """Returns the volatility of the pair, a fraction a year; NaN if unknown."""
        columns = self._columns(entry.pair)
        return columns.at("vol_1h", entry.now) * sqrt(HOURS_A_YEAR) if columns else nan

    def stop_distance(self, entry: Candidate, leverage: float) -> float:
        """Returns the distance of the stop, a fraction of the price; NaN if unknown, which refuses
        entries."""
        distance = self._risks.distance(entry.pair, entry.rate, entry.now, leverage)
        return nan if distance is None else distance

    def distance_of_addition(self, trade: LocalTrade, entry: Candidate) -> float:
        """Returns the distance of the stop that an addition shares, or would have without one."""
        standing = standing_distance(trade, entry.rate)
        return self.stop_distance(entry, trade.leverage) if standing is None else standing

    def holding(self, trade: LocalTrade, now: datetime) -> Holding:
        """Returns an open trade, with its open entry orders, as the limits of exposure see it."""
        columns = self._columns(trade.pair)
        rate = columns.at("close", now) if columns else nan
        amount = trade.amount + ordered(trade)
        sign = -1.0 if trade.is_short else 1.0
        stop = sign * (trade.open_rate - sign * self._risks.of(trade).risk)
        if trade.amount and trade.stop_loss:
            stop = max(stop, sign * trade.stop_loss)
        risk = max(0.0, sign * rate - stop) * amount
        margin = amount * trade.open_rate / trade.leverage
        return Holding(trade.pair, sign * amount * rate, risk, margin)

    def correlation(self, entry: Candidate, others: Sequence[LocalTrade]) -> BenchmarkCorrelation:
        """Returns how the pair of an entry and those of open trades move with the benchmark."""

        def known(pair: str) -> float:
            columns: CandleColumns | None = self._columns(pair)
            return columns.at("btc_correlation", entry.now) if columns else nan

        pairs = {trade.pair for trade in others} | {entry.pair} if others else set()
        return BenchmarkCorrelation({pair: known(pair) for pair in pairs})

    def further_rooms(
        self,
        tag: str | None,
        equity: float,
        trades: Sequence[LocalTrade],
        holdings: Sequence[Holding],
        asked: PlannedEntry,
    ) -> Sequence[Room]:
        """Returns the room of further limits for an entry with this tag.

        :param holdings: `trades`, in the same order
        """
        if self._further is None or not self._settings.use.exposure:
            return ()
        tags = (trade.enter_tag for trade in trades)
        return self._further(tag, equity, list(zip(tags, holdings, strict=True)), asked)

    def kelly_factor(self) -> float:
        """Returns the factor on sizes that follows from the closed trades; 1 without that rule."""
        if not self._settings.use.kelly:
            return 1.0
        closed = Trade.get_trades_proxy(is_open=False)
        if self._kelly[0] != len(closed):
            multiples = []
            for trade in sorted(closed, key=lambda t: t.close_date_utc or t.open_date_utc):
                risked = self._risks.initial(trade) * initial_amount(trade)
                multiples.append((trade.close_profit_abs or 0.0) / risked if risked else nan)
            rule, sizing = self._settings.kelly, self._settings.sizing
            self._kelly = len(closed), kelly_factor(rule, multiples, sizing.risk_per_trade)
        return self._kelly[1]

    def carrying(self, now: datetime) -> float | None:
        """The loss that the shared wallet can carry before liquidation, given the open trades.

        None with isolated margin, NaN if it is unknown.
        """
        if not self._cross:
            return None
        others = []
        for trade in open_trades():
            columns = self._columns(trade.pair)
            rate = columns.at("close", now) if columns else nan
            tiers = self._contracts.tiers(trade.pair, rate) if isfinite(rate) else None
            if tiers is None:
                return nan
            position = Position(trade.open_rate, trade.amount, trade.is_short)
            others.append(OtherPosition(position, rate, tiers))
        realised = self.equity(now) - sum(held.unrealized for held in others)
        return carrying_margin(realised, others)
