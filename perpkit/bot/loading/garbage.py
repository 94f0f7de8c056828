"""Spares the imports of a backtest the collector of cycles.

Modules are not garbage, but Python walks all of them each time that a quarter more has been
imported: a twentieth of a short backtest. The collector waits until everything is imported, and
then passes over it. Reference counts free memory as before.

A worker of hyperopt has the arguments of its parent, and lives on copies of trades, which are
cycles: it never waits.
"""

import gc
import sys
from multiprocessing import current_process

# Commands that import much and then make a `Backtesting`, which ends the waiting.
_COMMANDS = ("backtesting", "hyperopt", "lookahead-analysis", "recursive-analysis")
_MAIN = "MainProcess"
_waits = False


def wait_for_imports() -> None:
    """Has the collector wait if this is the main process of a command that makes a backtest."""
    global _waits
    if current_process().name != _MAIN:
        return
    if sys.argv[1:2] and sys.argv[1] in _COMMANDS and gc.isenabled():
        gc.disable()
        _waits = True


def imported() -> None:
    """Ends the waiting: what exists is not looked at again."""
    global _waits
    if _waits:
        gc.freeze()
        gc.enable()
        _waits = False
