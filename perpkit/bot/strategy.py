"""PerpStrategy: the base class of every strategy of this package, for Binance USD-M perpetuals.

It is the risk layer (`perpkit.bot.layer`: breakers, halts, the stop guard) and what only a strategy
of the package has: market columns, and its own entries (leverage and stake), stops and adjustments
(scale-out and slices). Subclasses add signals in `populate_entry_trend` and `populate_exit_trend`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType, ExitCheckTuple
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import LocalTrade, Order, Trade
from freqtrade.strategy import DecimalParameter, IStrategy

from perpkit.bot.acceleration.stays import STAYS
from perpkit.bot.callbacks.fail_closed import FailsClosed
from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS
from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.bot.candles.own_columns import names_column
from perpkit.bot.layer.breaker_parameters import (
    FLASH_MOVE,
    FUNDING_EXTREME,
    VIX_CALM_HOURS,
    VIX_STRESSED,
    WEEK_LOSS,
    default_breakers,
)
from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.quiet_candles import QuietCandles, deciding, has_own
from perpkit.bot.layer.stakes import has_fixed_stake, risk_stakes
from perpkit.bot.layer.uncopied import uncopied
from perpkit.bot.live.additions import REPLACED
from perpkit.bot.live.no_parts import NoParts
from perpkit.bot.live.rests import REST
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.adjustments import SLICE
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.managing import Managers, Managing
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.present_settings import PresentSettings
from perpkit.bot.refusals import Refusals
from perpkit.bot.requirements import Requirements
from perpkit.bot.shown import Shown
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision
from perpkit.market.benchmark import benchmark_pair
from perpkit.market.columns import with_columns
from perpkit.market.exchanges import facts_of
from perpkit.market.ranges import ranges
from perpkit.risk.sizing import Size
from perpkit.risk.stops import EntryStop
from perpkit.risk.targets import Target
from perpkit.risk.trailing import Trail

# The columns of the newest closed candle that callbacks read.
LOOKED_UP = (
    "high",
    "low",
    "close",
    "atr",
    "sar",
    "range_24h",
    "vol_1h",
    "btc_correlation",
    "funding_rate_8h",
    "funding_mean_8h",
    "funding_interval_hours",
)


class PerpStrategy(FailsClosed, Shown, Requirements, PresentSettings):
    """Base class that sizes, protects and closes a strategy's trades; see docs/strategies.md."""

    # What each callback returns if it fails, including those that a subclass overrides.
    answers = SAFE_ANSWERS

    INTERFACE_VERSION = 3
    can_short = True
    process_only_new_candles = True
    use_exit_signal = True

    # A floor below the stop that `custom_stoploss` sets at the fill; wide enough for the widest
    # stop (6%) at the highest leverage (10x).
    stoploss = -0.60
    use_custom_stoploss = True
    # For scale-out, slices, and the rest of a partly filled entry; a user may switch it off.
    position_adjustment_enable = True
    # Never reached, since `custom_roi` takes the profit.
    minimal_roi = {"0": 100.0}
    use_custom_roi = True

    order_types = {
        "entry": "limit",
        "exit": "limit",
        "emergency_exit": "market",
        "force_entry": "market",
        "force_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }

    # Tags of additions that are parts of an entry: the breakers' size factor has already been
    # applied to them and must not be applied twice.
    sized_tags = frozenset({REST, SLICE, REPLACED})

    # The names that the strategy gives to `perpkit.signals.confidence.tag`: enter tags with them
    # contain a confidence, which scales the stake. A number in any other tag is none.
    scored_tags: Collection[str] = frozenset()

    # The columns that callbacks can look up.
    looked_up: Sequence[str] = LOOKED_UP

    # For docs/parameters.md as well: the settings that hyperopt parameters replace, the meanings of
    # the other parameters, and the signals' rule classes that have parameters of the same names.
    searched: ClassVar[dict[str, str]] = {
        "stop_distance": "stop.distance",
        "trail_atr": "trailing.atr_multiple",
        "risk_per_trade": "sizing.risk_per_trade",
    }
    meanings: ClassVar[dict[str, str]] = {
        "take_profit": "The distance from the entry at which all that is left is sold, after fees",
        "vix_stressed": "`stressed_percentile` of `CryptoVixBreaker`, its release 2 below",
        "vix_calm_hours": "`calm_candles` of `CryptoVixBreaker`",
        "week_loss": "`week_loss` of `DrawdownBreaker`",
        "flash_move": "The move of the first of the `windows` of `FlashCrashBreaker`, 1.5 times it "
        "in 4 h",
        "funding_extreme": "`extreme_percentile` of `FundingBreaker`, its release 3 below",
    }
    rules: ClassVar[tuple[type, ...]] = ()

    # Distances are fractions of the entry price, before leverage.
    stop_distance = DecimalParameter(0.01, 0.06, default=0.05, decimals=3, space="sell")
    take_profit = DecimalParameter(0.02, 0.20, default=0.10, decimals=3, space="sell")
    trail_atr = DecimalParameter(1.5, 8.0, default=3.0, decimals=1, space="sell")
    # Share of equity that is lost if the stop is hit.
    risk_per_trade = DecimalParameter(
        0.0025, 0.02, default=0.01, decimals=4, space="sell", optimize=False
    )

    # The breakers' parameters: perpkit.bot.layer.breaker_parameters.
    _perpkit_prefix = ""
    vix_stressed = deepcopy(VIX_STRESSED)
    vix_calm_hours = deepcopy(VIX_CALM_HOURS)
    week_loss = deepcopy(WEEK_LOSS)
    flash_move = deepcopy(FLASH_MOVE)
    funding_extreme = deepcopy(FUNDING_EXTREME)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._columns: dict[str, CandleColumns] = {}

    @property
    def refusals(self) -> Refusals:
        return self._perpkit.refusals

    @property
    def trade_states(self) -> TradeStates:
        return self._perpkit.states

    def _perpkit_hooks(self) -> Hooks:
        return Hooks(
            settings=self.present_settings,
            columns=self._columns.get,
            doubt=self._doubt_of_entries,
            stop_distance=lambda entry, leverage: self._managing(entry.tag).figures.stop_distance(
                entry, leverage
            ),
            addition=self._addition,
            renew=self._prepare,
            parts_off=list,
            stakes=self.how_stakes_are_made,
            failures=self.failures,
            doubts=lambda: self.doubts,
            own_stops=True,
            own_errors=True,
            asks=self._assumed,
            needs=self.candles_needed,
            next_part=self._next_part,
        )

    def _next_part(self, trade: LocalTrade) -> Target | None:
        if type(self).adjust_trade_position is not PerpStrategy.adjust_trade_position:
            return None  # a subclass decides what is sold, and where
        return self._managing(trade.enter_tag).adjustments.next_part(trade)

    @property
    def protections(self) -> list[dict[str, Any]]:
        """The breakers, at their present parameters; Freqtrade evaluates this as it starts."""
        return default_breakers(lambda name: getattr(self, name).value)

    def bot_start(self, **kwargs: Any) -> None:
        layer = self._perpkit
        try:
            super().bot_start(**kwargs)
        finally:  # what is open is managed even where something has failed
            if layer.started:
                self.watch: Watch = layer.watch
                self._running: NoParts = layer.running
        self._step = pd.Timedelta(seconds=timeframe_to_seconds(self.timeframe))
        awaited = layer.running.awaits_positioning if layer.started else lambda _pair: False
        self._market = MarketColumns(
            self.config,
            layer.feed,
            self.benchmark,
            self._traded_pairs,
            awaited,
            premium=self._uses_premium,
        )
        self._prepare()

    def _computes(self, column: str) -> bool:
        return names_column(type(self), PerpStrategy, column)

    def how_stakes_are_made(self) -> str:
        """Returns a sentence for the start; a strategy with stakes of its own may override it."""
        if type(self).custom_stake_amount is not PerpStrategy.custom_stake_amount:
            return f"Stakes are what custom_stake_amount of {type(self).__name__} returns."
        return risk_stakes(self.config, self.present_settings())

    def _doubt_of_entries(self, pair: str) -> str | None:
        # `custom_entry_price` is ignored, for it is called later, with a price at hand.
        return self.doubt(pair, but="custom_entry_price")

    def _prepare(self) -> None:
        """Creates all parts that depend on parameters, or keep the state of a run."""
        settings = self.present_settings()
        self._perpkit.renew()
        self._contracts = Contracts(self.dp._exchange)
        self._account = account_for(self.config, self._perpkit.feed, self.dp, self.wallets)
        self._risks = self._risks_by(settings.stop)
        self._managers = Managers(
            self.config,
            self._account,
            self._columns.get,
            self._contracts,
            self.refusals,
            self.trade_states,
            self.scored_tags,
            fixed_stake=has_fixed_stake(self.config),
        )
        self._managed = self._managers.by(settings, self._risks)
        wanted = self.config.get("position_adjustment_enable", True)
        # A running bot may have to order the rest of a partly filled entry.
        own = type(self).adjust_trade_position is not PerpStrategy.adjust_trade_position
        use = settings.use
        needed = own or use.scale_out or use.slicing or is_trading(self.config)
        self.position_adjustment_enable = wanted and needed
        self._spare_callbacks()

    def _spare_callbacks(self) -> None:
        """Has a backtest pass over candles about which the callbacks have nothing to say."""
        self.__dict__.pop(STAYS, None)
        if self._perpkit.simulated and not has_own(self, _DECIDING):
            quiet = QuietCandles(self, self._perpkit, self._managing, self._target)
            setattr(self, STAYS, quiet.stays)

    def _risks_by(self, rule: EntryStop) -> TradeRisks:
        return TradeRisks(rule, self._columns.get, self.trade_states)

    def _managing(self, tag: str | None) -> Managing:
        """Returns what manages entries and trades with an enter tag: the same for all of them,
        unless a subclass tells them apart."""
        return self._managed

    def _target(self, tag: str | None) -> float:
        """Returns the distance of the target of trades with an enter tag, a fraction."""
        return self.take_profit.value

    @property
    def benchmark(self) -> str:
        """The pair against which the correlation of all others is measured."""
        return benchmark_pair(self.config["stake_currency"])

    def _traded_pairs(self) -> list[str]:
        if self._perpkit.drawing:  # a chart has no pairlist
            return list(self.config["exchange"].get("pair_whitelist", []))
        return list(self.dp.current_whitelist())

    def informative_pairs(self) -> list[tuple[str, str, str]]:
        pairs = self.dp.current_whitelist()
        funding = [(pair, "1h", CandleType.FUNDING_RATE.value) for pair in pairs]
        own = {*funding, (self.benchmark, "1h", "")}
        if self._uses_premium and facts_of(self.config["exchange"]["name"]).premium_index:
            own |= {(pair, "1h", CandleType.PREMIUMINDEX.value) for pair in pairs}
        return [*own, *(pair for pair in super().informative_pairs() if pair not in own)]

    @property
    def _uses_premium(self) -> bool:
        return self.present_settings("use.premium").use.premium

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        # The last step of every analysis, in every mode: the candles are now complete.
        analysed = super().advise_exit(dataframe, metadata)
        self._columns[metadata["pair"]] = CandleColumns(analysed, self._step, self.looked_up)
        return analysed

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        """Adds ranges, funding, positioning, and the correlation to the benchmark."""
        sar = self.present_settings("trailing.trail").trailing.trail is Trail.SAR
        market = self._market.columns(dataframe, metadata["pair"], self.timeframe)
        return with_columns(dataframe, ranges(dataframe, self._step, sar) | market)

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        entry = Candidate(pair, side == "short", current_time, current_rate, entry_tag)
        entries = self._managing(entry_tag).entries
        return entries.leverage(entry, self.watch.decision(pair, side), max_leverage)

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        entry = Candidate(pair, side == "short", current_time, current_rate, entry_tag)
        decision = self.watch.decision(pair, side)
        stake = self.stake_of(entry, decision, leverage, proposed_stake, max_stake)
        adjustments = self._managing(entry_tag).adjustments
        return adjustments.first_slice(pair, current_time, stake, current_rate, leverage, None)

    def stake_of(
        self, entry: Candidate, decision: Decision, leverage: float, proposed: float, most: float
    ) -> float:
        """Returns the stake of an entry within all limits; 0 opens nothing, and is logged."""
        entries = self._managing(entry.tag).entries
        stake = entries.stake(entry, decision, leverage, proposed, most)
        return self._perpkit.within_limits(entry, leverage, stake)

    def note_answer(self, asked: Mapping[str, Any], answer: bool) -> None:
        """Notes the answer of `confirm_trade_entry`, a subclass's included.

        :param asked: its arguments
        """
        if not self._perpkit.decided:
            return
        now, is_short = asked["current_time"], asked["side"] == "short"
        entry = Candidate(asked["pair"], is_short, now, asked["rate"], asked["entry_tag"])
        self._perpkit.entries.note_answer(entry, asked["amount"], answer)

    def loss_exit(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns the exit reason of a trade that has lost too much at this rate, or None."""
        return self._perpkit.loss_exit(trade, rate)

    def custom_entry_price(
        self,
        pair: str,
        trade: Trade | None,
        current_time: datetime,
        proposed_rate: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        return self._running.entry_price(pair, proposed_rate, entry_tag)

    def check_entry_timeout(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> bool:
        return self._perpkit.entries.entry_timed_out(trade, order, current_time)

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        self._running.order_filled(trade, order)

    @uncopied
    def adjust_trade_position(
        self,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        min_stake: float | None,
        max_stake: float,
        current_entry_rate: float,
        current_exit_rate: float,
        current_entry_profit: float,
        current_exit_profit: float,
        **kwargs: Any,
    ) -> float | tuple[float | None, str | None] | None:
        blocked = self.watch.decision(trade.pair, trade.trade_direction).entries_blocked
        rest = self._running.rest_stake(trade, current_time, min_stake)
        if rest and not blocked:
            return rest
        adjustments = self._managing(trade.enter_tag).adjustments
        answer = adjustments.adjust(trade, current_time, current_exit_rate, blocked)
        return None if answer and trade.has_open_orders else answer

    def _addition(
        self,
        trade: LocalTrade,
        stake: float,
        rate: float,
        now: datetime,
        decision: Decision,
        tag: str | None,
    ) -> Size:
        sized = tag in self.sized_tags
        additions = self._managing(trade.enter_tag).additions
        return additions.allowed(trade, stake, rate, now, decision, sized=sized)

    # FailsClosed answers for an urgent exit, and only where a subclass has something to say: each
    # callback that is overridden costs a copy of the trade.
    confirm_trade_exit = IStrategy.confirm_trade_exit
    custom_exit_price = IStrategy.custom_exit_price

    def should_exit(self, trade: Trade, *args: Any, **kwargs: Any) -> list[ExitCheckTuple]:
        # Defined here to be wrapped: `answers` puts a halt and an overtaken stop first, even if a
        # subclass overrides this.
        return IStrategy.should_exit(self, trade, *args, **kwargs)

    @uncopied
    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Closes trades that have lost their reason: a stop overtaken, time up, costly funding."""
        managing = self._managing(trade.enter_tag)
        if reason := managing.stops.exit_reason(trade, current_time):
            return reason
        return managing.carry.exit_reason(trade, current_time)

    @uncopied
    def custom_stoploss(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        after_fill: bool,
        **kwargs: Any,
    ) -> float | None:
        """Returns the stop, computed as a price and converted to Freqtrade's leveraged ratio."""
        reducing = self.watch.tightens(pair, trade.trade_direction)
        stops = self._managing(trade.enter_tag).stops
        return stops.ratio(trade, current_time, current_rate, after_fill, reducing)

    @uncopied
    def custom_roi(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        trade_duration: int,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float | None:
        """Returns `take_profit`, a price move after fees, as Freqtrade's leveraged ratio."""
        return self._target(entry_tag) * trade.leverage


_DECIDING = deciding(PerpStrategy)
