import logging
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import Trade
from freqtrade.strategy import DecimalParameter

from perpkit.bot.layer.stakes import has_fixed_stake, stake_amount
from perpkit.bot.positions.basket import TAG, BasketSettings, Rebalancer
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.strategy import PerpStrategy

logger = logging.getLogger(__name__)


class TargetBasket(PerpStrategy):
    """Holds target weights of long, short and cash, and rebalances pairs that drift from them.

    The weights come from the configuration: `"perpkit": {"basket": {"weights": {...}}}`.
    """

    timeframe = "1h"
    rebalances = True
    sized_tags = PerpStrategy.sized_tags | {TAG}
    # 100 hours of returns for the correlation, and as many again for the ATR to converge.
    startup_candle_count = 200

    settings = BasketSettings()
    searched: ClassVar[dict[str, str]] = PerpStrategy.searched | {"tolerance": "basket.tolerance"}

    # Only for a catastrophe: the basket exists to rebalance smaller moves.
    stop_distance = DecimalParameter(0.10, 0.40, default=0.30, decimals=2, space="sell")
    # Never reached, since gains are taken by rebalancing.
    take_profit = DecimalParameter(1, 100, default=100, decimals=0, space="sell", optimize=False)
    # Used only if the configuration enables trailing.
    trail_atr = DecimalParameter(1.5, 8.0, default=3.0, decimals=1, space="sell", optimize=False)
    tolerance = DecimalParameter(0.01, 0.20, default=0.05, decimals=2, space="buy")
    week_loss = DecimalParameter(0.10, 0.40, default=0.20, decimals=2, space="protection")

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        basket = self.present_settings().basket
        slots = config["max_open_trades"]
        if 0 < slots < len(basket.pairs):
            raise ConfigurationError(
                f'"max_open_trades" must be at least {len(basket.pairs)}, one for each pair of '
                f'"perpkit.basket.weights", got {slots}'
            )
        self._not_listed: set[str] = set()

    def _prepare(self) -> None:
        super()._prepare()
        settings = self.present_settings()
        self._basket = settings.basket
        self._rebalancer = Rebalancer(
            settings.basket,
            settings.leverage.max_leverage,
            self._managed.figures.equity,
            self._columns.get,
            Contracts(self.dp._exchange),
            self.wallets,
            self.watch.decision,
            self._step,
        )

    def how_stakes_are_made(self) -> str:
        line = "Stakes follow from the weights of the basket"
        if has_fixed_stake(self.config):
            line += f", and the {stake_amount(self.config)} does not limit them"
        return f"{line}."

    @property
    def protections(self) -> list[dict[str, Any]]:
        """The base class's breakers, with drawdown limits for an account always in the market.

        There is no high-water limit: in backtests its halts sold at the lows and saved
        nothing. The limit on open positions is a safety net below their stops, 30% away.
        """
        limits = {
            "method": "DrawdownBreaker",
            "hour_loss": 0.06,
            "day_loss": 0.10,
            "week_loss": self.week_loss.value,
            "open_loss": 0.35,
            "high_water_loss": 0,
        }
        return [limits if p["method"] == limits["method"] else p for p in super().protections]

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        super().bot_loop_start(current_time, **kwargs)
        if self._perpkit.drawing:
            return  # a chart has no pairlist
        with self._running.lock:
            self._rebalancer.lock_after_exits(current_time)
        not_listed = {*self._basket.pairs} - {*self.dp.current_whitelist()}
        if not_listed - self._not_listed:
            logger.warning(
                'Of "perpkit.basket.weights" not in the pairlist, so nothing is bought of it: '
                f"{', '.join(sorted(not_listed))}"
            )
        self._not_listed = not_listed

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        weight = self.present_settings().basket.of(metadata["pair"])
        dataframe["enter_long"], dataframe["enter_short"] = int(weight > 0), int(weight < 0)
        dataframe["enter_tag"] = "basket"
        return dataframe

    def populate_exit_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        """Exits pairs whose weight has been removed, or has changed its side."""
        weight = self.present_settings().basket.of(metadata["pair"])
        dataframe["exit_long"], dataframe["exit_short"] = int(weight <= 0), int(weight >= 0)
        return dataframe

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
        """Returns the pair's part of this candle's rebalancing, whose log gives the reasons."""
        stake = self._rebalancer.opening(pair, current_time) / leverage
        if not stake:
            return 0.0
        entry = Candidate(pair, side == "short", current_time, current_rate, entry_tag)
        # The rebalancing has already applied the breakers' size factor.
        decision = replace(self.watch.decision(pair, side), size_factor=1.0)
        return self.stake_of(entry, decision, leverage, stake, max_stake)

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
        rest = super().adjust_trade_position(
            trade,
            current_time,
            current_rate,
            current_profit,
            min_stake,
            max_stake,
            current_entry_rate,
            current_exit_rate,
            current_entry_profit,
            current_exit_profit,
        )
        if rest is not None:
            return rest
        change = self._rebalancer.adjustment(trade, current_time, max_stake)
        if change is None or change[0] < 0:
            return change
        side, stake = trade.trade_direction, change[0]
        amount = stake * trade.leverage / current_entry_rate
        columns = self._columns.get(trade.pair)
        refused = self._running.refusal(trade.pair, side, amount, current_time, columns)
        if refused is not None:
            self.refusals.add(refused, trade.pair, side, current_time, what="Addition refused")
            return None
        return change
