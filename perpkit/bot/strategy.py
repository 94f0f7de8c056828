"""PerpStrategy: what every strategy of this package shares on Binance USD-M perpetuals.

Subclasses add signals in `populate_entry_trend` and `populate_exit_trend`. This class adds the
market columns they read, states stop and target as distances of price whatever the leverage, picks
the leverage, and drives the market breakers.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_minutes
from freqtrade.persistence import Trade
from freqtrade.strategy import (
    DecimalParameter,
    IntParameter,
    IStrategy,
    stoploss_from_absolute,
)

from perpkit.bot.candles import is_simulated
from perpkit.bot.market_columns import MarketColumns
from perpkit.bot.trade_view import copy_trades_on_write
from perpkit.bot.watch import Watch
from perpkit.breakers.breaker import Trading
from perpkit.risk.leverage import LeverageLimit, volatility_leverage

logger = logging.getLogger(__name__)


class PerpStrategy(IStrategy):
    """Base class; see `docs/strategies.md`."""

    INTERFACE_VERSION = 3
    can_short = True
    process_only_new_candles = True
    use_exit_signal = True

    # A floor under the stop that `custom_stoploss` sets at the fill; wide enough for the widest
    # stop (6%) at the highest tier (10x).
    stoploss = -0.60
    use_custom_stoploss = True
    # Out of reach: `custom_roi` takes the profit.
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

    # Cap on the leverage of every tier; 2 to 3 is for anybody's first year.
    max_leverage: float = 3.0

    # Distances as fractions of the entry price, before leverage.
    stop_distance = DecimalParameter(0.01, 0.06, default=0.05, decimals=3, space="sell")
    take_profit = DecimalParameter(0.02, 0.20, default=0.10, decimals=3, space="sell")

    # Percentiles of the last 180 days, and hours: see docs/crypto_vix.md.
    vix_stressed = IntParameter(90, 98, default=96, space="protection")
    vix_calm_hours = IntParameter(1, 24, default=2, space="protection")

    def __init__(self, config: Config) -> None:
        if config.get("trading_mode") != "futures":
            raise ConfigurationError(
                f'{type(self).__name__} needs "trading_mode": "futures", '
                f'got "{config.get("trading_mode", "spot")}"'
            )
        super().__init__(config)

    @property
    def protections(self) -> list[dict[str, Any]]:
        """The breakers, at their present parameters; Freqtrade evaluates this as it starts."""
        return [
            {
                "method": "CryptoVixBreaker",
                "stressed_percentile": self.vix_stressed.value,
                "stressed_release_percentile": self.vix_stressed.value - 2,
                "calm_candles": self.vix_calm_hours.value,
            }
        ]

    def bot_start(self, **kwargs: Any) -> None:
        self._leverage_limit = LeverageLimit(self.max_leverage)
        self._market = MarketColumns(self.config, self.dp)
        self.watch = Watch(self.config, self.dp)
        self._exit_order_type = self.order_types["exit"]
        if is_simulated(self.config):
            copy_trades_on_write()

    def informative_pairs(self) -> list[tuple[str, str, str]]:
        funding = [
            (pair, "1h", CandleType.FUNDING_RATE.value) for pair in self.dp.current_whitelist()
        ]
        watched = [(*pair, "") for pair in self.watch.informative_pairs(self.protections)]
        return [*funding, *watched]

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        self.watch.step(self.protections, current_time)
        # A halt must get out: a limit order can stand beside a market that runs away.
        halted = self.watch.decision().trading is Trading.HALTED
        self.order_types["exit"] = "market" if halted else self._exit_order_type

    def advise_all_indicators(self, data: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        # Backtest and hyperopt start here; from the other callbacks an error would not get through.
        self.watch.require_candles(self.protections)
        return super().advise_all_indicators(data)

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        """Adds funding, positioning, and `range_24h`: high less low of the day, over the close."""
        day = 24 * 60 // timeframe_to_minutes(self.timeframe)
        spread = dataframe["high"].rolling(day).max() - dataframe["low"].rolling(day).min()
        dataframe["range_24h"] = spread / dataframe["close"]
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
        candles, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        range_24h = float("nan") if candles.empty else candles["range_24h"].iloc[-1]
        allowed = min(max_leverage, self.watch.decision(pair, side).max_leverage)
        return volatility_leverage(self._leverage_limit, range_24h, allowed)

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
        return proposed_stake * self.watch.decision(pair, side).size_factor

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
        """Second line of defence behind the locks, which a forced entry does not see."""
        decision = self.watch.decision(pair, side)
        if decision.entries_blocked:
            logger.info(f"Entry refused: {pair} {side}. {decision.reason}")
        return not decision.entries_blocked

    def custom_exit(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        current_rate: float,
        current_profit: float,
        **kwargs: Any,
    ) -> str | None:
        """Flattens while the breakers are HALTED."""
        halted = self.watch.decision(pair, trade.trade_direction).trading is Trading.HALTED
        return "halted" if halted else None

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
        """Sets the stop once, at the fill, `stop_distance` of price away from the entry."""
        if not after_fill:
            return None
        away = self.stop_distance.value if trade.is_short else -self.stop_distance.value
        return stoploss_from_absolute(
            trade.open_rate * (1 + away), current_rate, trade.is_short, trade.leverage
        )

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
        """`take_profit` of price after fees, as Freqtrade's leveraged ratio."""
        return self.take_profit.value * trade.leverage
