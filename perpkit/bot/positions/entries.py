"""Decides the leverage and stake of every entry, or why there is no entry.

Freqtrade requests the leverage first, then the stake; if either is refused the stake is 0, which
opens nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor, inf, isfinite, nan, sqrt
from typing import Any

from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.positions.account import Account, tradable_equity
from perpkit.bot.positions.additions import allowed_addition, why_blocked
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.stop_keeper import initial_amount, standing_distance
from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.breakers.breaker import Decision
from perpkit.durations import HOUR_S, HOURS_A_YEAR, MINUTE
from perpkit.market.correlation import BenchmarkCorrelation
from perpkit.risk.carry import too_dear
from perpkit.risk.exposure import ExposureLimits, Holding, PlannedEntry, Room, rooms
from perpkit.risk.kelly import kelly_factor
from perpkit.risk.leverage import choose_leverage, volatility_leverage
from perpkit.risk.limits import fit
from perpkit.risk.liquidation import OtherPosition, Position, carrying_margin
from perpkit.risk.sizing import Basis, Held, Size, Terms, full_notional, left_notional, size
from perpkit.signals.confidence import score_of

# Takes the tag of an entry, the equity, the open positions with their tags, and the entry.
Further = Callable[
    [str | None, float, Sequence[tuple[str | None, Holding]], PlannedEntry], Sequence[Room]
]
# Freqtrade requests the stake of an entry right after its leverage.
SAME_ENTRY = MINUTE
# Without `use.exposure` only the number of positions and the balance limit a size.
UNLIMITED = ExposureLimits(
    max_pair=125,
    max_side=125,
    max_gross=125,
    max_net=125,
    max_open_risk=1,
    max_cluster_risk=1,
    free_margin=0,
)


@dataclass(frozen=True)
class Candidate:
    """An entry whose leverage or stake Freqtrade requests.

    :param rate: the entry price
    """

    pair: str
    is_short: bool
    now: datetime
    rate: float
    tag: str | None

    @property
    def side(self) -> str:
        return "short" if self.is_short else "long"


class Entries:
    """Computes the leverage and stake of entries and additions.

    :param columns: returns the candle columns of a pair, None if it has none
    :param risks: the initial risk (R) of the open trades
    :param refusals: records each refused entry
    :param scored_tags: names of enter tags that contain a confidence
    :param fixed_stake: Freqtrade's own stake is one that the user has set, and the most
    :param alone: what else is open does not limit a size, and other parts see to it
    :param share: of the risk of one trade, which is all that an entry may take
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
        refusals: Refusals,
        *,
        scored_tags: Collection[str] = (),
        fixed_stake: bool = False,
        alone: bool = False,
        share: float = 1.0,
        further: Further | None = None,
    ) -> None:
        self._alone = alone
        self._share = share
        self._further = further
        self._config = config
        self._settings = settings
        self._account = account
        self._columns = columns
        self._contracts = contracts
        self._risks = risks
        self._refusals = refusals
        self._scored_tags = scored_tags
        self._fixed_stake = fixed_stake
        self._cross = config.get("margin_mode") == "cross"
        # Why the newest leverage was refused: its stake is requested next, and must be 0.
        self._refusal: tuple[str, bool, datetime, str] | None = None
        self._kelly: tuple[int, float] = (-1, 1.0)

    def leverage(
        self, entry: Candidate, decision: Decision, maximum: float, asked: float = inf
    ) -> float:
        """Returns the leverage for `IStrategy.leverage`; 1 if the entry is refused.

        :param decision: of the breakers, for the pair and side
        :param maximum: the highest leverage that the exchange allows
        :param asked: what the strategy would take; it is the result unless less is allowed
        """
        self._refusal = None
        settings, columns = self._settings, self._columns(entry.pair)
        range_24h = columns.at("range_24h", entry.now) if columns else nan
        if not settings.use.liquidation:
            allowed = min(maximum, decision.max_leverage)
            # A whole number, as the exchange requires.
            most = float(floor(volatility_leverage(settings.leverage, range_24h, allowed)))
            return min(asked, most)
        tiers = self._contracts.tiers(entry.pair, entry.rate)
        if tiers is None:
            return self._refuse(entry, "the exchange has told no maintenance margin of the pair")
        margin = self._carrying(entry.now) if self._cross else None
        distance = self.stop_distance(entry, asked)
        while True:
            chosen = choose_leverage(
                settings.leverage,
                tiers,
                stake=self._most_collateral(entry, distance),
                stop_distance=distance,
                is_short=entry.is_short,
                range_24h=range_24h,
                breaker_cap=min(decision.max_leverage, maximum),
                margin=margin,
            )
            if chosen.leverage is None:
                return self._refuse(entry, chosen.reason)
            asked = min(asked, chosen.leverage)
            nearer, distance = distance, self.stop_distance(entry, asked)
            # A stop at a share of the margin is farther away at less leverage, and allows less.
            if distance == nearer:
                self._refusals.decided.sized(entry.pair, entry.side, entry.now, chosen.reason)
                return asked

    def stake(
        self, entry: Candidate, decision: Decision, leverage: float, proposed: float, most: float
    ) -> float:
        """Returns the stake for `custom_stake_amount`; 0 opens nothing, and the reason is logged.

        :param proposed: Freqtrade's own stake: `stake_amount`, or that of a forced entry
        :param most: the largest that balance and exchange allow
        """
        blocked = why_blocked(decision)
        refused = blocked or self._refusal_of(entry) or self._too_dear(entry)
        if refused:
            sized = Size(0.0, None, refused)
        elif self._settings.use.sizing:
            fixed = proposed if self._fixed_stake else inf
            sized = self._sized(entry, decision, leverage, most, fixed)
        else:
            sized = Size(proposed * decision.size_factor)
        if not sized.stake:
            why = Why(RefusalKind.BREAKER if blocked else RefusalKind.SIZE, sized.reason)
            self._refusals.add(why, entry.pair, entry.side, entry.now, what="No entry")
        elif self._refusals.decided:
            self._note(entry, decision, leverage, sized)
        return sized.stake

    def _note(self, entry: Candidate, decision: Decision, leverage: float, sized: Size) -> None:
        """Notes how a stake came about."""
        decided, factor, stake = self._refusals.decided, decision.size_factor, sized.stake
        at, rule = (entry.pair, entry.side, entry.now), self._settings.sizing
        if self._settings.use.sizing and rule.basis is Basis.RISK:
            risk = rule.risk_per_trade * self._share
            of = (
                f"{risk:.2%} of {self.equity(entry.now):.2f} at risk to a stop "
                f"{self.stop_distance(entry, leverage):.2%} away"
            )
            confidence = score_of(entry.tag, self._scored_tags)
            weighed = "" if confidence is None else f", confidence {confidence:g}"
            decided.sized(*at, f"Stake {stake:.2f}: {of}{weighed}")
        if factor < 1:
            text = f"Size x {factor:g}: {decision.reason}"
            decided.scaled(*at, RefusalKind.BREAKER, text, asked=stake / factor, allowed=stake)
        if sized.reason:
            asked = nan  # the text has it, in notional
            decided.scaled(
                *at, RefusalKind.SIZE, f"Size {sized.reason}", asked=asked, allowed=stake
            )

    def addition(
        self,
        trade: LocalTrade,
        stake: float,
        rate: float,
        now: datetime,
        decision: Decision,
        *,
        sized: bool = False,
    ) -> Size:
        """Returns the part of `stake` that breakers and exposure let an open trade add.

        :param decision: of the breakers, for the trade's pair and side
        :param sized: whether the breakers' size factor has already been applied to `stake`
        """
        allowed = allowed_addition(trade, stake, rate, decision, self._contracts, sized=sized)
        if not allowed.stake:
            return allowed
        within = self._within_exposure(trade, allowed.stake, rate, now)
        return within if within.reason else Size(within.stake, None, allowed.reason)

    def _within_exposure(self, trade: LocalTrade, stake: float, rate: float, now: datetime) -> Size:
        use = self._settings.use
        if not (use.sizing and use.exposure):
            return Size(stake)
        pair, leverage = trade.pair, trade.leverage
        entry = Candidate(pair, trade.is_short, now, rate, None)
        distance = self._distance_of_addition(trade, entry)
        asked = PlannedEntry(pair, trade.is_short, distance, leverage)
        holdings = [self._holding(each, now) for each in open_trades()]
        between = self._correlation(entry, open_trades()).between
        equity = self.equity(now)
        found = rooms(self._settings.exposure, equity, holdings, asked, between)
        further = self._further_rooms(trade.enter_tag, equity, open_trades(), holdings, asked)
        got = fit([*found, *further], stake * leverage, self._contracts.least_notional(pair, rate))
        if got.bound is None:
            return Size(stake)
        return Size(got.notional / leverage, got.bound.limit, got.reason)

    def equity(self, now: datetime) -> float:
        """Returns the equity that Freqtrade may trade with, marked to market, in stake currency.

        NaN while a price is missing.
        """
        return tradable_equity(self._config, self._account, now)

    def _sized(
        self, entry: Candidate, decision: Decision, leverage: float, most: float, fixed: float
    ) -> Size:
        settings = self._settings
        confidence = score_of(entry.tag, self._scored_tags)
        others = [] if self._alone else open_trades()
        equity = self.equity(entry.now)
        holdings = [self._holding(trade, entry.now) for trade in others]
        distance = self.stop_distance(entry, leverage)
        asked = PlannedEntry(entry.pair, entry.is_short, distance, leverage)
        return size(
            settings.sizing,
            settings.exposure if settings.use.exposure else UNLIMITED,
            equity,
            holdings,
            asked,
            Terms(
                price=entry.rate,
                amount_step=self._contracts.amount_step(entry.pair),
                min_stake=self._contracts.least_notional(entry.pair, entry.rate) / leverage,
                max_stake=most,
                confidence=1.0 if confidence is None else confidence,
                size_factor=decision.size_factor,
                kelly=self._kelly_factor(),
                vol_annual=self._vol_annual(entry),
                fixed_stake=fixed,
                share=self._share,
            ),
            self._correlation(entry, others).between,
            self._further_rooms(entry.tag, equity, others, holdings, asked),
        )

    def _further_rooms(
        self,
        tag: str | None,
        equity: float,
        trades: Sequence[LocalTrade],
        holdings: Sequence[Holding],
        asked: PlannedEntry,
    ) -> Sequence[Room]:
        if self._further is None or not self._settings.use.exposure:
            return ()
        tags = (trade.enter_tag for trade in trades)
        return self._further(tag, equity, list(zip(tags, holdings, strict=True)), asked)

    def left(self, trade: LocalTrade, rate: float, now: datetime) -> float:
        """Returns the notional that may be added to a trade until it has its full size, NaN if it
        is unknown: its additions included, a trade risks no more than an entry may."""
        rule, entry = self._settings.sizing, Candidate(trade.pair, trade.is_short, now, rate, None)
        distance = self._distance_of_addition(trade, entry)
        full = full_notional(rule, self.equity(now), distance, self._vol_annual(entry))
        open_orders = ordered(trade) * rate
        held = Held(trade.amount * rate + open_orders, _lost_at_stop(trade, distance, open_orders))
        return left_notional(rule, full * self._kelly_factor(), held, distance)

    def stop_distance(self, entry: Candidate, leverage: float) -> float:
        """Returns the distance of the stop, a fraction of the price; NaN if unknown, which refuses
        entries."""
        distance = self._risks.distance(entry.pair, entry.rate, entry.now, leverage)
        return nan if distance is None else distance

    def _distance_of_addition(self, trade: LocalTrade, entry: Candidate) -> float:
        standing = standing_distance(trade, entry.rate)
        return self.stop_distance(entry, trade.leverage) if standing is None else standing

    def _vol_annual(self, entry: Candidate) -> float:
        columns = self._columns(entry.pair)
        return columns.at("vol_1h", entry.now) * sqrt(HOURS_A_YEAR) if columns else nan

    def _most_collateral(self, entry: Candidate, distance: float) -> float:
        """The largest margin that the entry may get: all of the equity, or what its risk allows."""
        equity, sizing = self.equity(entry.now), self._settings.sizing
        if not self._settings.use.sizing or sizing.basis is Basis.VOLATILITY:
            return equity
        return min(equity, equity * sizing.risk_per_trade * self._settings.kelly.cap / distance)

    def _holding(self, trade: LocalTrade, now: datetime) -> Holding:
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

    def _correlation(self, entry: Candidate, others: Sequence[LocalTrade]) -> BenchmarkCorrelation:
        def known(pair: str) -> float:
            columns: CandleColumns | None = self._columns(pair)
            return columns.at("btc_correlation", entry.now) if columns else nan

        pairs = {trade.pair for trade in others} | {entry.pair} if others else set()
        return BenchmarkCorrelation({pair: known(pair) for pair in pairs})

    def _kelly_factor(self) -> float:
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

    def _carrying(self, now: datetime) -> float:
        """The loss that the shared wallet can carry before liquidation, given the open trades."""
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

    def _too_dear(self, entry: Candidate) -> str | None:
        return self.carry_reason(entry.pair, entry.is_short, entry.now, 0.0)

    def exit_reason(self, trade: LocalTrade, now: datetime) -> str | None:
        """Returns the exit reason of a trade that is no longer worth its funding, or None."""
        hours = (now - trade.open_date_utc).total_seconds() / HOUR_S
        dear = self.carry_reason(trade.pair, trade.is_short, now, hours)
        return "carry_cost" if dear else None

    def carry_reason(
        self, pair: str, is_short: bool, now: datetime, held_hours: float
    ) -> str | None:
        """Returns why funding makes a position not worth holding; None if it does not.

        :param held_hours: how long the position has been held; 0 for an entry
        """
        columns = self._columns(pair)
        if not self._settings.use.carry or columns is None:
            return None
        row = columns.row(now)
        return too_dear(
            self._settings.carry,
            columns.value("funding_rate_8h", row),
            columns.value("funding_mean_8h", row),
            columns.value("funding_interval_hours", row),
            is_short,
            now.timestamp(),
            held_hours,
        )

    def _refuse(self, entry: Candidate, reason: str) -> float:
        self._refusal = entry.pair, entry.is_short, entry.now, reason
        return 1.0

    def _refusal_of(self, entry: Candidate) -> str | None:
        if self._refusal is None:
            return None
        pair, is_short, asked, reason = self._refusal
        same = (pair, is_short) == (entry.pair, entry.is_short)
        return reason if same and entry.now - asked < SAME_ENTRY else None


def _lost_at_stop(trade: LocalTrade, distance: float, open_orders: float) -> float:
    """Returns what a trade loses at its stop, with what its reductions have lost before.

    :param distance: of the stop from the price of the orders, whose value is `open_orders`
    """
    stop, away = trade.stop_loss, trade.open_rate * distance
    if stop:
        away = (stop - trade.open_rate) if trade.is_short else (trade.open_rate - stop)
    realized = trade.realized_profit or 0.0
    return max(0.0, away * trade.amount + distance * open_orders - min(realized, 0.0))


def ordered(trade: LocalTrade) -> float:
    """Returns the amount of a trade's open entry orders, in base currency.

    A trade's own amount includes their fills only after they have ended.
    """
    return sum(
        order.safe_amount
        for order in trade.orders
        if order.ft_is_open and order.ft_order_side == trade.entry_side
    )


def open_trades() -> list[LocalTrade]:
    """Returns the open trades, including those whose entry has not filled yet."""
    return Trade.get_trades_proxy(is_open=True)
