"""The parts of the acceleration, in the order in which they are switched on, and where each is.

Their modules name much of Freqtrade, as private as it may be, so that another release can keep one
from being imported. They are imported as a backtest begins, one by one, and never by a bot.
"""

from __future__ import annotations

import sys
from importlib import import_module

from perpkit.bot.acceleration.part import Part

PARTS = {
    "funding": "perpkit.bot.acceleration.funding:FUNDING",
    "profits": "perpkit.bot.acceleration.profits:PROFITS",
    "tick sizes": "perpkit.bot.acceleration.ticks:TICKS",
    "rows": "perpkit.bot.acceleration.candle_rows:ROWS",
    "candles": "perpkit.bot.acceleration.candle_loop:CANDLES",
    "callbacks": "perpkit.bot.acceleration.callback_wrappers:CALLBACKS",
    "copies of trades": "perpkit.bot.acceleration.trade_copies:COPIES",
    "locks": "perpkit.bot.acceleration.locks:LOCKS",
    "closed trades": "perpkit.bot.acceleration.closed_trades:CLOSED_TRADES",
    "drawdowns": "perpkit.bot.acceleration.drawdown:DRAWDOWNS",
    "analyzed frames": "perpkit.bot.acceleration.analyzed_frames:FRAMES",
    "periods": "perpkit.bot.acceleration.period_stats:PERIODS",
}


def part(name: str) -> Part:
    """:raises Exception: of any kind, where Freqtrade has not what the module of the part names"""
    module, _, attribute = PARTS[name].partition(":")
    found: Part = getattr(import_module(module), attribute)
    return found


def imported() -> list[Part]:
    """The parts that this process has imported, in their order."""
    return [part(name) for name, where in PARTS.items() if _module(where) in sys.modules]


def _module(where: str) -> str:
    return where.partition(":")[0]
