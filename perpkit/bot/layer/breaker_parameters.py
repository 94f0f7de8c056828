"""The breakers that a strategy has by default, and their parameters for hyperopt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from freqtrade.strategy import DecimalParameter, IntParameter
from freqtrade.strategy.parameters import BaseParameter

from perpkit.parameters.inherited import own_copies

# Percentiles of the last 180 days, and hours: see docs/crypto_vix.md.
VIX_STRESSED = IntParameter(90, 98, default=96, space="protection")
VIX_CALM_HOURS = IntParameter(1, 24, default=2, space="protection")
# Shares of equity, of the price within an hour (half as much again within four), percentile.
WEEK_LOSS = DecimalParameter(0.04, 0.20, default=0.10, decimals=2, space="protection")
FLASH_MOVE = DecimalParameter(0.05, 0.20, default=0.10, decimals=2, space="protection")
FUNDING_EXTREME = IntParameter(90, 99, default=98, space="protection")

BREAKER_PARAMETERS = {
    "vix_stressed": VIX_STRESSED,
    "vix_calm_hours": VIX_CALM_HOURS,
    "week_loss": WEEK_LOSS,
    "flash_move": FLASH_MOVE,
    "funding_extreme": FUNDING_EXTREME,
}


def default_breakers(value: Callable[[str], Any]) -> list[dict[str, Any]]:
    """Returns the breakers as a strategy's `protections` lists them.

    :param value: of a parameter, by its name in `BREAKER_PARAMETERS`
    """
    stressed, extreme = value("vix_stressed"), value("funding_extreme")
    flash_move = value("flash_move")
    return [
        {
            "method": "CryptoVixBreaker",
            "stressed_percentile": stressed,
            "stressed_release_percentile": stressed - 2,
            "calm_candles": value("vix_calm_hours"),
        },
        {"method": "DrawdownBreaker", "week_loss": value("week_loss")},
        {
            "method": "FlashCrashBreaker",
            "windows": [[60, flash_move], [240, 1.5 * flash_move]],
        },
        {
            "method": "FundingBreaker",
            "extreme_percentile": extreme,
            "extreme_release_percentile": extreme - 3,
        },
        {"method": "VenueHealthBreaker"},
    ]


def own_parameters(cls: type) -> None:
    """Gives a class its own copies of the parameters that it inherits, so that hyperopt's file of
    one strategy changes no other.

    Freqtrade runs the file of a strategy for each load, but what the file imports only once.
    """
    own_copies(cls, cls.__mro__[1:], BaseParameter)
