"""The line at the start of a run: what of the layer acts, what does not and why."""

from __future__ import annotations

import logging
from typing import Any

from perpkit.bot.callbacks.usable_protections import UNUSABLE
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.parts import Part
from perpkit.bot.watching.unwatched import breakers_will_run
from perpkit.market.exchanges import BINANCE_ONLY, named

_NAMES = {Part.GUARD: "stop guard", Part.BOOK: "order book"}


# These reasons lie in the nature of a part, and are no fault of the set-up.
_LIVE_ONLY = "which is for live only"
_RUNNING_ONLY = "which is for dry-run and live only"


def start_line(strategy: Any, layer: RiskLayer) -> tuple[str, int]:
    """Returns the line and its level: a warning if a part that was asked for does not act.

    :param strategy: with the layer attached, which has started
    """
    asked, off, names = _asked(strategy, layer), _off(strategy, layer), _names(strategy, layer)
    acting = [names[part] for part in Part if part in asked and part not in off]
    sentences = [", ".join(acting) or "nothing acts in this run"]
    if off:
        sentences.append("Off: " + "; ".join(f"{names[part]}, {why}" for part, why in off.items()))
    if rest := [names[part] for part in Part if part not in asked]:
        sentences.append(f"Not asked for: {', '.join(rest)}")
    line = f"Perpkit is attached to {type(strategy).__name__}: {'. '.join(sentences)}."
    return line, logging.WARNING if _faults(off) else logging.INFO


def parts_off(strategy: Any, layer: RiskLayer) -> list[str]:
    """Returns one message for each part that was asked for and cannot act in this set-up."""
    names = _names(strategy, layer)
    return [f"{names[part]} off, {why}" for part, why in _faults(_off(strategy, layer)).items()]


def _faults(off: dict[Part, str]) -> dict[Part, str]:
    return {part: why for part, why in off.items() if why not in (_LIVE_ONLY, _RUNNING_ONLY)}


def _names(strategy: Any, layer: RiskLayer) -> dict[Part, str]:
    names = {part: _NAMES.get(part, str(part)) for part in Part}
    if listed := _breakers(strategy, layer):
        names[Part.BREAKERS] = f"breakers ({', '.join(listed)})"
    if limits := layer.limited_by.given:
        given = ", ".join(f"{name} {most:g}" for name, most in limits.items())
        names[Part.LIMITS] = f"limits ({given})"
    return names


def _asked(strategy: Any, layer: RiskLayer) -> frozenset[Part]:
    # The strategy's own breakers run with any part, and "use" can switch the guard on.
    listed = {Part.BREAKERS} if _breakers(strategy, layer) else set()
    guarded = {Part.GUARD} if layer.running.guarded else set()
    return layer.parts | listed | guarded


def _off(strategy: Any, layer: RiskLayer) -> dict[Part, str]:
    asked = _asked(strategy, layer)
    found = {part: _why_off(strategy, layer, part) for part in Part if part in asked}
    return {part: why for part, why in found.items() if why is not None}


def _breakers(strategy: Any, layer: RiskLayer) -> list[str]:
    listed = [entry for entry in strategy.protections or () if isinstance(entry, dict)]
    return [str(entry["method"]) for entry in listed if entry.get("method") in layer.breaker_names]


def _why_off(strategy: Any, layer: RiskLayer, part: Part) -> str | None:
    trading = is_trading(strategy.config)
    if part is Part.BREAKERS:
        if not _breakers(strategy, layer):
            return _why_no_breaker(layer)
        return None if breakers_will_run(strategy.config) else "as --enable-protections is missing"
    if part is Part.GUARD:
        live = trading and not strategy.config["dry_run"]
        return _why_unguarded(strategy, layer) if live else _LIVE_ONLY
    use = layer.hooks.settings().use
    if part is Part.SIZING and not use.sizing:
        return 'as "perpkit.use.sizing" is false'
    if part is Part.BOOK:
        return (
            'as "perpkit.use.book" is false' if not use.book else None if trading else _RUNNING_ONLY
        )
    return None


def _why_no_breaker(layer: RiskLayer) -> str:
    # A bot that holds something starts in spite of a protection that cannot be made.
    wrong = [why.reason for (name, *_), why in layer.watch.restrictions.items() if name == UNUSABLE]
    if any(breaker in reason for reason in wrong for breaker in layer.breaker_names):
        return 'as those listed in "perpkit.protections" or by the strategy cannot be made'
    return 'as none is listed in "perpkit.protections" or by the strategy'


def _why_unguarded(strategy: Any, layer: RiskLayer) -> str | None:
    if layer.running.guarded:
        return None
    if (unknown := layer.running.unknown_exchange) is not None:
        return (
            f"and with it {named(BINANCE_ONLY[1:])}, as they are for Binance only and the exchange "
            f"is {unknown}; Freqtrade sends and tracks orders without them"
        )
    if not strategy.order_types.get("stoploss_on_exchange"):
        return (
            "as stops are in the bot only and it would place others "
            '("order_types.stoploss_on_exchange": true puts them at the exchange)'
        )
    return 'as "perpkit.use.guard" is false'
