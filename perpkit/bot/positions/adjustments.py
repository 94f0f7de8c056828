"""Changes to open positions: partial exits at multiples of R, and entries in slices.

`adjust_trade_position` of the base strategy calls this once per candle in backtests and once per
loop in dry-run and live; most of the time it returns None after one comparison.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from math import nan

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.stop_keeper import position_of, step_of
from perpkit.bot.positions.trade_risk import Columns, TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.scale_out import next_exit, reducing_stake
from perpkit.risk.slicing import Plan, next_slice, plan
from perpkit.risk.targets import PART, Target, next_part

# From the stake request to the opening of the trade, whose order may take several attempts.
SAME_ENTRY = timedelta(minutes=5)
SLICE = "slice"  # tag of its orders
Answer = float | tuple[float, str] | None


class Adjustments:
    """Plans slices at the entry, and decides partial exits and further slices."""

    def __init__(
        self,
        settings: Settings,
        risks: TradeRisks,
        columns: Columns,
        contracts: Contracts,
        states: TradeStates,
    ) -> None:
        self._settings = settings
        self._risks = risks
        self._columns = columns
        self._contracts = contracts
        self._states = states
        # By pair until the trade exists, with the time of the stake request.
        self._asked: dict[str, tuple[Plan, datetime]] = {}

    def first_slice(
        self,
        pair: str,
        now: datetime,
        stake: float,
        rate: float,
        leverage: float,
        depth: float | None,
    ) -> float:
        """Returns the part of an entry's stake that is ordered first.

        :param depth: value in the order book within the accepted slippage; None if unknown
        """
        if not self._settings.use.slicing:
            return stake
        least = self._contracts.least_notional(pair, rate) / leverage
        planned = plan(self._settings.slicing, stake, least, leverage, depth)
        self._asked[pair] = planned, now
        return planned.slice_stake

    def adjust(
        self, trade: LocalTrade, now: datetime, rate: float, entries_blocked: bool
    ) -> Answer:
        """Returns stake to add, or below 0 to take off, and a tag, for `adjust_trade_position`."""
        if self._settings.use.scale_out and (sold := self._scaled_out(trade, rate)):
            return sold, PART
        if self._settings.use.slicing and not trade.realized_profit:
            return self._sliced(trade, now, rate, entries_blocked)
        return None

    def may_act(self, trade: LocalTrade, rate: float) -> bool:
        """Whether `adjust` may answer something at this rate; where not, it is certain."""
        use = self._settings.use
        sliced = use.slicing and not trade.realized_profit
        return sliced or (use.scale_out and self._scaled_out(trade, rate) != 0)

    def next_part(self, trade: LocalTrade) -> Target | None:
        """Returns the part that `adjust` takes off next, and the price at which it does."""
        if not self._settings.use.scale_out:
            return None
        position = position_of(trade, self._risks.of(trade))
        least = partial(self._contracts.least_notional, trade.pair)
        return next_part(self._settings.scale_out, position, least, step_of(trade))

    def _scaled_out(self, trade: LocalTrade, rate: float) -> float:
        ladder, memory = self._settings.scale_out, self._risks.of(trade)
        gain = trade.open_rate - rate if trade.is_short else rate - trade.open_rate
        if gain < ladder.first_r * memory.risk:
            return 0.0
        step = step_of(trade)
        least = self._contracts.least_notional(trade.pair, rate)
        amount = next_exit(ladder, position_of(trade, memory), rate, least, step)
        return reducing_stake(amount, trade.amount, trade.stake_amount, step) if amount else 0.0

    def _sliced(
        self, trade: LocalTrade, now: datetime, rate: float, entries_blocked: bool
    ) -> Answer:
        planned, columns = self._plan_of(trade), self._columns(trade.pair)
        if planned is None or columns is None:
            return None
        row = columns.row(now)
        filled = trade.date_last_filled_utc or trade.open_date_utc
        signal = columns.at("close", trade.open_date_utc)
        following = next_slice(
            self._settings.slicing,
            planned,
            filled=trade.max_stake_amount or trade.stake_amount,
            candles=row - columns.row(trade.open_date_utc),
            candles_since_fill=row - columns.row(filled),
            drift=rate / signal - 1 if signal > 0 else nan,
            entries_blocked=entries_blocked,
            min_stake=self._contracts.least_notional(trade.pair, rate) / trade.leverage,
        )
        if following.done:
            state = self._states.of(trade)
            state.plan = None
            self._states.store(trade, state)
        return (following.stake, SLICE) if following.stake else None

    def _plan_of(self, trade: LocalTrade) -> Plan | None:
        state = self._states.of(trade)
        if asked := self._asked.pop(trade.pair, None):
            planned, at = asked
            # The plan belongs to another entry if that one never became a trade.
            if timedelta(0) <= state.opened - at < SAME_ENTRY:
                state.plan = planned
                self._states.store(trade, state)
        return state.plan
