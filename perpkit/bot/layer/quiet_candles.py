"""Candles of a backtest that certainly change nothing of a trade of the package's strategies.

Freqtrade asks four callbacks about each open trade at each candle, and nearly always they answer
that all stays as it is. Here that answer is found from the same functions, without the way through
the callbacks; `perpkit.bot.acceleration.candle_loop` asks for it. Where it is not certain, the
candle is left to Freqtrade and the callbacks, which answer as though nothing had been asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from freqtrade.persistence import LocalTrade

from perpkit.bot.acceleration.stays import is_below
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.positions.managing import Managing
from perpkit.breakers.breaker import Trading

# What decides about an open trade: with one of a user's own, every candle is left to Freqtrade.
DECIDING = (
    "should_exit",
    "custom_exit",
    "custom_stoploss",
    "custom_roi",
    "loss_exit",
    "adjust_trade_position",
    "_adjust_trade_position_internal",
    "ft_stoploss_adjust",
    "ft_stoploss_reached",
    "min_roi_reached",
    "min_roi_reached_entry",
)


def deciding(kind: type) -> dict[str, Any]:
    """Returns what decides about open trades of a class, by name."""
    return {name: getattr(kind, name) for name in DECIDING}


def has_own(strategy: Any, known: Mapping[str, Any]) -> bool:
    """Whether something else than `known`, from `deciding`, decides about trades of a strategy."""
    return deciding(type(strategy)) != known or not known.keys().isdisjoint(vars(strategy))


class QuietCandles:
    """
    :param strategy: of the package, with its own callbacks for open trades
    :param managing: what decides on trades with an enter tag
    :param target: the distance of the target of trades with an enter tag, a fraction
    """

    def __init__(
        self,
        strategy: Any,
        layer: RiskLayer,
        managing: Callable[[str | None], Managing],
        target: Callable[[str | None], float],
    ) -> None:
        self._strategy = strategy
        self._layer = layer
        self._managing = managing
        self._target = target

    def stays(self, trade: LocalTrade, now: datetime, opened: float, best: float) -> bool:
        """See `stays.STAYS`."""
        try:
            return self._stays(trade, now, opened, best)
        except Exception:  # the callback in which it comes again has an answer to it
            return False

    def _stays(self, trade: LocalTrade, now: datetime, opened: float, best: float) -> bool:
        strategy, layer = self._strategy, self._layer
        if not strategy.use_custom_stoploss or strategy.trailing_stop:
            return False
        # What a loss may reach is counted, and what is decided is noted, where callbacks are asked.
        if layer.limits is not None or layer.decided:
            return False
        if trade.initial_stop_loss_pct == strategy.stoploss:  # the first stop is still to be shown
            return False
        pair, side, watch = trade.pair, trade.trade_direction, layer.watch
        if watch.restrictions and watch.decision(pair, side).trading is Trading.HALTED:
            return False
        managing = self._managing(trade.enter_tag)
        if layer.states.of(trade).ends or managing.adjustments.may_act(trade, opened):
            return False
        target = self._target(trade.enter_tag) * trade.leverage
        if not is_below(trade, best, min(target, *strategy.minimal_roi.values())):
            return False
        if managing.carry.exit_reason(trade, now) or managing.stops.exit_reason(trade, now):
            return False
        # Last, as the stop counts as evaluated where it stands.
        return managing.stops.stands(trade, now, best, watch.tightens(pair, side))
