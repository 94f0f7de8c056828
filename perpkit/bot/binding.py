"""What decides what a strategy trades: source, parameters, options of the configuration, market.

A verdict of `perpkit golive` is bound to it. The command and the bot ask here, with the strategy as
Freqtrade's resolver has loaded it, so that both see the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

from freqtrade.configuration.config_validation import validate_config_consistency

from perpkit import __version__
from perpkit.bot.loading.plugins import own_folder
from perpkit.files.class_files import class_files
from perpkit.record.golive import VERSION, Bound
from perpkit.rehearsal.redirection import leads_to_venue

# Of the configuration. Not among them: what an account is called and where files are, how a bot is
# operated (api_server, telegram, internals, bot_name), its keys, and `dry_run` itself.
OPTIONS = (
    "trading_mode", "margin_mode", "liquidation_buffer", "stake_currency", "proxy_coin",
    "stake_amount", "tradable_balance_ratio", "available_capital", "amend_last_stake_amount",
    "last_stake_amount_min_ratio", "amount_reserve_percent", "max_open_trades", "timeframe",
    "startup_candle_count", "process_only_new_candles", "disable_dataframe_checks",
    "stoploss", "use_custom_stoploss", "minimal_roi", "trailing_stop", "trailing_stop_positive",
    "trailing_stop_positive_offset", "trailing_only_offset_is_reached",
    "use_exit_signal", "exit_profit_only", "exit_profit_offset", "ignore_roi_if_entry_signal",
    "ignore_buying_expired_candle_after", "position_adjustment_enable",
    "max_entry_position_adjustment", "order_types", "order_time_in_force", "unfilledtimeout",
    "entry_pricing", "exit_pricing", "custom_price_max_distance_ratio", "pairlists",
    "force_entry_enable", "recursive_strategy_search", "freqaimodel", "freqai",
    "external_message_consumer", "orderflow", "reduce_df_footprint",
)  # fmt: skip
OF_EXCHANGE = ("name", "pair_whitelist", "pair_blacklist", "unknown_fee_rate")
# Of the object "perpkit"; all other names in it count.
NOT_TRADING = frozenset(
    {
        "account",
        "latch_dir",
        "fleet_dir",
        "fleet_bot",
        "golive",
        "require_golive",
        "decisions",
        "acceleration",
        "alerts",
    }
)
# The switches of "use" that decide as little.
_SWITCHES_NOT_TRADING = frozenset({"alerts"})


def binding(strategy: Any) -> Bound:
    """Returns what the verdict on a strategy is bound to.

    :param strategy: loaded by Freqtrade, with the configuration as it then is
    :raises OSError: if a file of its source cannot be read
    :raises FreqtradeException: if Freqtrade does not accept the configuration
    """
    parts = {
        VERSION: __version__,
        # An overlay decides nothing else that counts: the trades of a rehearsal prove nothing.
        "the market": "a venue" if leads_to_venue(strategy.config) else "the exchange",
    }
    sources = ((path.name, path) for path in class_files(strategy))
    for name, path in [*sources, *_plugins(strategy)]:
        content = sha256(path.read_bytes()).hexdigest()
        parts[f"the file {name}"] = parts.get(f"the file {name}", "") + content
    for space, values in strategy._ft_params_from_file.items():
        parts[f"the parameters of {space}"] = _text(values)
    for name, value in options(strategy).items():
        parts[f'"{name}"'] = _text(value)
    return Bound(parts)


def options(strategy: Any) -> dict[str, Any]:
    """Returns the options that count, by name, with Freqtrade's and the strategy's defaults.

    :raises FreqtradeException: if Freqtrade does not accept the configuration
    """
    # A bot that starts has been through it: it fills in the defaults of Freqtrade's schema.
    config = deepcopy(strategy.config)
    validate_config_consistency(config)
    return dict(_options(config))


def _plugins(strategy: Any) -> Iterator[tuple[str, Path]]:
    """Yields the user's files that define the plugins in use, found as Freqtrade finds them."""
    config = strategy.config
    used = {
        "protections": ("protection_path", _methods(getattr(strategy, "protections", None))),
        "pairlists": ("pairlist_path", _methods(config.get("pairlists"))),
        "freqaimodels": ("freqaimodel_path", _models(config)),
    }
    for kind, (option, names) in used.items():
        folders = (config.get(option), Path(config.get("user_data_dir") or "user_data") / kind)
        for folder in {Path(each).resolve(): None for each in folders if each}:
            if folder == own_folder(kind) or not folder.is_dir():
                continue
            for path in sorted(folder.glob("*.py")):
                text = path.read_text(encoding="utf-8")
                if any(f"class {name}(" in text for name in names):
                    yield f"{kind}/{path.name}", path


def _methods(listed: object) -> set[Any]:
    """Returns the names of protections or pairlists; Freqtrade reports what is no such list."""
    entries = listed if isinstance(listed, Iterable) else ()
    return {entry.get("method") for entry in entries if isinstance(entry, Mapping)}


def _models(config: Mapping[str, Any]) -> set[Any]:
    """Returns the names of the model of FreqAI, and of those that it consists of."""
    freqai = config.get("freqai")
    members = freqai.get("ensemble") if isinstance(freqai, Mapping) else None
    listed = members if isinstance(members, list) else []
    named = (each.get("model") if isinstance(each, Mapping) else each for each in listed)
    return {config.get("freqaimodel"), *(name for name in named if isinstance(name, str))}


def _options(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in OPTIONS:
        if name in config:
            yield name, config[name]
    exchange = config.get("exchange") or {}
    for name in OF_EXCHANGE:
        if name in exchange:
            yield f"exchange.{name}", exchange[name]
    own = config.get("perpkit")
    for name, value in own.items() if isinstance(own, Mapping) else ():
        if name == "use" and isinstance(value, Mapping):
            switches = {each: value[each] for each in value if each not in _SWITCHES_NOT_TRADING}
            if switches:
                yield "perpkit.use", switches
        elif name not in NOT_TRADING:
            yield f"perpkit.{name}", value


def _text(value: Any) -> str:
    """Returns a value as text that does not depend on the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
