"""A basket of target weights: one decision for all pairs, once per candle, in every mode.

Freqtrade calls the strategy pair by pair, in a different order in backtests than live. So the
changes of all pairs are computed together on the first call in a candle, and each pair takes its
change once. What could not be done is computed again at the next candle.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from freqtrade.persistence import LocalTrade, PairLocks, Trade
from freqtrade.wallets import Wallets

from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.stop_keeper import step_of
from perpkit.bot.positions.trade_figures import open_trades, ordered
from perpkit.bot.positions.trade_risk import Columns
from perpkit.bot.positions.trades import TradeKey, key_of, utc
from perpkit.breakers.breaker import Decision
from perpkit.market.times import opening
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.rebalancing import Change, TargetWeights, rebalance
from perpkit.risk.scale_out import reducing_stake
from perpkit.risk.sizing import floor_to_step

logger = logging.getLogger(__name__)

TAG = "rebalance"
# Features that would size positions by other rules than the weights.
CONTRADICTING = ("sizing", "scale_out", "slicing")
# After these exits a pair may be entered again at once: an operator has cleared a halt, or changed
# the weights.
WANTED_EXITS = ("halted", "exit_signal", TAG)


@dataclass(frozen=True)
class BasketSettings(Settings):
    """Settings with target weights; features that size or close positions otherwise are off."""

    use: Switches = field(
        default_factory=lambda: Switches(
            sizing=False, exposure=False, trailing=False, scale_out=False, carry=False
        )
    )
    leverage: LeverageLimit = field(default_factory=lambda: LeverageLimit(max_leverage=1.0))
    basket: TargetWeights = field(default_factory=TargetWeights)

    def check_together(self) -> None:
        for name in CONTRADICTING:
            if getattr(self.use, name):
                raise ValueError(
                    f"use.{name} must be false, got true: the weights of the basket say how much "
                    "is held"
                )


class Rebalancer:
    """Decides the trades that bring the basket back to its target weights.

    :param equity: marked to market, in stake currency, NaN while a price is missing
    :param leverage: the largest that positions may have
    :param decision: returns the breakers' decision for a pair and side
    :param candle: length of the strategy's candles
    """

    def __init__(
        self,
        rule: TargetWeights,
        leverage: float,
        equity: Callable[[datetime], float],
        columns: Columns,
        contracts: Contracts,
        wallets: Wallets,
        decision: Callable[[str, str], Decision],
        candle: timedelta,
    ) -> None:
        self._rule = rule
        self._leverage = leverage
        self._equity = equity
        self._columns = columns
        self._contracts = contracts
        self._wallets = wallets
        self._decision = decision
        self._candle = candle.total_seconds()
        self._decided = -1.0
        self._changes: dict[str, Change] = {}
        self._prices: dict[str, float] = {}
        self._locked: set[TradeKey] = set()

    def opening(self, pair: str, now: datetime) -> float:
        """Returns the value of a new position in a pair, 0 for none."""
        change = self._take(pair, now)
        return abs(change.value) if change and change.opens else 0.0

    def adjustment(self, trade: LocalTrade, now: datetime, most: float) -> tuple[float, str] | None:
        """Returns stake to add, or below 0 to take off, and a tag, for `adjust_trade_position`.

        :param most: the largest stake that can be added
        """
        change = self._take(trade.pair, now)
        if change is None or change.opens or trade.has_open_orders:
            return None
        value = abs(change.value)
        if change.adds:
            value = min(value, most * trade.leverage)
            # The cap may leave an addition that is too small to be worth its fee.
            return (value / trade.leverage, TAG) if value >= self._rule.min_trade else None
        step = step_of(trade)
        amount = floor_to_step(value / self._prices[trade.pair], step)
        return reducing_stake(amount, trade.amount, trade.stake_amount, step), TAG

    def lock_after_exits(self, now: datetime) -> None:
        """Locks pairs for a while whose trades were stopped out or closed by hand.

        The locks are Freqtrade's: `/locks` lists them, `/unlock` ends them, a restart keeps them.
        A running bot calls this with its trade lock held.
        """
        pause = timedelta(days=self._rule.cooldown_days)
        for trade in Trade.get_trades_proxy(is_open=False, close_date=now - pause):
            key = key_of(trade)
            if key in self._locked or trade.exit_reason in WANTED_EXITS:
                continue
            days = f"{self._rule.cooldown_days:g} days"
            reason = f"basket: out for {days} after {trade.exit_reason} of trade {trade.id}"
            closed = trade.close_date_utc or now
            # A lock that began before the trade closed belongs to an earlier trade with this id.
            known = (
                lock.reason == reason and utc(lock.lock_time) >= closed
                for lock in PairLocks.get_all_locks()
            )
            if not any(known):
                PairLocks.lock_pair(trade.pair, closed + pause, reason, now=now)
                logger.info(f"{trade.pair} {reason}.")
            self._locked.add(key)

    def _take(self, pair: str, now: datetime) -> Change | None:
        """Returns the pair's change of this candle's decision, once."""
        candle = opening(now.timestamp(), self._candle)
        if candle != self._decided:
            self._changes = {}  # not those of another candle, should this fail
            self._decide(now)
            self._decided = candle
        return self._changes.pop(pair, None)

    def _decide(self, now: datetime) -> None:
        trades = open_trades()
        pairs = {*self._rule.pairs, *(trade.pair for trade in trades)}
        self._prices = {pair: self._price(pair, now) for pair in pairs}
        held = {
            t.pair: (-1 if t.is_short else 1) * (t.amount + ordered(t)) * self._prices[t.pair]
            for t in trades
        }
        equity = self._equity(now)
        limits = {
            "free": self._wallets.get_available_stake_amount() * self._leverage,
            "least": {pair: self._least(pair) for pair in pairs},
        }
        changes = rebalance(self._rule, equity, held, **limits)
        if adding := [change.pair for change in changes if change.adds]:
            # Locks are checked only now, because in a backtest each check scans all past locks.
            factors = {pair: self._allowed(pair, now) for pair in adding}
            changes = rebalance(self._rule, equity, held, **limits, factors=factors)
        self._changes = {change.pair: change for change in changes if change.value}
        for change in changes:
            weight, value = self._rule.of(change.pair), abs(change.value)
            trade = f"{'buy' if change.value > 0 else 'sell'} {value:.2f}" if value else "no trade"
            logger.info(
                f"Basket: {change.pair} at {weight + change.deviation:.1%} of equity "
                f"({equity:.2f}), target {weight:.1%}: {trade}"
                + (f", {change.reason}." if change.reason else ".")
            )

    def _allowed(self, pair: str, now: datetime) -> float:
        """Returns the factor on a pair's weight up to which new risk may be taken, 0 to 1."""
        side = "short" if self._rule.of(pair) < 0 else "long"
        decision = self._decision(pair, side)
        if decision.entries_blocked or PairLocks.is_pair_locked(pair, now, side):
            return 0.0
        return decision.size_factor

    def _price(self, pair: str, now: datetime) -> float:
        columns = self._columns(pair)
        return columns.at("close", now) if columns else float("nan")

    def _least(self, pair: str) -> float:
        price = self._prices[pair]
        return self._contracts.least_notional(pair, price) if price == price else 0.0
