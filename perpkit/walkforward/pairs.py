"""The pairs of a run, and the pairlists that choose among them live, but not in a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freqtrade.data.history.datahandlers import get_datahandler
from freqtrade.plugins.pairlist.pairlist_helpers import expand_pairlist

# These choose the same pairs in a backtest as live.
_UNCHANGING = frozenset({"StaticPairList", "PerpkitAttached"})


def pairs_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the pairs that may be traded, of those that have candles: the ones that a whitelist
    names or has a pattern for, or all in stake currency where the first pairlist needs none."""
    handler = get_datahandler(config["datadir"], config["dataformat_ohlcv"])
    stored = sorted(
        pair
        for pair, timeframe, kind in handler.ohlcv_get_available_data(
            config["datadir"], config["trading_mode"]
        )
        if (timeframe, kind) == (config["timeframe"], config["candle_type_def"])
    )
    exchange = config["exchange"]
    black = expand_pairlist(exchange.get("pair_blacklist", []), stored)
    if _pairlists(config)[:1] in ([], ["StaticPairList"]):
        found = expand_pairlist(exchange["pair_whitelist"], stored, keep_invalid=True)
        if not found:
            raise ValueError(
                f"exchange.pair_whitelist must name pairs with {config['timeframe']} candles in "
                f"{config['datadir']}, got {', '.join(exchange['pair_whitelist'])}"
            )
    else:
        quoted = f"/{config['stake_currency']}"
        found = [pair for pair in stored if pair.split(":")[0].endswith(quoted)]
        if not found:
            raise ValueError(
                f"datadir must have {config['timeframe']} candles of pairs in "
                f"{config['stake_currency']}, got {config['datadir']}"
            )
    return tuple(pair for pair in dict.fromkeys(found) if pair not in black)


def idle_pairlists(config: Mapping[str, Any], epochs: int) -> str | None:
    """Returns a line about pairlists that choose at each candle live, but not in each training and
    test; None if there are none."""
    methods = dict.fromkeys(_pairlists(config))
    choosing = ", ".join(method for method in methods if method not in _UNCHANGING)
    begin = f"pairlists: {choosing} of the configuration would choose at each candle"
    if not choosing:
        return None
    if not config.get("enable_dynamic_pairlist"):
        return f"{begin} live, but here once or not at all without --enable-dynamic-pairlist."
    if epochs:
        return f"{begin}, but in training once or not at all, as in hyperopt."
    return None


def _pairlists(config: Mapping[str, Any]) -> list[str]:
    return [each["method"] for each in config.get("pairlists", [])]
