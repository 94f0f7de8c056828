"""Looks at the options of a strategy that starts, and makes those safe that would leave positions
unmanaged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from freqtrade.enums import CandleType
from freqtrade.exchange import Binance

from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.overridden import OVERRIDABLE, Before, overrides_of
from perpkit.bot.layer.overrides import judged
from perpkit.bot.layer.verdicts import Outcome, Run, Verdict
from perpkit.bot.layer.warm_up import Supply, supply
from perpkit.market.exchanges import facts_of


def look_at_options(
    strategy: Any,
    hooks: Hooks,
    before: Before,
    *,
    trading: bool,
    guarded: bool,
    unknown_exchange: str | None = None,
) -> list[Verdict]:
    """Returns the verdicts on all options of a strategy that starts.

    :param before: what there was before Freqtrade merged the configuration
    :param guarded: the stop guard is on
    :param unknown_exchange: name of the exchange, if the guard does not support it
    """
    config = strategy.config
    run = Run(
        type(strategy).__name__,
        _merged(strategy),
        trading,
        trading and not config["dry_run"],
        guarded,
        strategy.timeframe,
        hooks.asks(),
        hooks.needs(),
        _supply(strategy),
        unknown_exchange,
    )
    return judged(overrides_of(strategy, before), run)


def arm(strategy: Any, verdicts: Iterable[Verdict]) -> None:
    """Sets what was refused to safe values, for positions that are open."""
    for verdict in verdicts:
        if verdict.outcome is not Outcome.REFUSED or verdict.safe is None:
            continue
        name, _, inner = verdict.option.partition(".")
        if inner:
            # Another object: this one may be the configuration's.
            setattr(strategy, name, {**getattr(strategy, name), inner: verdict.safe})
        else:
            setattr(strategy, name, verdict.safe)
            strategy.config[name] = verdict.safe


def _merged(strategy: Any) -> dict[str, Any]:
    config = strategy.config
    values = {
        name: getattr(strategy, name, config.get(name, default))
        for name, default in OVERRIDABLE.items()
    }
    # A strategy of the package sets the attribute itself where it adjusts nothing.
    name = "position_adjustment_enable"
    return {**values, name: config.get(name, values[name])}


def _supply(strategy: Any) -> Supply | None:
    exchange = getattr(getattr(strategy, "dp", None), "_exchange", None)
    if exchange is not None:
        at_once = exchange.ohlcv_candle_limit(strategy.timeframe, CandleType.FUTURES)
        history = bool(exchange._ft_has["ohlcv_has_history"])
        return supply(strategy.startup_candle_count, at_once, has_history=history)
    # `perpkit doctor` makes no exchange of Freqtrade.
    if not facts_of(strategy.config["exchange"].get("name")).keeps_orders:
        return None
    return supply(strategy.startup_candle_count, Binance._ft_has_futures["ohlcv_candle_limit"])
