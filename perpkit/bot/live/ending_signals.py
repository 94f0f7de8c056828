"""Ends the bot after Ctrl-C, SIGTERM or `docker stop`, even where what they interrupt hides them.

Python raises KeyboardInterrupt wherever the main thread is. Code that swallows any error
there lets the bot go on as if nothing had come: a bare `except` of a strategy, a finalizer, and C
code such as that of pandas, which takes an error while it compares column types for "not equal".
Of a thousand points of a cycle of stock Freqtrade one or two are of this kind, and a host that
shuts down sends its signal only once before it kills.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

from freqtrade.enums import State

from perpkit.bot.live.replaced import around

logger = logging.getLogger(__name__)

Handler = Callable[[int, FrameType | None], Any]

LOST = "A signal to end the bot was hidden by what it interrupted. The bot ends now."
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CYCLES = ("bot.process", "bot.process_stopped")


class EndingSignals:
    """Notes the signals that end a running bot; its cycle ends by those that did not end it.

    The handlers stay what they were, Freqtrade's and Python's; a signal that is ignored stays
    ignored, and one whose handler goes on ends nothing. They are put back when the bot is cleaned
    up; after `/reload_config`, the next bot takes over. A bot outside of the main thread gets no
    signals, and changes nothing.
    """

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._came = False
        self._before: dict[signal.Signals, Handler] = {}
        if current_thread() is not main_thread():
            return
        for each in _SIGNALS:
            self._follow(each)
        for attribute in _CYCLES:
            around(bot, attribute, self._cycle)
        around(bot, "bot.cleanup", self._cleanup)

    def _follow(self, each: signal.Signals) -> None:
        handler = signal.getsignal(each)
        earlier = getattr(handler, "__self__", None)
        if isinstance(earlier, EndingSignals):
            self._came |= earlier._came
            handler = earlier._before[each]
        if callable(handler):
            self._before[each] = handler
            signal.signal(each, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        self._before[signal.Signals(number)](number, frame)
        self._came = False

    def _cycle(self, process: Callable[[], None]) -> None:
        self._end_if_lost()  # between two cycles
        try:
            process()
        except Exception:
            self._end_if_lost()
            raise
        self._end_if_lost()

    def _end_if_lost(self) -> None:
        if self._came:
            logger.warning(LOST)
            raise KeyboardInterrupt

    def _cleanup(self, cleanup: Callable[[], None]) -> None:
        if self._bot.state is State.RELOAD_CONFIG:
            cleanup()
            return
        for each, handler in self._before.items():
            if signal.getsignal(each) == self._note:
                signal.signal(each, handler)
        cleanup()
