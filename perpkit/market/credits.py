"""Credits mode: how Binance lets customers in the European Economic Area trade USD-M futures.

Profit, commission and funding of all contracts are in credits (BNFCR), each about a dollar. The
account is in multi-assets mode and cannot leave it; all margin is cross, and everything in the
account is collateral. Freqtrade counts the coin of its setting `proxy_coin` as the wallet, which it
ignores with isolated margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CREDITS = "BNFCR"
CROSS = "cross"

NOT_MEANT = (
    "the account is in multi-assets mode, in which all its assets back each position; if that is "
    'intended, use cross margin and set "proxy_coin" in the configuration'
)


def proxy_coin(config: Mapping[str, Any]) -> str | None:
    """Returns the coin that Freqtrade counts as the wallet; None if it is the stake currency.

    :param config: Freqtrade's
    """
    return _other_coin(config) if margin_mode(config) == CROSS else None


def wallet_coin(config: Mapping[str, Any]) -> str:
    """Returns the coin that Freqtrade counts as the wallet."""
    return proxy_coin(config) or str(config["stake_currency"])


def margin_mode(config: Mapping[str, Any]) -> str:
    """Returns Freqtrade's margin mode as text, from text or from its enumeration."""
    mode = config.get("margin_mode") or ""
    return str(getattr(mode, "value", mode))


def ignored(config: Mapping[str, Any]) -> str | None:
    """Returns why a configuration contradicts itself, in one line; None if it does not."""
    coin = _other_coin(config)
    if coin is None or margin_mode(config) == CROSS:
        return None
    return (
        f'"proxy_coin" is "{coin}", which Freqtrade ignores with "margin_mode": '
        f'"{margin_mode(config)}": set "margin_mode": "cross", or take proxy_coin out'
    )


def contradiction(
    config: Mapping[str, Any], multi_assets: bool, held: Mapping[str, float] | None = None
) -> str | None:
    """Returns why an account is not the one that a configuration means; None if it is.

    :param multi_assets: whether the account is in multi-assets mode
    :param held: amounts by coin as the exchange shows them; None if they are not known
    """
    if (wrong := ignored(config)) is not None:
        return wrong
    coin = _other_coin(config)
    if not multi_assets:
        if coin is None:
            return None
        return (
            f'the account is in single-asset mode, while "proxy_coin": "{coin}" makes Freqtrade '
            "count that coin as the wallet: switch the account to multi-assets mode, or take "
            "proxy_coin out of the configuration"
        )
    if margin_mode(config) != CROSS or "proxy_coin" not in config:
        return NOT_MEANT
    if held is None:
        return None
    if coin == CREDITS and CREDITS not in held:
        return (
            f"the account shows no {CREDITS}, so it is not in credits mode, or has never had any: "
            f'take "proxy_coin" out of the configuration, or convert something to {CREDITS}'
        )
    if coin != CREDITS and held.get(CREDITS):
        counted = wallet_coin(config)
        return (
            f"the account is in credits mode, and Freqtrade counts {counted} as the wallet: set "
            f'"proxy_coin": "{CREDITS}"'
        )
    return None


def _other_coin(config: Mapping[str, Any]) -> str | None:
    coin = config.get("proxy_coin")
    return None if coin is None or coin == config.get("stake_currency") else str(coin)
