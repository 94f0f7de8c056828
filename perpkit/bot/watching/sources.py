"""The data that the breakers read, gathered by the watch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.wallets import Wallets

from perpkit.bot.candles.candles import CandleFeed, StoredCandles

if TYPE_CHECKING:
    from perpkit.bot.candles.stored_positioning import StoredPositioning


@dataclass
class Sources:
    """The data sources of one run.

    :param pairs: the current whitelist
    :param dp: None when Freqtrade runs a protection in a backtest of a strategy that is not ours
    :param wallets: None when `dp` is None, or if the watch was created without them
    """

    config: dict[str, Any]
    candles: CandleFeed
    dp: DataProvider | None = None
    pairs: Sequence[str] = ()
    wallets: Wallets | None = None

    @cached_property
    def positioning(self) -> StoredPositioning:
        """Long/short ratios, taker volume and open interest, by pair."""
        # Imported only here: few breakers read it, and its store takes long to import.
        from perpkit.bot.candles.stored_positioning import StoredPositioning

        return StoredPositioning(self.config)

    @property
    def provider(self) -> DataProvider:
        """Returns `dp`.

        :raises LookupError: if the run has none
        """
        if self.dp is None:
            raise LookupError("there is no data provider in this run")
        return self.dp


def stored_sources(config: dict[str, Any]) -> Sources:
    """Returns the sources of a simulated run whose strategy is not built on Perpkit."""
    whitelist = config["exchange"].get("pair_whitelist", [])
    return Sources(config, StoredCandles(config), None, list(whitelist))
