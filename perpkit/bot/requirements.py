"""What a strategy of the package needs: of the options that override it, and of a bot's candles."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import DecimalParameter

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.layer.verdicts import OfPackage
from perpkit.bot.layer.warm_up import Need
from perpkit.bot.positions.parameters import Settings
from perpkit.durations import DAY_S
from perpkit.risk.stops import StopMethod


class Requirements(PerpRisk):
    """Part of `PerpStrategy`."""

    _perpkit_prefix = ""

    # Whether it does nothing without adjustments of its positions.
    rebalances: ClassVar[bool] = False

    if TYPE_CHECKING:
        take_profit: DecimalParameter

        def present_settings(self, only: str | None = None) -> Settings: ...

        def _computes(self, column: str) -> bool: ...

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._volatility_missed = False

    def candles_needed(self) -> list[Need]:
        """Candles without which a running bot never enters, or with less caution; override it with
        what your signals need, and those of `super()`."""
        day, found = self._day, []
        if self._uses_book and not self._computes("vol_1h"):
            found.append(Need("the one-hour volatility of a day", day))
        if not self._computes("range_24h"):
            least = "the lowest leverage is taken"
            found.append(Need("the range of a day", day, least, vital=False))
        return found

    def unsuited_timeframe(self) -> str:
        """Returns why it cannot be traded on its timeframe; empty if it can."""
        return ""

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        analysed = super().advise_exit(dataframe, metadata)
        self._look_at_volatility(analysed)
        return analysed

    def _assumed(self) -> OfPackage:
        """What its options must be like."""
        settings = self.present_settings()
        stop = settings.stop
        return OfPackage(
            stop.distance if stop.method is StopMethod.FIXED else stop.ceiling,
            self.take_profit.value,
            settings.leverage.max_leverage,
            self.rebalances,
            self.unsuited_timeframe(),
        )

    @property
    def _day(self) -> int:
        """In candles."""
        return -(-DAY_S // timeframe_to_seconds(self.timeframe))

    @property
    def _uses_book(self) -> bool:
        return self.present_settings().use.book

    def _look_at_volatility(self, analysed: pd.DataFrame) -> None:
        """Says it once if a running bot cannot enter, where the start could not know it: code of a
        subclass names the column, and may have computed it from fewer candles."""
        if self._volatility_missed or not is_trading(self.config) or analysed.empty:
            return
        day = self._day
        if len(analysed) >= day or not (self._uses_book and self._computes("vol_1h")):
            return
        if "vol_1h" not in analysed or pd.isna(analysed["vol_1h"].iloc[-1]):
            self._volatility_missed = True
            self._perpkit.say(
                f'"vol_1h" is unknown with {len(analysed)} candles of {self.timeframe}: no entry '
                f"can be made with use.book. PerpStrategy computes it from {day} candles, see "
                '"startup_candle_count".',
                logging.WARNING,
            )
