"""PerpStrategy: the base class of every strategy of this package, for Binance USD-M perpetuals.

Subclasses add signals in `populate_entry_trend` and `populate_exit_trend`. This class adds the
market columns they read, and passes each callback to the part that answers it: entries (leverage
and stake), the stop keeper, adjustments (scale-out and slices), the watch over the breakers, and
the parts that only a running bot has (order books, orders, the stop guard).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType, ExitCheckTuple
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import Order, PairLocks, Trade
from freqtrade.strategy import DecimalParameter, IntParameter

from perpkit.bot.callbacks.fail_closed import FailsClosed
from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS, holds_something
from perpkit.bot.callbacks.usable_protections import use_what_is_usable
from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.candles.candles import feed_for, is_simulated, is_trading
from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.bot.live.additions import REPLACED
from perpkit.bot.live.rests import REST
from perpkit.bot.live.running_parts import RunningParts
from perpkit.bot.live.state_parts import TradingNow, failed_callbacks
from perpkit.bot.options import arm, disarming, parts_off
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.adjustments import SLICE, Adjustments
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.entries import Candidate, Entries
from perpkit.bot.positions.market_lot import keep_stakes_within_lot
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.stop_keeper import StopKeeper
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trade_view import copy_trades_on_write
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import RefusalKind, Why
from perpkit.bot.settings import overridden
from perpkit.bot.watching.watch import NO_MARKDOWN, Watch
from perpkit.breakers.breaker import Decision, Trading
from perpkit.durations import HOUR_S
from perpkit.market.benchmark import benchmark_pair
from perpkit.market.ranges import with_ranges
from perpkit.record.latch import OPTIONS
from perpkit.risk.trailing import Trail

logger = logging.getLogger(__name__)

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


class PerpStrategy(FailsClosed):
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

    # Settings of the risk stack; the parameters below and the configuration's "perpkit" override
    # them.
    settings = Settings()

    # For docs/parameters.md: the settings that hyperopt parameters replace, the meanings of the
    # other parameters, and the signals' rule classes that have parameters of the same names.
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

    # In percentiles of the last 180 days, and in hours: see docs/crypto_vix.md.
    vix_stressed = IntParameter(90, 98, default=96, space="protection")
    vix_calm_hours = IntParameter(1, 24, default=2, space="protection")
    # A share of equity; a share of the price within an hour (1.5 times it in 4 h); a percentile.
    week_loss = DecimalParameter(0.04, 0.20, default=0.10, decimals=2, space="protection")
    flash_move = DecimalParameter(0.05, 0.20, default=0.10, decimals=2, space="protection")
    funding_extreme = IntParameter(90, 99, default=98, space="protection")

    def __init__(self, config: Config) -> None:
        if config.get("trading_mode") != "futures":
            raise ConfigurationError(
                f'{type(self).__name__} needs "trading_mode": "futures", '
                f'got "{config.get("trading_mode", "spot")}"'
            )
        super().__init__(config)
        self._overridden(self.settings, config)  # refuse early
        self._simulated = is_simulated(config)
        self.trade_states = TradeStates(kept=not self._simulated)
        self._columns: dict[str, CandleColumns] = {}
        self._last_loop: datetime | None = None
        self._parts_off: tuple[str, ...] = ()

    @property
    def protections(self) -> list[dict[str, Any]]:
        """The breakers with their current parameters; Freqtrade reads this when it starts."""
        return [
            {
                "method": "CryptoVixBreaker",
                "stressed_percentile": self.vix_stressed.value,
                "stressed_release_percentile": self.vix_stressed.value - 2,
                "calm_candles": self.vix_calm_hours.value,
            },
            {"method": "DrawdownBreaker", "week_loss": self.week_loss.value},
            {
                "method": "FlashCrashBreaker",
                "windows": [[60, self.flash_move.value], [240, 1.5 * self.flash_move.value]],
            },
            {
                "method": "FundingBreaker",
                "extreme_percentile": self.funding_extreme.value,
                "extreme_release_percentile": self.funding_extreme.value - 3,
            },
            {"method": "VenueHealthBreaker"},
        ]

    def bot_start(self, **kwargs: Any) -> None:
        # First, so that stops are guarded even if something below fails.
        settings = self.present_settings()
        self._running = RunningParts(
            self.config,
            self.dp,
            settings,
            self.trade_states,
            self.allowed_addition,
            self.refusals,
        )
        self._show_state()
        keep_stakes_within_lot(self.dp._exchange)
        self._step = pd.Timedelta(seconds=timeframe_to_seconds(self.timeframe))
        self._feed = feed_for(self.config, self.dp)
        self._market = MarketColumns(self.config, self._feed, self.benchmark)
        self.watch = Watch(self.config, self.dp, lambda: self.protections, self.wallets, self._feed)
        self.order_types = dict(self.order_types)  # a copy of the class's: options may change it
        self._look_at_obstacles()
        self._look_at_options()
        self._running.follow(self.watch, datetime.now(UTC))
        if is_trading(self.config):
            use_what_is_usable(self)
        if self._simulated:
            copy_trades_on_write()
        self._prepare()

    def _show_state(self) -> None:
        """Adds the strategy's sections to the state file of a running bot.

        A section that cannot be collected yet is listed there as missing.
        """
        report, trading = self._running.report, TradingNow()
        report("trading", lambda now: trading.report(self.watch, self.doubts, now))
        report("failed_callbacks", lambda _now: failed_callbacks(self.failures.as_dict()))
        report("parts_off", lambda _now: self._parts_off)

    def ft_bot_cleanup(self) -> None:
        super().ft_bot_cleanup()
        if (running := getattr(self, "_running", None)) is not None:
            running.close()

    def _look_at_obstacles(self) -> None:
        """Applies the obstacles to trading found at the start.

        With trades or positions open they block entries; else the bot refuses to start.

        :raises ConfigurationError: for an obstacle, if nothing is open
        """
        obstacles = self._running.obstacles
        if obstacles is None:
            return
        for name, reason in obstacles.reasons.items():
            if not holds_something(self):
                raise ConfigurationError(reason)
            if obstacles.passive is None:  # a passive bot reports it itself
                self.watch.restrict(name, Decision(Trading.REDUCING, 0.0, reason=reason))

    def _look_at_options(self) -> None:
        """Enforces the options that safety features need, and reports what is switched off.

        :raises ConfigurationError: for options that disable a safety feature, if nothing is open
        """
        trading, guarded = is_trading(self.config), self._running.guarded
        live = trading and not self.config["dry_run"]
        if found := disarming(self, trading=trading, guarded=guarded):
            if not (trading and holds_something(self)):
                raise ConfigurationError(". ".join(found))
            arm(self, guarded=guarded)
            reason = f"{'. '.join(found)}. For what is open it is as it must be; no entry is made"
            self.watch.restrict("Options", Decision(Trading.REDUCING, 0.0, reason=reason))
        unknown = self._running.unknown_exchange
        found = parts_off(self, live=live, guarded=guarded, unknown_exchange=unknown)
        self._parts_off = tuple(found)
        for off in found:
            logger.warning(f"{off}.")
            if trading:
                self.dp.send_msg(f"{off}.".translate(NO_MARKDOWN), always_send=True)

    def _prepare(self) -> None:
        """Creates all parts that depend on parameters, or keep the state of a run."""
        settings, columns = self.present_settings(), self._columns.get
        if self._simulated:
            self.trade_states = TradeStates(kept=False)
        contracts = Contracts(self.dp._exchange)
        account = account_for(self.config, self._feed, self.dp, self.wallets)
        self._risks = TradeRisks(settings.stop, columns, self.trade_states)
        self._entries = Entries(
            self.config, settings, account, columns, contracts, self._risks, self.refusals
        )
        self._stops = StopKeeper(settings, self._risks, columns)
        # The user's choice; Freqtrade's resolver has merged the strategy and the configuration.
        wanted = self.config.get("position_adjustment_enable", True)
        if not wanted:
            settings = replace(settings, use=replace(settings.use, scale_out=False, slicing=False))
        self._adjustments = Adjustments(
            settings, self._risks, columns, contracts, self.trade_states
        )
        # A running bot may have to order the rest of a partly filled entry.
        own = type(self).adjust_trade_position is not PerpStrategy.adjust_trade_position
        use = settings.use
        needed = own or use.scale_out or use.slicing or is_trading(self.config)
        self.position_adjustment_enable = wanted and needed

    def present_settings(self) -> Settings:
        """Returns the settings at the current parameters, overridden by the configuration."""
        at_present = self.settings
        for parameter, path in self.searched.items():
            section, name = path.split(".")
            value = getattr(self, parameter).value
            changed = replace(getattr(at_present, section), **{name: value})
            at_present = replace(at_present, **{section: changed})
        return self._overridden(at_present, self.config)

    @staticmethod
    def _overridden(settings: Settings, config: Config) -> Settings:
        return overridden(settings, config.get("perpkit", {}), "perpkit", beside=OPTIONS)

    @property
    def benchmark(self) -> str:
        """The pair against which the correlation of all others is measured."""
        return benchmark_pair(self.config["stake_currency"])

    def informative_pairs(self) -> list[tuple[str, str, str]]:
        funding = [
            (pair, "1h", CandleType.FUNDING_RATE.value) for pair in self.dp.current_whitelist()
        ]
        watched = {(*pair, "") for pair in self.watch.informative_pairs()}
        return [*funding, *sorted(watched | {(self.benchmark, "1h", "")})]

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        if self._simulated and (self._last_loop is None or current_time <= self._last_loop):
            self._prepare()  # another backtest or epoch, perhaps with other parameters
        self._last_loop = current_time
        self.watch.step(current_time)
        self._running.step(current_time)

    def advise_all_indicators(self, data: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        # Backtest and hyperopt start here; an error in other callbacks would not stop the run.
        self.watch.require_candles()
        return super().advise_all_indicators(data)

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        # The last step of every analysis, in every mode: the candles are now complete.
        analysed = super().advise_exit(dataframe, metadata)
        self._columns[metadata["pair"]] = CandleColumns(analysed, self._step, LOOKED_UP)
        return analysed

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        """Adds ranges, funding, positioning, and the correlation to the benchmark."""
        sar = self.present_settings().trailing.trail is Trail.SAR
        dataframe = with_ranges(dataframe, self._step, sar)
        return self._market.join(dataframe, metadata["pair"], self.timeframe)

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
        return self._entries.leverage(entry, self.watch.decision(pair, side), max_leverage)

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
        stake = self._entries.stake(entry, decision, leverage, proposed_stake, max_stake)
        return self._adjustments.first_slice(
            pair, current_time, stake, current_rate, leverage, None
        )

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        """Refuses an entry that the stop latch, a breaker or another part of the bot forbids.

        Forced entries get here, too, without a check of the locks.
        """
        decision, columns = self.watch.decision(pair, side), self._columns.get(pair)
        refused = self._running.latched()
        if refused is None and decision.entries_blocked:
            refused = Why(RefusalKind.BREAKER, decision.reason)
        if refused is None:
            refused = self._running.refusal(pair, side, amount, current_time, columns)
        if refused is not None:
            self.refusals.add(refused, pair, side, current_time)
        return refused is None

    def is_pair_locked(
        self, pair: str, *, candle_date: datetime | None = None, side: str = "*"
    ) -> bool:
        # Freqtrade calls this for a pair and side that it is about to enter.
        locked: bool = super().is_pair_locked(pair, candle_date=candle_date, side=side)
        if locked and not self._simulated:
            self.refusals.add(_why_locked(pair, side), pair, side)
        return locked

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
        decision = self.watch.decision(pair, trade.trade_direction)
        blocked = decision.reason or "a breaker" if decision.entries_blocked else None
        blocked = blocked or self.doubt(pair, but="custom_entry_price")
        return self._running.entry_timed_out(trade, order, current_time, blocked)

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        self._running.order_filled(trade, order)

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
        answer = self._adjustments.adjust(trade, current_time, current_exit_rate, blocked)
        return None if answer and trade.has_open_orders else answer

    def _adjust_trade_position_internal(
        self, trade: Trade, current_time: datetime, current_rate: float, *args: Any, **kwargs: Any
    ) -> tuple[float | None, str]:
        # A backtest places the addition that this returns without another check. A running bot
        # checks additions just before their orders, which includes forced ones.
        stake, tag = super()._adjust_trade_position_internal(
            trade, current_time, current_rate, *args, **kwargs
        )
        if self._simulated and stake is not None and stake > 0:
            stake = self.allowed_addition(trade, stake, current_rate, tag, current_time) or None
        return stake, tag

    def allowed_addition(
        self,
        trade: Trade,
        stake: float,
        rate: float,
        tag: str | None,
        now: datetime | None = None,
    ) -> float:
        """Returns the part of `stake` that may be added to an open trade, in stake currency.

        What is refused is logged with its reason.
        """
        now, pair, side = now or datetime.now(UTC), trade.pair, trade.trade_direction
        decision, columns = self.watch.decision(pair, side), self._columns.get(pair)
        sized = tag in self.sized_tags
        part, _, reason = self._entries.addition(trade, stake, rate, now, decision, sized=sized)
        refused = Why(RefusalKind.BREAKER if decision.entries_blocked else RefusalKind.SIZE, reason)
        if latched := self._running.latched():
            part, refused = 0.0, latched
        elif doubt := self.doubt(pair, but="custom_entry_price"):
            part, refused = 0.0, Why(RefusalKind.CALLBACK, doubt)
        elif part:
            amount = part * trade.leverage / rate
            if against := self._running.refusal(pair, side, amount, now, columns):
                part, refused = 0.0, against
        if not part:
            self.refusals.add(refused, pair, side, now, what=f"Addition of {stake:.2f} refused")
        elif part < stake:
            logger.info(f"Addition of {stake:.2f} to {pair} {side} cut to {part:.2f}. {reason}")
        return part

    def should_exit(self, trade: Trade, *args: Any, **kwargs: Any) -> list[ExitCheckTuple]:
        # Defined here to be wrapped: `answers` puts a halt and an overtaken stop first, even if a
        # subclass overrides this.
        return super().should_exit(trade, *args, **kwargs)

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
        if reason := self._stops.exit_reason(trade, current_time):
            return reason
        hours = (current_time - trade.open_date_utc).total_seconds() / HOUR_S
        dear = self._entries.carry_reason(pair, trade.is_short, current_time, hours)
        return "carry_cost" if dear else None

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
        return self._stops.ratio(trade, current_time, current_rate, after_fill, reducing)

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
        return self.take_profit.value * trade.leverage


def _why_locked(pair: str, side: str) -> Why:
    lock = PairLocks.get_pair_longest_lock(pair, side=side)
    if lock is None:
        return Why(RefusalKind.LOCK, "Its lock ends with the candle.")
    return Why(
        RefusalKind.LOCK, f"Locked until {lock.lock_end_time:%Y-%m-%d %H:%M} UTC: {lock.reason}"
    )
