"""PerpRisk: the risk layer as the first base of any strategy.

    class Mine(PerpRisk, TheirStrategy): ...

or, without code, `"perpkit": {"attach": true}` in the configuration: `perpkit.bot.layer.composing`.
PerpStrategy is built on it as well.

It derives from IStrategy because Freqtrade's hyperopt walks the bases of a strategy up to that
name. Everything it keeps is in `_perpkit`, so that no name of the other strategy is taken. Each
callback asks the layer, then the strategy behind it; while nothing restricts, the answer of the
strategy is passed on as it is. An error of the strategy is left to Freqtrade, as it is without us.
"""

from __future__ import annotations

import inspect
import logging
from copy import deepcopy
from datetime import datetime
from math import floor
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import ExitCheckTuple
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy
from freqtrade.strategy.parameters import BaseParameter

from perpkit.bot.callbacks.safe_answers import holds_something
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.attached import attached_hooks, attached_line
from perpkit.bot.layer.breaker_parameters import BREAKER_PARAMETERS
from perpkit.bot.layer.layer import Hooks, RiskLayer
from perpkit.bot.layer.listed import listed
from perpkit.bot.layer.parts import BREAKERS_AND_GUARD, Part, attached_parts
from perpkit.bot.live.leaving import URGENT, in_front
from perpkit.bot.refusals import RunRefusedError

logger = logging.getLogger(__name__)

# Of the breakers' parameters on a strategy that is not the package's.
PREFIX = "perpkit_"


class PerpRisk(IStrategy):
    """Breakers and guard around a strategy; see the module."""

    # What is attached where the configuration does not say: of a class that names PerpRisk itself.
    perpkit_parts: ClassVar[frozenset[Part]] = BREAKERS_AND_GUARD
    # A strategy of the package has the parameters of the breakers under names of its own.
    _perpkit_prefix: ClassVar[str] = PREFIX

    def __init_subclass__(cls, *, searches_breakers: bool = True, **kwargs: Any) -> None:
        """:param searches_breakers: the default breakers are used, and hyperopt may search them"""
        super().__init_subclass__(**kwargs)
        if cls._perpkit_prefix and searches_breakers:
            for name, parameter in BREAKER_PARAMETERS.items():
                if not hasattr(cls, PREFIX + name):
                    setattr(cls, PREFIX + name, deepcopy(parameter))
        _own_parameters(cls)
        if "protections" in vars(cls):
            cls.protections = _listed_by(vars(cls)["protections"])

    def __init__(self, config: Config) -> None:
        if config.get("trading_mode") != "futures":
            raise ConfigurationError(
                f'{type(self).__name__} needs "trading_mode": "futures", '
                f'got "{config.get("trading_mode", "spot")}"'
            )
        asked = attached_parts(config)
        # First, for a strategy may assign its protections in its own constructor.
        self._perpkit = RiskLayer(self, config, self.perpkit_parts if asked is None else asked)
        super().__init__(config)
        _own_order_types(self)

    def _perpkit_hooks(self) -> Hooks:
        return attached_hooks(self, self._perpkit)

    def _get_protections(self) -> list[dict[str, Any]]:
        layer = self._perpkit
        theirs = layer.assigned_protections
        return listed(self, super().protections if theirs is None else theirs)

    def _set_protections(self, protections: list[dict[str, Any]]) -> None:
        self._perpkit.assigned_protections = protections

    # Freqtrade evaluates it as it starts, and before that when it looks for parameters.
    protections = property(_get_protections, _set_protections)

    def bot_start(self, **kwargs: Any) -> None:
        layer, hooks = self._perpkit, self._perpkit_hooks()
        trading = is_trading(self.config)
        try:
            layer.start(hooks)
            if not hooks.own_stops:
                layer.say(attached_line(self, layer))
        except RunRefusedError:
            raise
        except Exception as error:
            # What is open must be managed, by Freqtrade alone if need be.
            if hooks.own_errors or not (trading and holds_something(self)):
                raise
            layer.failed("bot_start", error)
        if trading and not hooks.own_stops:
            _with_running_callbacks(self)
        super().bot_start(**kwargs)

    def ft_bot_cleanup(self) -> None:
        super().ft_bot_cleanup()
        self._perpkit.close()

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        with self._perpkit.attempt("bot_loop_start"):
            self._perpkit.step(current_time)
        super().bot_loop_start(current_time=current_time, **kwargs)

    def informative_pairs(self) -> list[Any]:
        watched: list[Any] = []
        with self._perpkit.attempt("informative_pairs"):
            watched = self._perpkit.informative_pairs()
        theirs = list(super().informative_pairs())
        return [*theirs, *(pair for pair in watched if pair not in theirs)]

    def advise_all_indicators(self, data: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        # Backtest and hyperopt start here; from the other callbacks an error would not get through.
        if self._perpkit.started:
            self._perpkit.watch.require_candles()
        return super().advise_all_indicators(data)

    def leverage(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_leverage: float,
        max_leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        leverage = super().leverage(
            pair=pair,
            current_time=current_time,
            current_rate=current_rate,
            proposed_leverage=proposed_leverage,
            max_leverage=max_leverage,
            entry_tag=entry_tag,
            side=side,
            **kwargs,
        )
        cap = self._perpkit.decision(pair, side).max_leverage
        return leverage if leverage <= cap else max(1.0, float(floor(cap)))

    def custom_stake_amount(
        self,
        pair: str,
        current_time: datetime,
        current_rate: float,
        proposed_stake: float,
        min_stake: float | None,
        max_stake: float,
        leverage: float,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> float:
        factor = self._perpkit.decision(pair, side).size_factor
        try:
            stake = super().custom_stake_amount(
                pair=pair,
                current_time=current_time,
                current_rate=current_rate,
                proposed_stake=proposed_stake,
                min_stake=min_stake,
                max_stake=max_stake,
                leverage=leverage,
                entry_tag=entry_tag,
                side=side,
                **kwargs,
            )
        except Exception:
            # Freqtrade would take the proposed stake, and all of it.
            if factor >= 1:
                raise
            logger.exception("custom_stake_amount failed: the proposed stake is used.")
            stake = proposed_stake
        return stake * factor if stake and factor < 1 else stake

    def confirm_trade_entry(
        self,
        pair: str,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        current_time: datetime,
        entry_tag: str | None,
        side: str,
        **kwargs: Any,
    ) -> bool:
        refused = True
        with self._perpkit.attempt("confirm_trade_entry"):
            refused = self._perpkit.refuses(pair, side, amount, current_time)
        if refused:
            return False
        return super().confirm_trade_entry(
            pair=pair,
            order_type=order_type,
            amount=amount,
            rate=rate,
            time_in_force=time_in_force,
            current_time=current_time,
            entry_tag=entry_tag,
            side=side,
            **kwargs,
        )

    def is_pair_locked(
        self, pair: str, *, candle_date: datetime | None = None, side: str = "*"
    ) -> bool:
        # As Freqtrade's, which asks of a pair and side that it would enter.
        locked: bool = super().is_pair_locked(pair, candle_date=candle_date, side=side)
        if locked:
            with self._perpkit.attempt("is_pair_locked"):
                self._perpkit.note_lock(pair, side)
        return locked

    def _adjust_trade_position_internal(
        self, trade: Trade, current_time: datetime, current_rate: float, *args: Any, **kwargs: Any
    ) -> tuple[float | None, str]:
        # Freqtrade's, which a backtest asks and then enters without a further question. A running
        # bot is asked in front of the order, where forced entries come by as well.
        stake, tag = super()._adjust_trade_position_internal(
            trade, current_time, current_rate, *args, **kwargs
        )
        layer = self._perpkit
        if layer.simulated and stake is not None and stake > 0:
            allowed = 0.0
            with layer.attempt("_adjust_trade_position_internal"):
                allowed = layer.allowed_addition(trade, stake, current_rate, tag, current_time)
            stake = (stake if allowed == stake else allowed) or None
        return stake, tag

    def should_exit(self, trade: Trade, *args: Any, **kwargs: Any) -> list[ExitCheckTuple]:
        # Not `custom_exit`, which Freqtrade skips without exit signals.
        urgent = None
        with self._perpkit.attempt("should_exit"):
            urgent = self._perpkit.urgent(trade)
        try:
            exits = super().should_exit(trade, *args, **kwargs)
        except Exception:
            if urgent is None:
                raise
            logger.exception(f"should_exit failed; {trade.pair} is closed: {urgent}.")
            exits = []
        return in_front(urgent, exits)

    def confirm_trade_exit(
        self,
        pair: str,
        trade: Trade,
        order_type: str,
        amount: float,
        rate: float,
        time_in_force: str,
        exit_reason: str,
        current_time: datetime,
        **kwargs: Any,
    ) -> bool:
        return exit_reason in URGENT or super().confirm_trade_exit(
            pair=pair,
            trade=trade,
            order_type=order_type,
            amount=amount,
            rate=rate,
            time_in_force=time_in_force,
            exit_reason=exit_reason,
            current_time=current_time,
            **kwargs,
        )

    def custom_exit_price(
        self,
        pair: str,
        trade: Trade,
        current_time: datetime,
        proposed_rate: float,
        current_profit: float,
        exit_tag: str | None,
        **kwargs: Any,
    ) -> float | None:
        # A price of the strategy's own is for an exit that can wait.
        if exit_tag in URGENT:
            return proposed_rate
        return super().custom_exit_price(
            pair=pair,
            trade=trade,
            current_time=current_time,
            proposed_rate=proposed_rate,
            current_profit=current_profit,
            exit_tag=exit_tag,
            **kwargs,
        )


class RunningCallbacks(IStrategy):
    """Of a dry-run or live bot only: a backtest would copy the trade for each of them."""

    _perpkit: RiskLayer

    def check_entry_timeout(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> bool:
        # Asked in any case, for the guard ends an entry that nobody has looked at.
        ends = True
        with self._perpkit.attempt("check_entry_timeout"):
            ends = self._perpkit.entry_timed_out(trade, order, current_time)
        theirs = super().check_entry_timeout(
            pair=pair, trade=trade, order=order, current_time=current_time, **kwargs
        )
        return ends or theirs

    def order_filled(
        self, pair: str, trade: Trade, order: Order, current_time: datetime, **kwargs: Any
    ) -> None:
        with self._perpkit.attempt("order_filled"):
            self._perpkit.running.order_filled(trade, order)
        super().order_filled(
            pair=pair, trade=trade, order=order, current_time=current_time, **kwargs
        )


def _own_order_types(strategy: Any) -> None:
    """Not the class's, which the options of a run would change for whoever loads it next."""
    try:
        strategy.order_types = dict(strategy.order_types)
    except (AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"Perpkit cannot be attached to {type(strategy).__name__}: its order_types cannot be "
            f"set: {error}"
        ) from error


def _with_running_callbacks(strategy: IStrategy) -> None:
    own = type(strategy)
    members = {"__module__": own.__module__, "__doc__": own.__doc__}
    strategy.__class__ = type(own.__name__, (RunningCallbacks, own), members)


def _own_parameters(cls: type) -> None:
    """Copies inherited parameters: one that hyperopt's file of a strategy sets must not change
    another strategy of the process. Those of a strategy behind the layer stay as they are."""
    for base in cls.__mro__[1:]:
        if issubclass(base, PerpRisk):
            for name, value in vars(base).items():
                shared = inspect.getattr_static(cls, name) is value
                if isinstance(value, BaseParameter) and shared:
                    setattr(cls, name, deepcopy(value))


def _listed_by(own: Any) -> Any:
    """A class's own `protections`, a list or a property, with what the layer adds to them."""
    getter = own.fget if isinstance(own, property) else None
    if getter is None and isinstance(own, property):
        return own
    if hasattr(getter, "is_complete"):
        return own

    def protections(self: Any) -> list[dict[str, Any]]:
        assigned = self._perpkit.assigned_protections
        if assigned is not None:
            return listed(self, assigned)
        return listed(self, own if getter is None else getter(self))

    protections.is_complete = True  # type: ignore[attr-defined]  # a subclass may pass it on
    assign = own.fset if isinstance(own, property) else None
    return property(protections, assign or PerpRisk.protections.fset)
