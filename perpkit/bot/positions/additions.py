"""What may be added to an open trade: by the breakers, its exposure, and the risk at its stop."""

from __future__ import annotations

from datetime import datetime

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entry_figures import EntryFigures
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trade_figures import open_trades, ordered
from perpkit.breakers.breaker import Decision
from perpkit.risk.exposure import PlannedEntry, rooms
from perpkit.risk.limits import fit
from perpkit.risk.sizing import Held, Size, full_notional, left_notional


class Additions:
    """Computes the largest additions to open trades."""

    def __init__(self, figures: EntryFigures, settings: Settings, contracts: Contracts) -> None:
        self._figures = figures
        self._settings = settings
        self._contracts = contracts

    def allowed(
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
        use, figures = self._settings.use, self._figures
        if not (use.sizing and use.exposure):
            return Size(stake)
        pair, leverage = trade.pair, trade.leverage
        entry = Candidate(pair, trade.is_short, now, rate, None)
        distance = figures.distance_of_addition(trade, entry)
        asked = PlannedEntry(pair, trade.is_short, distance, leverage)
        holdings = [figures.holding(each, now) for each in open_trades()]
        between = figures.correlation(entry, open_trades()).between
        equity = figures.equity(now)
        found = rooms(self._settings.exposure, equity, holdings, asked, between)
        further = figures.further_rooms(trade.enter_tag, equity, open_trades(), holdings, asked)
        got = fit([*found, *further], stake * leverage, self._contracts.least_notional(pair, rate))
        if got.bound is None:
            return Size(stake)
        return Size(got.notional / leverage, got.bound.limit, got.reason)

    def left(self, trade: LocalTrade, rate: float, now: datetime) -> float:
        """Returns the notional that may be added to a trade until it has its full size, NaN if it
        is unknown: its additions included, a trade risks no more than an entry may."""
        rule, figures = self._settings.sizing, self._figures
        entry = Candidate(trade.pair, trade.is_short, now, rate, None)
        distance = figures.distance_of_addition(trade, entry)
        full = full_notional(rule, figures.equity(now), distance, figures.vol_annual(entry))
        open_orders = ordered(trade) * rate
        held = Held(trade.amount * rate + open_orders, _lost_at_stop(trade, distance, open_orders))
        return left_notional(rule, full * figures.kelly_factor(), held, distance)


def allowed_addition(
    trade: LocalTrade,
    stake: float,
    rate: float,
    decision: Decision,
    contracts: Contracts,
    *,
    sized: bool = False,
) -> Size:
    """The part of `stake` that may be added, with the reason where it is not all of it.

    :param decision: of the breakers, for the trade's pair and side
    :param sized: it belongs to an entry whose size the breakers have been asked about
    """
    if refused := why_blocked(decision):
        return Size(0.0, None, refused)
    if sized or decision.size_factor >= 1:
        return Size(stake)
    part = stake * decision.size_factor
    reason = decision.reason or f"sizes are cut to {decision.size_factor:.0%}"
    if part * trade.leverage < contracts.least_notional(trade.pair, rate):
        return Size(0.0, None, reason)
    return Size(part, None, reason)


def why_blocked(decision: Decision) -> str | None:
    """Why the breakers allow no new risk; None where they do."""
    if decision.entries_blocked or not decision.size_factor > 0:
        return decision.reason or f"the breakers are {decision.trading}"
    return None


def _lost_at_stop(trade: LocalTrade, distance: float, open_orders: float) -> float:
    """Returns what a trade loses at its stop, with what its reductions have lost before.

    :param distance: of the stop from the price of the orders, whose value is `open_orders`
    """
    stop, away = trade.stop_loss, trade.open_rate * distance
    if stop:
        away = (stop - trade.open_rate) if trade.is_short else (trade.open_rate - stop)
    realized = trade.realized_profit or 0.0
    return max(0.0, away * trade.amount + distance * open_orders - min(realized, 0.0))
