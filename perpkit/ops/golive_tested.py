"""In what a backtest's strategy and configuration are not those that would trade."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from perpkit.ops.bot_config import load_strategy
from perpkit.ops.stored import config_words

# pandas and scipy load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.golive.evidence import Missing
    from perpkit.research.results import Results

# Freqtrade's figures of a backtest have these as they were in effect; the exported configuration
# lacks the options of the command line.
STATED = (
    "stake_currency", "stake_amount", "timeframe", "freqaimodel", "stoploss", "use_custom_stoploss",
    "minimal_roi", "trailing_stop", "trailing_stop_positive", "trailing_stop_positive_offset",
    "trailing_only_offset_is_reached", "use_exit_signal", "exit_profit_only", "exit_profit_offset",
    "ignore_roi_if_entry_signal", "trading_mode", "margin_mode",
)  # fmt: skip
# There it has another name, and -1 for infinity.
STATED_SLOTS = "max_open_trades_setting"
# A backtest has pairs of its own, as most pairlists need the present, and no orders at an exchange.
NOT_COMPARED = frozenset(
    {
        "pairlists",
        "exchange.pair_whitelist",
        "exchange.pair_blacklist",
        "entry_pricing",
        "exit_pricing",
        "force_entry_enable",
        "external_message_consumer",
    }
)


def other(config: Mapping[str, Any], strategy: Any, backtest: Results) -> tuple[str, ...] | Missing:
    """Returns what differs: source, parameters, options by name; empty if nothing does.

    :param config: Freqtrade's, with the name of the strategy
    :param strategy: that Freqtrade has loaded with it
    """
    from pathlib import Path

    from perpkit.bot.binding import options
    from perpkit.golive.evidence import Missing
    from perpkit.golive.measuring import traded

    found = traded(backtest)
    if found is None or not backtest.config:
        return Missing(
            f"{backtest.source} does not keep the strategy's source and configuration: give the "
            ".zip of a Freqtrade that does"
        )
    differing = []
    if found.source != Path(strategy.__file__).read_bytes():
        differing.append("source")
    if found.parameters != strategy._ft_params_from_file:
        differing.append("parameters")
    try:
        tested = _plain(options(load_strategy(_as_tested(config, backtest))))
    # Of any kind: Freqtrade's, or one of the strategy's own code.
    except Exception as error:
        words = " ".join(config_words(error).split())[:300]
        return Missing(f"the backtest's configuration cannot be used now: {words}")
    would = _plain(options(strategy))
    names = sorted({*tested, *would} - NOT_COMPARED)
    differing += [f'"{name}"' for name in names if tested.get(name) != would.get(name)]
    return tuple(differing)


def _as_tested(config: Mapping[str, Any], backtest: Results) -> dict[str, Any]:
    """Returns the configuration with the options that count as the backtest had them."""
    from perpkit.bot.binding import NOT_TRADING, OF_EXCHANGE, OPTIONS

    made, had = deepcopy(dict(config)), backtest.config
    _take(made, had, [name for name in OPTIONS if name not in NOT_COMPARED])
    of_exchange = [name for name in OF_EXCHANGE if f"exchange.{name}" not in NOT_COMPARED]
    _take(made["exchange"], had.get("exchange") or {}, of_exchange)
    own, theirs = made.get("perpkit") or {}, had.get("perpkit") or {}
    made["perpkit"] = {name: own[name] for name in NOT_TRADING if name in own} | {
        name: value for name, value in theirs.items() if name not in NOT_TRADING
    }
    stated = {name: backtest.stats.get(name) for name in STATED}
    slots = backtest.stats.get(STATED_SLOTS)
    stated["max_open_trades"] = float("inf") if slots == -1 else slots
    return made | {name: value for name, value in stated.items() if value is not None}


def _take(made: dict[str, Any], had: Mapping[str, Any], names: list[str]) -> None:
    for name in names:
        made.pop(name, None)
        if name in had:
            made[name] = deepcopy(had[name])


def _plain(found: Mapping[str, Any]) -> Any:
    """Returns options as JSON has them, in which the export's are; -1 slots are without end."""
    plain = json.loads(json.dumps(found, default=str))
    if plain.get("max_open_trades") == -1:
        plain["max_open_trades"] = float("inf")
    return plain
