"""Credits mode: how Binance lets customers in the European Economic Area trade USD-M futures.

Profit, commission and funding of all contracts are in credits (BNFCR), each about a dollar. The
account is in multi-assets mode and cannot leave it; all margin is cross, and everything in the
account is collateral. Freqtrade counts the coin of its setting `proxy_coin` as the wallet, which it
ignores with isolated margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

CREDITS = "BNFCR"
CROSS = "cross"

_SINGLE = "binance.com > Futures > Preference > Asset Mode: Single-Asset Mode"


class Contradiction(NamedTuple):
    """What in a configuration contradicts itself or the account, and what to do about it."""

    words: str
    fix: str

    def __str__(self) -> str:
        return f"{self.words}: {self.fix}"


def proxy_coin(config: Mapping[str, Any]) -> str | None:
    """Returns the coin that Freqtrade counts as the wallet; None if it is the stake currency.

    :param config: Freqtrade's
    """
    return _other_coin(config) if margin_mode(config) == CROSS else None


def wallet_coin(config: Mapping[str, Any]) -> str:
    """Returns the coin that Freqtrade counts as the wallet."""
    return proxy_coin(config) or str(config["stake_currency"])


def declares_multi_assets(config: Mapping[str, Any]) -> bool:
    """Whether a configuration says that all assets of the account back its positions."""
    return "proxy_coin" in config and margin_mode(config) == CROSS


def margin_mode(config: Mapping[str, Any]) -> str:
    """Returns Freqtrade's margin mode as text, from text or from its enumeration."""
    mode = config.get("margin_mode") or ""
    return str(getattr(mode, "value", mode))


def ignored(config: Mapping[str, Any]) -> Contradiction | None:
    """Returns why `proxy_coin` would count for nothing; None if it counts, or is not set."""
    coin = _other_coin(config)
    if coin is None or margin_mode(config) == CROSS:
        return None
    return Contradiction(
        f'"proxy_coin" is "{coin}", which Freqtrade ignores with "margin_mode": '
        f'"{margin_mode(config)}"',
        'set "margin_mode": "cross", or take proxy_coin out of the configuration',
    )


def contradiction(
    config: Mapping[str, Any], multi_assets: bool, held: Mapping[str, float] | None = None
) -> Contradiction | None:
    """Returns why an account is not the one that a configuration means; None if it is.

    :param multi_assets: whether the account is in multi-assets mode
    :param held: amounts by coin as the exchange shows them; None if they are not known
    """
    if not multi_assets:
        return ignored(config) or _nothing_behind(config)
    if not declares_multi_assets(config):
        cross = margin_mode(config) == CROSS
        more = "" if cross else ", and Freqtrade does not start with isolated margin"
        return Contradiction(
            f"the account is in multi-assets mode: all its assets back each position{more}",
            f'{_SINGLE}; where it is meant, set "margin_mode": "cross" and "proxy_coin": '
            f'"{CREDITS}" in credits mode, "{config.get("stake_currency")}" otherwise',
        )
    return None if held is None else _other_wallet(wallet_coin(config), held)


def _other_wallet(coin: str, held: Mapping[str, float]) -> Contradiction | None:
    """:param coin: which Freqtrade counts as the wallet"""
    if coin == CREDITS:
        if CREDITS in held:
            return None
        return Contradiction(
            f"the account shows no {CREDITS}, so it is not in credits mode, or has never had any",
            f"take proxy_coin out of the configuration, or convert something to {CREDITS}",
        )
    # Other accounts may be shown none of them.
    if not held.get(CREDITS):
        return None
    return Contradiction(
        f"the account is in credits mode, and Freqtrade counts {coin} as the wallet",
        f'set "proxy_coin": "{CREDITS}"',
    )


def _nothing_behind(config: Mapping[str, Any]) -> Contradiction | None:
    coin = proxy_coin(config)
    if coin is None:
        return None
    return Contradiction(
        f'the account is in single-asset mode, while "proxy_coin": "{coin}" makes Freqtrade count '
        "that coin as the wallet",
        "switch the account to multi-assets mode, or take proxy_coin out of the configuration",
    )


def _other_coin(config: Mapping[str, Any]) -> str | None:
    coin = config.get("proxy_coin")
    return None if coin is None or coin == config.get("stake_currency") else str(coin)
