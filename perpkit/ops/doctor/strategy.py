"""Checks the strategy as Freqtrade loads it, its plugins, and the options that disable safeties."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from perpkit.market.exchanges import facts_of
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.ops.doctor.stored_data import is_pattern


def check_strategy(context: Context) -> Iterator[Finding]:
    from freqtrade.configuration.config_validation import validate_config_consistency

    name = context.config.get("strategy")
    loaded = context.loaded
    if isinstance(loaded, Exception):
        words = " ".join(str(loaded).split())
        yield fail(
            f"{name or 'A strategy'} cannot be loaded: {words}",
            '"strategy" names one that `freqtrade list-strategies` shows; where the words name a '
            "setting, correct that",
        )
        return
    try:
        validate_config_consistency(deepcopy(loaded.config))
    except Exception as error:
        yield fail(
            f"Freqtrade refuses the configuration with {name}: {' '.join(str(error).split())}",
            "correct the setting that it names, in the configuration or in the strategy",
        )
    yield _layer_of(context, loaded)


def _layer_of(context: Context, strategy: Any) -> Finding:
    """Reports what of Perpkit is in force around a strategy."""
    from perpkit.bot.layer.parts import Part
    from perpkit.bot.layer.perp_risk import PerpRisk
    from perpkit.bot.strategy import PerpStrategy

    name = context.config.get("strategy")
    if isinstance(strategy, PerpStrategy):
        return ok(f"{name} loads, {strategy.timeframe} candles")
    if not isinstance(strategy, PerpRisk):
        return warn(
            f"Perpkit is not attached to {name}: it has no breakers that act, no stop guard, no "
            "journal of orders and no stop latch",
            '"perpkit": {"attach": true} in the configuration: docs/any-strategy.md',
        )
    layer = strategy._perpkit
    rest = [part for part in Part if part not in layer.parts]
    more = f"; not asked for: {', '.join(rest)}" if rest else ""
    attached = ", ".join(part for part in Part if part in layer.parts) or "nothing"
    return ok(f"{name} loads, {strategy.timeframe} candles; attached: {attached}{more}")


def check_options(context: Context) -> Iterator[Finding]:
    """Reports what the bot itself checks, and would log, when it starts."""
    from perpkit.bot.layer.option_check import look_at_options
    from perpkit.bot.layer.override_rules import GUARD
    from perpkit.bot.layer.perp_risk import PerpRisk
    from perpkit.bot.layer.verdicts import Outcome
    from perpkit.bot.strategy import PerpStrategy

    strategy, live = context.strategy, not context.bot.dry_run
    yield from _stop(context, strategy)
    if not isinstance(strategy, PerpRisk):
        return
    own, hooks = context.config["exchange"].get("name"), strategy._perpkit_hooks()
    known = facts_of(own).keeps_orders
    guarded = known and live and hooks.settings().use.guard
    verdicts = look_at_options(
        strategy,
        hooks,
        strategy._perpkit.before,
        trading=True,
        guarded=guarded,
        unknown_exchange=None if known else str(own),
    )
    if not known:  # the check of the settings says what is off there
        verdicts = [each for each in verdicts if each.option != GUARD]
    refused = [each.line for each in verdicts if each.outcome is Outcome.REFUSED]
    for words in refused:
        yield fail(words, "set it so, or leave it out of the configuration")
    noted = [each.line for each in verdicts if each.outcome is Outcome.NOTED]
    if not isinstance(strategy, PerpStrategy):
        noted += _attached_off(strategy, known and live and not guarded)
    for words in noted:
        yield warn(words, "leave the option out of the configuration, unless that is meant")
    if not refused and not noted:
        yield ok("No option disarms a safety")


def _attached_off(strategy: Any, unguarded: bool) -> list[str]:
    from perpkit.bot.layer.parts import Part

    if not unguarded or Part.GUARD not in strategy._perpkit.parts:
        return []
    return ["The stop guard is off: it needs Binance, stops at the exchange and use.guard"]


def _stop(context: Context, strategy: Any) -> Iterator[Finding]:
    if strategy.order_types.get("stoploss_on_exchange"):
        yield ok("Stops are at the exchange")
        return
    words = "Stops are in the bot only: a bot that hangs, or has no network, protects nothing"
    fix = '"stoploss_on_exchange": true in "order_types", of the configuration or the strategy'
    yield warn(words, fix) if context.bot.dry_run else fail(words, fix)


def check_protections(context: Context) -> Iterator[Finding]:
    """Creates the protections as Freqtrade does, one by one."""
    from perpkit.bot.callbacks.usable_protections import usable

    strategy = context.strategy
    protections = strategy.protections
    if not protections:
        yield warn(
            f"{context.config.get('strategy')} has no protections: no breaker watches the market "
            "or the losses",
            'set "perpkit": {"attach": true}, or leave the property `protections` to PerpStrategy, '
            "or list some: docs/any-strategy.md, docs/breakers.md",
        )
        return
    found, wrong = usable(strategy.config, protections)
    for words in wrong:
        yield fail(words, "correct it in the property `protections` of the strategy")
    if not wrong:
        names = ", ".join(str(each.get("method")) for each in found)
        yield ok(f"{len(found)} protections: {names}")


def check_pairlists(context: Context) -> Iterator[Finding]:
    from freqtrade.resolvers import PairListResolver

    config = context.config
    listed = config.get("pairlists") or [{"method": "StaticPairList"}]
    methods = [str(each.get("method")) for each in listed]
    names = {each["name"] for each in PairListResolver.search_all_objects(dict(config), False)}
    if missing := [method for method in methods if method not in names]:
        yield fail(
            f"No such pairlist: {', '.join(missing)}",
            f"name one of {', '.join(sorted(names))}",
        )
        return
    pairs = config["exchange"].get("pair_whitelist") or []
    if "StaticPairList" in methods:
        wanted = f":{config.get('stake_currency')}"
        if strange := [p for p in map(str, pairs) if not is_pattern(p) and not p.endswith(wanted)]:
            yield fail(
                f"These are no perpetuals in {wanted[1:]}: {', '.join(strange)}",
                f'write them like "BTC/{wanted[1:]}{wanted}" in "exchange.pair_whitelist"',
            )
            return
    yield ok(f"{' > '.join(methods)}; {len(pairs)} pairs in the white list")
