"""Creates a ccxt client for the account that a bot trades on, configured like Freqtrade's own.

If the configuration leads to a simulated venue, so does the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perpkit.market.exchanges import DEFAULT_EXCHANGE, known_as
from perpkit.ops.stored import BadInputError


def exchange_client(config: Mapping[str, Any]) -> Any:
    """Returns a `ccxt.binance` for USD-M futures; nothing is requested yet.

    :param config: Freqtrade's
    :raises BadInputError: for another exchange, or without keys
    """
    own = config.get("exchange") or {}
    must_be_binance(own.get("name"))
    key = own.get("api_key") or own.get("apiKey") or own.get("key")
    if not key or not own.get("secret"):
        raise BadInputError(
            "exchange.key and exchange.secret must be given, in the environment as "
            "FREQTRADE__EXCHANGE__KEY and FREQTRADE__EXCHANGE__SECRET"
        )
    return _client(own, {"apiKey": key, "secret": own["secret"]})


def public_client(config: Mapping[str, Any]) -> Any:
    """Returns a client like that of `exchange_client`, without a key.

    :raises BadInputError: for another exchange
    """
    own = config.get("exchange") or {}
    must_be_binance(own.get("name"))
    return _client(own, {"apiKey": "", "secret": ""})


def must_be_binance(name: object) -> None:
    """:raises BadInputError: for the name of another exchange in a configuration"""
    if known_as(name, (DEFAULT_EXCHANGE, "binanceusdm")) is None:
        raise BadInputError(f'exchange.name must be "{DEFAULT_EXCHANGE}" for this, got {name!r}')


def _client(own: Mapping[str, Any], credentials: Mapping[str, str]) -> Any:
    import ccxt
    from freqtrade.misc import deep_merge_dicts

    settings: dict[str, Any] = {"options": {"defaultType": "swap"}, "enableRateLimit": True}
    for section in ("ccxt_config", "ccxt_sync_config"):
        settings = deep_merge_dicts(dict(own.get(section) or {}), settings)
    return ccxt.binance({**settings, **credentials})
