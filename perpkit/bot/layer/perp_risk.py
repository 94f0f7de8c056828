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

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import HyperoptState
from freqtrade.exceptions import ConfigurationError
from freqtrade.optimize.hyperopt_tools import HyperoptStateContainer

from perpkit import __version__
from perpkit.bot.callbacks.safe_answers import holds_something
from perpkit.bot.candles.candles import is_trading
from perpkit.bot.layer.attached import attached_hooks
from perpkit.bot.layer.breaker_parameters import BREAKER_PARAMETERS, own_parameters
from perpkit.bot.layer.entry_callbacks import EntryCallbacks
from perpkit.bot.layer.exit_callbacks import ExitCallbacks
from perpkit.bot.layer.hooks import Hooks
from perpkit.bot.layer.layer import RiskLayer
from perpkit.bot.layer.listed import listed, uses_default_breakers, with_layer
from perpkit.bot.layer.overridden import before_overriding
from perpkit.bot.layer.parts import BREAKERS_AND_GUARD, Part, attached_parts, parts_of
from perpkit.bot.layer.running_callbacks import with_running_callbacks
from perpkit.bot.layer.simulated_signals import SimulatedSignals
from perpkit.bot.layer.start_line import start_line
from perpkit.bot.refusals import RunRefusedError
from perpkit.bot.running_bot import message_of

logger = logging.getLogger(__name__)

# Of the breakers' parameters on a strategy that is not the package's.
PREFIX = "perpkit_"


class PerpRisk(EntryCallbacks, ExitCallbacks):
    """Adds breakers and guard to a strategy; see the module."""

    # The parts of a class that names PerpRisk itself, where the configuration does not say.
    perpkit_parts: ClassVar[frozenset[Part]] = BREAKERS_AND_GUARD
    # A strategy of the package has the parameters of the breakers under names of its own.
    _perpkit_prefix: ClassVar[str] = PREFIX

    def __init_subclass__(cls, *, owns_parameters: bool = True, **kwargs: Any) -> None:
        """:param owns_parameters: the class gets copies of inherited parameters"""
        super().__init_subclass__(**kwargs)
        if cls._perpkit_prefix:
            for name, parameter in BREAKER_PARAMETERS.items():
                if not hasattr(cls, PREFIX + name):
                    setattr(cls, PREFIX + name, deepcopy(parameter))
        if owns_parameters:
            own_parameters(cls)
        if "protections" in vars(cls):
            cls.protections = with_layer(vars(cls)["protections"], PerpRisk.protections.fset)

    def __init__(self, config: Config) -> None:
        if config.get("trading_mode") != "futures":
            name = type(self).__name__
            who = f"Perpkit is attached to {name} and" if self._perpkit_prefix else name
            raise ConfigurationError(
                f'{who} needs "trading_mode": "futures", got "{config.get("trading_mode", "spot")}"'
            )
        asked = attached_parts(config)
        # The layer comes first: a strategy may assign its protections in its own constructor.
        self._perpkit = RiskLayer(self, config, parts_of(type(self)) if asked is None else asked)
        super().__init__(config)
        _own_order_types(self)
        self._perpkit.before = before_overriding(self, config)

    def __dir__(self) -> list[str]:
        # Freqtrade looks here for parameters. Those of breakers that do not count would be searched
        # by hyperopt, and listed with a value, to no effect.
        names = list(super().__dir__())
        if uses_default_breakers(self):
            return names
        idle = {self._perpkit_prefix + name for name in BREAKER_PARAMETERS}
        return [name for name in names if name not in idle]

    def version(self) -> str:
        """The release of the layer, behind the strategy's own version if it has one."""
        theirs, own = super().version(), f"Perpkit {__version__}"
        return f"{theirs} ({own})" if theirs else own

    def _perpkit_hooks(self) -> Hooks:
        return attached_hooks(self, self._perpkit)

    def _get_protections(self) -> list[dict[str, Any]]:
        layer = self._perpkit
        theirs = layer.assigned_protections
        return listed(self, super().protections if theirs is None else theirs)

    def _set_protections(self, protections: list[dict[str, Any]]) -> None:
        self._perpkit.assigned_protections = protections

    # Freqtrade evaluates this as it starts, and before that when it looks for parameters.
    protections = property(_get_protections, _set_protections)

    def bot_start(self, **kwargs: Any) -> None:
        layer, hooks = self._perpkit, self._perpkit_hooks()
        trading = is_trading(self.config)
        try:
            layer.start(hooks)
            if not hooks.own_stops:
                layer.say(*start_line(self, layer))
            layer.say(hooks.stakes())
        except RunRefusedError:
            raise
        except Exception as error:
            # What is open must be managed, by Freqtrade alone if need be.
            if hooks.own_errors or not (trading and holds_something(self)):
                raise
            layer.failed("bot_start", error)
            layer.check_additions()
        if trading and not hooks.own_stops:
            with_running_callbacks(self)
        super().bot_start(**kwargs)

    def ft_bot_cleanup(self) -> None:
        super().ft_bot_cleanup()
        self._perpkit.close()

    def bot_loop_start(self, current_time: datetime, **kwargs: Any) -> None:
        layer = self._perpkit
        if not (layer.idle and layer.goes_on(current_time)):
            with layer.attempt("bot_loop_start"):
                layer.step(current_time)
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
            with _before_the_indicators():
                self._perpkit.watch.require_candles(list(data))
        return super().advise_all_indicators(data)

    def plot_annotations(
        self,
        pair: str,
        start_date: datetime,
        end_date: datetime,
        dataframe: pd.DataFrame,
        **kwargs: Any,
    ) -> list[Any]:
        theirs = super().plot_annotations(
            pair=pair, start_date=start_date, end_date=end_date, dataframe=dataframe, **kwargs
        )
        layer = self._perpkit
        if not layer.started:
            return theirs
        try:
            return [*theirs, *layer.charts.annotations(pair, start_date, end_date)]
        except Exception as error:  # it is only drawn
            logger.warning(f"The breakers of {pair} cannot be drawn: {message_of(error)}")
            return theirs

    def advise_exit(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        # The last step of every analysis; nothing is added to the strategy's frame.
        analysed = super().advise_exit(dataframe, metadata)
        layer = self._perpkit
        if layer.started:
            with layer.attempt("advise_exit"):
                layer.hooks.analysed(metadata["pair"])
                if isinstance(layer.signals, SimulatedSignals):
                    layer.signals.analysed(metadata["pair"], analysed)
        return analysed


@contextmanager
def _before_the_indicators() -> Iterator[None]:
    """Suspends a warning of Freqtrade that does not hold for breakers.

    While hyperopt computes indicators, Freqtrade warns that a parameter which is read then keeps
    its start value in all epochs. Breakers are made again in every epoch.
    """
    before = HyperoptStateContainer.state
    HyperoptStateContainer.set_state(HyperoptState.DATALOAD)
    try:
        yield
    finally:
        HyperoptStateContainer.set_state(before)


def _own_order_types(strategy: Any) -> None:
    """Gives the strategy its own `order_types`.

    The options of a run would otherwise change those of the class, for every later load.

    :raises ConfigurationError: if they cannot be set
    """
    try:
        strategy.order_types = dict(strategy.order_types)
    except (AttributeError, TypeError) as error:
        raise ConfigurationError(
            f"Perpkit cannot be attached to {type(strategy).__name__}: its order_types cannot be "
            f"set: {error}"
        ) from error
