"""The risk layer of one strategy: the watch over its breakers, and the parts of a running bot.

It answers what the callbacks of `perpkit.bot.layer.perp_risk` ask, and holds no callback itself.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from freqtrade.persistence import LocalTrade

from perpkit.bot.callbacks.fail_closed import Failures
from perpkit.bot.callbacks.usable_protections import use_what_is_usable
from perpkit.bot.candles.candles import CandleFeed, feed_for, is_simulated, is_trading
from perpkit.bot.decided import decided_of
from perpkit.bot.layer.attempt import Attempt
from perpkit.bot.layer.bot_parts import running_parts, show_state
from perpkit.bot.layer.charts import Charts
from perpkit.bot.layer.entries import NOT_STARTED, Entries
from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.limits import Limits, limits_of, look_at_limits
from perpkit.bot.layer.overridden import Before
from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.running_signals import RunningSignals
from perpkit.bot.layer.simulated_signals import SimulatedSignals
from perpkit.bot.layer.start_refusals import act_on_obstacles, act_on_options
from perpkit.bot.live.leaving import urgent_reason
from perpkit.bot.live.no_parts import NoParts
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.market_lot import keep_stakes_within_lot
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals, RunRefusedError
from perpkit.bot.running_bot import NO_MARKDOWN, message_of, running_bot
from perpkit.bot.watching.unwatched import breaker_names, log_at_start
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import UNRESTRICTED, Decision
from perpkit.risk.limits import PositionLimits

if TYPE_CHECKING:  # they hold one of these
    from perpkit.bot.layer.entry_rules import EntryRules

logger = logging.getLogger(__name__)

LOSS_EXIT = "loss_exit"


class RiskLayer:
    """
    :param strategy: whose callbacks ask
    :param parts: that are attached
    """

    def __init__(self, strategy: Any, config: dict[str, Any], parts: frozenset[Part]) -> None:
        self._strategy = strategy
        self._config = config
        self.parts = frozenset(parts)
        self.simulated = is_simulated(config)
        # In charts and in the webserver, where nothing is decided.
        self.drawing = not self.simulated and not is_trading(config)
        self.decided = decided_of(config, type(strategy).__name__)
        self.refusals = Refusals(self.decided)
        self.entries = Entries(self)
        self.states = TradeStates(kept=not self.simulated)
        self.parts_off: tuple[str, ...] = ()
        # What the strategy has assigned to `self.protections`, in the place of its class's.
        self.assigned_protections: list[dict[str, Any]] | None = None
        # Values of the strategy before Freqtrade merged the configuration.
        self.before = Before()
        # Errors of the layer itself, and of those why entries are blocked, by step.
        self.failures = Failures()
        self.failed_steps: dict[str, str] = {}
        self._last_loop: datetime | None = None
        # A simulated run in which nothing of the layer can act: no callback does more than ask the
        # strategy behind it.
        self.idle = False
        self.hooks: Hooks
        self.running: NoParts
        self.watch: Watch
        self.feed: CandleFeed
        # None where nothing is limited.
        self.limits: Limits | None = None
        # Whether it has failed in this cycle to look at the loss of a trade.
        self._loss_unknown = False
        # What becomes of entry signals; None where decisions are not noted.
        self.signals: RunningSignals | SimulatedSignals | None = None

    @property
    def started(self) -> bool:
        return hasattr(self, "watch")

    @property
    def unfilled_timeout(self) -> timedelta | None:
        """How long Freqtrade waits for an entry by itself; None for ever."""
        given = self._config.get("unfilledtimeout", {})
        if given.get("entry") is None:
            return None
        return timedelta(**{given.get("unit", "minutes"): given["entry"]})

    @cached_property
    def charts(self) -> Charts:
        """What is drawn of the breakers; it exists once the layer has started."""
        return Charts(self._strategy, self.feed)

    @cached_property
    def breaker_names(self) -> frozenset[str]:
        """The names of all breakers that the watch can drive."""
        return breaker_names(self._config)

    def start(self, hooks: Hooks) -> None:
        """Starts the layer; called in `bot_start`.

        :raises ConfigurationError: if the set-up must not trade, unless something is open
        """
        self.hooks = hooks
        # This comes first, so that stops are guarded even if a later step fails.
        settings, strategy = hooks.settings(), self._strategy
        self.running = running_parts(self._config, strategy.dp, self, settings)
        show_state(self._config, self)
        if hooks.own_stops or self.running.guarded:
            keep_stakes_within_lot(strategy.dp._exchange)
        self.feed = feed_for(self._config, strategy.dp)
        self.watch = Watch(
            self._config, strategy.dp, lambda: strategy.protections, strategy.wallets, self.feed
        )
        self._begin_limits()
        self._note_signals()
        act_on_obstacles(strategy, self)
        act_on_options(self._config, strategy, self)
        look_at_limits(strategy, self.limited_by, own_stops=hooks.own_stops)
        self.running.follow(self.watch, datetime.now(UTC))
        if is_trading(self._config):
            use_what_is_usable(strategy, self.watch.restrict)

    def _note_signals(self) -> None:
        if not self.decided:
            return
        self.decided.halted = lambda pair, side: self.decision(pair, side).reason
        kind = SimulatedSignals if self.simulated else RunningSignals
        self.signals = kind(self._strategy, self.decided, self.doubt)
        if isinstance(self.signals, SimulatedSignals):
            # Imported only here, as a running bot needs nothing of backtests.
            from perpkit.bot.layer.exported_decisions import keep_with_export

            keep_with_export(type(self._strategy).__name__, self.signals)

    @property
    def limited_by(self) -> PositionLimits:
        return self.hooks.settings().limits

    def _begin_limits(self) -> None:
        distance, states = self.hooks.stop_distance, lambda: self.states
        self.limits = limits_of(
            self.limited_by, self._strategy, self.feed, distance, states, self.say
        )

    def check_additions(self) -> None:
        """Has a running bot ask about additions, unless `start` has come that far.

        Freqtrade itself asks about none. A layer that has not started refuses them all.
        """
        from perpkit.bot.live.additions import check_additions
        from perpkit.bot.live.shared_trades import share_trades

        bot = running_bot(self._strategy.dp)
        if not isinstance(bot._exit_lock, TradeLock):
            check_additions(bot, self.entries.allowed_addition, self.refusals)
            # Freqtrade's own lock is held when it adds, and cannot be taken twice.
            share_trades(bot, self.refusals)

    def say(self, message: str, level: int = logging.INFO) -> None:
        """Sends a message to the log, and to the operator of a running bot."""
        log_at_start(self._config, message, level)
        if is_trading(self._config):
            self._strategy.dp.send_msg(message.translate(NO_MARKDOWN), always_send=True)

    def step(self, now: datetime) -> None:
        """Advances the layer to `now`; called in `bot_loop_start`."""
        if self.drawing:
            return  # nothing is traded, and there is no pairlist
        if self.simulated and not self.goes_on(now):
            self.hooks.renew()  # another backtest or epoch, perhaps with other parameters
            self.idle = self._can_only_idle()
        if self.signals is not None:  # before anything changes
            self.signals.step(now)
        self.watch.step(now)
        self.running.step(now)
        if self.limits is not None:
            if not self._loss_unknown:
                self.failed_steps.pop(LOSS_EXIT, None)
            self._loss_unknown = False
            with self.running.lock:
                self.limits.step(now)

    def goes_on(self, now: datetime) -> bool:
        """Whether a candle continues the run of the one before; else another run begins."""
        last, self._last_loop = self._last_loop, now
        return last is not None and now > last

    def _can_only_idle(self) -> bool:
        parts = (
            self.watch.enabled,
            self.limits,
            self.hooks.rules,
            self.signals,
            self.hooks.own_stops,
        )
        return not any(parts) and not self.watch.restrictions

    def renew(self) -> None:
        """Forgets the trades of an earlier backtest of this process."""
        if self.simulated:
            self.states = TradeStates(kept=False)
            self._begin_limits()

    def close(self) -> None:
        """Ends what the layer has started; called in `ft_bot_cleanup`."""
        if (running := getattr(self, "running", None)) is not None:
            running.close()
        if isinstance(self.signals, SimulatedSignals):
            self.signals.end()
        self.decided.close()

    def attempt(self, step: str) -> Attempt:
        """Runs a step of the layer: where it fails, entries are blocked until it succeeds.

        Freqtrade would go on with its own default, as though nothing restricted it.
        """
        return Attempt(self, step)

    def failed(self, step: str, error: Exception) -> None:
        """Blocks entries until the step of this name succeeds, and says so once."""
        reason = f"{step} of the risk layer has failed: {message_of(error)}"
        self.failed_steps[step] = f"{step} of the risk layer has failed, see the log"
        if self.failures.add(step, error, datetime.now(UTC)):
            logger.error(reason, exc_info=error)
            self.say(f"{reason}. No entry is made until it succeeds.", logging.ERROR)

    def passes_on(self, error: Exception) -> bool:
        """Whether an error of the layer is not its own to handle."""
        return isinstance(error, RunRefusedError) or (self.started and self.hooks.own_errors)

    def informative_pairs(self) -> list[tuple[str, str, str]]:
        """Returns (pair, timeframe, candle type) of the candles that the breakers read."""
        return sorted(self.watch.informative_pairs()) if self.started else []

    def decision(self, pair: str, side: str) -> Decision:
        """Returns what the breakers decide; before the start, when nothing is traded, no limit."""
        return self.watch.decision(pair, side) if self.started else UNRESTRICTED

    @property
    def rules(self) -> EntryRules | None:
        """The rules that limit the strategy's leverage and stakes; None without those parts."""
        return self.hooks.rules if self.started else None

    def doubt(self, pair: str) -> str | None:
        """Returns why entries into this pair are blocked after a failure, or None."""
        if not self.started:
            return NOT_STARTED
        return next(iter(self.failed_steps.values()), None) or self.hooks.doubt(pair)

    def urgent(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns why the trade must be closed at once, or None.

        :param rate: at which it would be closed
        """
        if not self.started:
            return None
        return urgent_reason(self.watch, self.states, trade) or self.loss_exit(trade, rate)

    def loss_exit(self, trade: LocalTrade, rate: float) -> str | None:
        """Returns the exit reason of a trade that has lost too much, or None."""
        if self.limits is None:
            return None
        try:
            return self.limits.exit_reason(trade, rate)
        except Exception as error:  # entries are blocked until a whole cycle without one
            self._loss_unknown = True
            self.failed(LOSS_EXIT, error)
            return None

    def within_limits(self, entry: Candidate, leverage: float, stake: float) -> float:
        """Returns the part of an entry's stake that the limits allow; the log names the rest."""
        if self.limits is None or not stake:
            return stake
        return self.limits.stake(entry, leverage, stake, self.refusals)
