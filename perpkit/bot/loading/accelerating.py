"""Has the acceleration of backtests follow the configuration of each run.

Called by `perpkit.bot.loading.hook` with the module that Freqtrade has just imported;
tests/contract/test_acceleration_seams.py holds what is relied on.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any

from freqtrade.exceptions import ConfigurationError

from perpkit.bot.loading.garbage import imported

logger = logging.getLogger(__name__)

_SWITCH = "perpkit.bot.acceleration.switch"


def accelerate(module: ModuleType) -> None:
    """Switches it as a backtest is prepared, as it loads its candles, and as each run begins: a
    process can have several, and a worker of hyperopt is sent one that is already prepared.

    :param module: freqtrade.optimize.backtesting
    """
    kind = module.Backtesting
    prepare, load, run = kind.__init__, kind.load_bt_data, kind.backtest

    @wraps(prepare)
    def init(self: Any, config: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        _follow(config, say=True)
        prepare(self, config, *args, **kwargs)

    @wraps(load)
    def load_bt_data(self: Any, *args: Any, **kwargs: Any) -> Any:
        _follow(self.config)
        return load(self, *args, **kwargs)

    @wraps(run)
    def backtest(self: Any, *args: Any, **kwargs: Any) -> Any:
        _follow(self.config)
        try:
            return run(self, *args, **kwargs)
        finally:
            _forget()

    kind.__init__, kind.load_bt_data, kind.backtest = init, load_bt_data, backtest


def _follow(config: Mapping[str, Any], *, say: bool = False) -> None:
    """Has the acceleration follow a configuration; where it cannot, the run goes on all the same.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    imported()  # or no cycle of the run is collected
    try:
        import_module(_SWITCH).follow(config, say=say)
    except ConfigurationError:
        raise
    except Exception as error:  # as by a name that Freqtrade has moved
        # Each epoch of hyperopt comes here again.
        level = logging.WARNING if say else logging.DEBUG
        logger.log(level, "The acceleration cannot follow this run: %r.", error)


def _forget() -> None:
    """Empties what the acceleration remembers of a run; an error there must not hide its result."""
    try:
        if switch := sys.modules.get(_SWITCH):
            switch.forget()
    except Exception as error:
        logger.debug("What the acceleration remembers cannot be emptied: %r.", error)


def never_while_trading(module: ModuleType) -> None:
    """Switches it off as a bot starts, for as long as the process lives: it may have run a backtest
    before, and its strategy may run others while it trades.

    :param module: freqtrade.freqtradebot
    """
    start = module.FreqtradeBot.__init__

    @wraps(start)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            import_module(_SWITCH).never_again()
        except Exception as error:  # which must not keep a bot from its positions
            logger.warning("The acceleration could not be switched off: %r.", error)
        start(self, *args, **kwargs)

    module.FreqtradeBot.__init__ = init
