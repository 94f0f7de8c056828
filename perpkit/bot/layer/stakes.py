"""What the start says about stakes: how they are made, and whether `stake_amount` counts.

Freqtrade announces `stake_amount` to the operator, also where stakes follow from something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from freqtrade.constants import UNLIMITED_STAKE_AMOUNT
from freqtrade.strategy import IStrategy

from perpkit.bot.layer.entry_callbacks import EntryCallbacks
from perpkit.bot.positions.parameters import Settings
from perpkit.risk.sizing import Basis, SizingRule


def has_fixed_stake(config: Mapping[str, Any]) -> bool:
    """Whether the user has set `stake_amount` to a number."""
    return config.get("stake_amount", UNLIMITED_STAKE_AMOUNT) != UNLIMITED_STAKE_AMOUNT


def risk_stakes(config: Mapping[str, Any], settings: Settings) -> str:
    """Returns how PerpStrategy makes the stakes of entries."""
    amount = stake_amount(config)
    if not settings.use.sizing:
        return f'Stakes are the {amount}, as "perpkit.use.sizing" is false.'
    line = f"Stakes follow from {_measure(settings.sizing)}"
    return f"{line}, and are at most the {amount}." if has_fixed_stake(config) else f"{line}."


def attached_stakes(strategy: IStrategy, rule: SizingRule | None) -> str:
    """Returns how the stakes of entries are made where the layer is attached.

    :param rule: to which they are cut, if they are
    """
    behind = super(EntryCallbacks, cast(EntryCallbacks, strategy)).custom_stake_amount
    freqtrade = getattr(behind, "__func__", None) is IStrategy.custom_stake_amount
    theirs = f"what custom_stake_amount of {type(strategy).__name__} returns"
    line = f"Stakes are {f'the {stake_amount(strategy.config)}' if freqtrade else theirs}"
    return f"{line}, at most what follows from {_measure(rule)}." if rule else f"{line}."


def stake_amount(config: Mapping[str, Any]) -> str:
    """Returns the option and its value for a sentence.

    >>> stake_amount({"stake_amount": 300, "stake_currency": "USDT"})
    '"stake_amount" of 300 USDT'
    """
    if has_fixed_stake(config):
        return f'"stake_amount" of {config["stake_amount"]:g} {config["stake_currency"]}'
    return f'"stake_amount" of "{UNLIMITED_STAKE_AMOUNT}"'


def _measure(rule: SizingRule) -> str:
    if rule.basis is Basis.VOLATILITY:
        share = f"{100 * rule.vol_target_annual:.3g}%"
        return f"the volatility: each may move the account by {share} a year"
    return f"the risk: a stop costs {100 * rule.risk_per_trade:.3g}% of the equity"
