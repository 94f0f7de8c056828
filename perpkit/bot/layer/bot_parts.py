"""What a layer gives to a running bot only: the guard, the journal, and its own parts of the state.

They are imported as a bot starts: a backtest would wait half a second for what it never uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freqtrade.data.dataprovider import DataProvider

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.live.no_parts import NoParts
from perpkit.bot.positions.parameters import Settings

if TYPE_CHECKING:  # it calls these
    from perpkit.bot.layer.layer import RiskLayer


def running_parts(
    config: dict[str, Any], dp: DataProvider, layer: RiskLayer, settings: Settings
) -> NoParts:
    """Returns the parts of a running bot; those that do nothing, where none runs."""
    if not is_trading(config):
        return NoParts()
    from perpkit.bot.live.running_parts import RunningParts

    return RunningParts(
        config,
        dp,
        settings,
        layer.states,
        layer.entries.allowed_addition,
        layer.refusals,
        layer.hooks.next_part,
        only_unprotected=not layer.hooks.own_stops,
    )


def show_state(config: dict[str, Any], layer: RiskLayer) -> None:
    """Adds the layer's parts to the state file of a running bot."""
    if not is_trading(config):
        return
    from perpkit.bot.live.state_parts import TradingNow, failed_callbacks

    report, trading = layer.running.report, TradingNow()
    report("trading", lambda now: trading.report(layer.watch, _doubts(layer), now))
    report("failed_callbacks", lambda _now: failed_callbacks(layer.hooks.failures.as_dict()))
    report("parts_off", lambda _now: layer.parts_off)


def _doubts(layer: RiskLayer) -> dict[tuple[str, str], str]:
    own = {(step, "*"): reason for step, reason in layer.failed_steps.items()}
    return {**layer.hooks.doubts(), **own}
