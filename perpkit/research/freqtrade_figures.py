"""Freqtrade's own figures of an export, by the names of ours, to stand beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Ours: Freqtrade's in the statistics of a strategy, and in its `wallet_stats`.
_OF_TRADES = {
    "profit": "profit_total",
    "cagr": "cagr",
    "sharpe": "sharpe",
    "sortino": "sortino",
    "calmar": "calmar",
    "max_drawdown": "max_relative_drawdown",
}
_OF_WALLET = {
    "sharpe": "sharpe",
    "sortino": "sortino",
    "calmar": "calmar",
    "max_drawdown": "max_relative_drawdown",
}


def own_figures(stats: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Returns Freqtrade's figures of closed trades, and of its wallet where it exports them.

    The first change only when a trade closes. The wallet is sampled every candle, but holds no open
    profit of futures, only what is realised; its days end with their last candle.

    :param stats: of one strategy; empty for a bot
    """
    found = {}
    for name, names, values in (
        ("closed trades", _OF_TRADES, stats),
        ("wallet", _OF_WALLET, stats.get("wallet_stats") or {}),
    ):
        known = {ours: values[theirs] for ours, theirs in names.items() if theirs in values}
        if known:
            found[name] = {ours: float(value) for ours, value in known.items()}
    return found
