"""The pairs that a configuration trades, and their terms at the exchange."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import inf, sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.durations import DAY_S, HOURS_A_YEAR
from perpkit.ops.doctor.affordable import ContractTerms
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers

if TYPE_CHECKING:
    from pandas import DataFrame

# Candles after which the average true range no longer depends on its start.
_WARM_UP = 150
_MOST_CANDLES = 1500


def whitelist(config: Mapping[str, Any], markets: Mapping[str, Any]) -> list[str]:
    """Returns the traded perpetuals in stake currency that the configuration whitelists.

    :param markets: ccxt's
    """
    from freqtrade.plugins.pairlist.pairlist_helpers import expand_pairlist

    stake = config["stake_currency"]
    traded = [
        pair
        for pair, market in markets.items()
        if market.get("swap") and market.get("linear") and market.get("active")
        if market.get("settle") == stake
    ]
    own = config.get("exchange") or {}
    black = set(expand_pairlist(own.get("pair_blacklist") or [], traded))
    white = expand_pairlist(own.get("pair_whitelist") or [], traded)
    return [pair for pair in dict.fromkeys(white) if pair not in black]


def contract_of(
    market: Mapping[str, Any], tiers: MaintenanceTiers, candles: DataFrame
) -> ContractTerms:
    """Returns what a contract demands of an order.

    :param market: ccxt's
    :param candles: closed ones, with `perpkit.market.ranges.with_ranges`
    """
    last = candles.iloc[-1]
    limits = market["limits"]
    most = (limits.get("market") or {}).get("max") or limits["amount"].get("max")
    return ContractTerms(
        pair=str(market["symbol"]),
        price=float(last["close"]),
        step=float(market["precision"]["amount"]),
        least_amount=limits["amount"]["min"],
        least_cost=limits["cost"]["min"],
        most_amount=most,
        tiers=tiers,
        range_24h=float(last["range_24h"]),
        atr=float(last["atr"]),
        vol_annual=float(last["vol_1h"]) * sqrt(HOURS_A_YEAR),
    )


def tiers_of(rows: Iterable[Mapping[str, Any]]) -> MaintenanceTiers:
    """Converts ccxt's leverage tiers.

    :param rows: of one pair
    """
    rows = list(rows)
    return MaintenanceTiers(
        tuple(
            MaintenanceTier(
                row["minNotional"] or 0.0,
                row["maintenanceMarginRate"],
                float(row["info"].get("cum") or 0.0),
                row["maxLeverage"],
            )
            for row in rows
        ),
        rows[-1]["maxNotional"] or inf,
    )


def bundled_tiers() -> dict[str, Any]:
    """Returns the leverage tiers of Freqtrade's own file, which dry-run uses."""
    import freqtrade.exchange

    path = Path(freqtrade.exchange.__file__).with_name("binance_leverage_tiers.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def closed_candles(client: Any, pair: str, timeframe: str, count: int | None = None) -> DataFrame:
    """Returns the newest closed candles, oldest first.

    :param count: None for as many as a day and the average true range need
    :raises LookupError: for a pair that has none yet
    """
    import pandas as pd

    from perpkit.market.ranges import with_ranges

    step = client.parse_timeframe(timeframe)
    needed = count or max(DAY_S // step, _WARM_UP)
    rows = client.fetch_ohlcv(pair, timeframe, limit=min(needed + 1, _MOST_CANDLES))
    now = client.milliseconds()
    columns = ["date", "open", "high", "low", "close", "volume"]
    closed = [row for row in rows if row[0] + step * 1000 <= now]
    if not closed:
        raise LookupError(f"{pair} has no closed candle yet")
    frame = pd.DataFrame(closed, columns=columns, dtype="float64")
    return with_ranges(frame, pd.Timedelta(seconds=step))
