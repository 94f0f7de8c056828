"""What Freqtrade shows of a strategy of the package: its levels at the start, first stops, charts.

Nothing here decides anything: an error is logged, and Freqtrade goes on.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.persistence import Trade
from freqtrade.strategy import DecimalParameter

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.candles.plot_config import plot_config, without_breakers
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.positions.first_stop import keep_stops_at_start, show_first_stop
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.told_levels import show_levels, told_levels
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import message_of
from perpkit.risk.planned_levels import with_planned_levels

logger = logging.getLogger(__name__)


class Shown(PerpRisk):
    """Part of `PerpStrategy`."""

    _perpkit_prefix = ""

    # For `freqtrade plot-dataframe` and FreqUI.
    plot_config = plot_config()

    if TYPE_CHECKING:
        take_profit: DecimalParameter

        @property
        def trade_states(self) -> TradeStates: ...

        def present_settings(self, only: str | None = None) -> Settings: ...

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._undrawn: set[str] = set()

    def bot_start(self, **kwargs: Any) -> None:
        if is_trading(self.config):  # first, as Freqtrade goes on even if the rest fails
            self.plot_config = without_breakers(self.plot_config)
            try:
                keep_stops_at_start(self.stoploss)
            except Exception as error:  # the rest of the start must not be lost with it
                logger.error(f"Initial stops could not be kept: {message_of(error)}")
        super().bot_start(**kwargs)

    def ft_load_hyper_params(self, hyperopt: bool = False) -> None:
        # After `bot_start`, and before Freqtrade's message of the start.
        super().ft_load_hyper_params(hyperopt)
        if is_trading(self.config) and self._perpkit.started:
            try:
                self._say_levels()
            except Exception as error:
                logger.warning(f"Stop and target cannot be told: {message_of(error)}")

    def _say_levels(self) -> None:
        settings, target = self.present_settings(), self.take_profit.value
        show_levels(self.config, settings.stop, target)
        parts = self.config.get("position_adjustment_enable", True)
        self._perpkit.say(told_levels(settings, target, parts=parts))

    def ft_stoploss_adjust(
        self, current_rate: float, trade: Trade, *args: Any, **kwargs: Any
    ) -> None:
        super().ft_stoploss_adjust(current_rate, trade, *args, **kwargs)
        if trade.initial_stop_loss_pct == self.stoploss:  # Freqtrade's floor, which is no stop
            self._show_first_stop(trade, bool(kwargs.get("after_fill")))
        decided = self._perpkit.decided
        if decided.log is not None:
            decided.stop_seen(
                trade, kwargs["current_time"] if "current_time" in kwargs else args[0]
            )

    def _show_first_stop(self, trade: Trade, after_fill: bool) -> None:
        try:
            risk = self.trade_states.of(trade).risk
            show_first_stop(trade, self.stoploss, risk, after_fill=after_fill)
        except Exception as error:
            logger.warning(f"The first stop of {trade.pair} cannot be shown: {message_of(error)}")

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        analysed = super().advise_exit(dataframe, metadata)
        # Backtests do not pay for what only charts show.
        return analysed if self._perpkit.simulated else self._drawn(analysed, metadata["pair"])

    def _planned(self, analysed: pd.DataFrame) -> pd.DataFrame:
        """Adds the first stop and the target of the trades that the signals ask for."""
        return with_planned_levels(analysed, self.present_settings().stop, self.take_profit.value)

    def _drawn(self, analysed: pd.DataFrame, pair: str) -> pd.DataFrame:
        try:
            drawn = self._planned(analysed)
            # A running bot has its locks, as annotations.
            layer = self._perpkit
            return layer.charts.with_columns(drawn, pair) if layer.drawing else drawn
        except Exception as error:
            if pair not in self._undrawn:
                logger.warning(f"The chart of {pair} lacks stop, target and breakers: {error!r}")
            self._undrawn.add(pair)
            return analysed
