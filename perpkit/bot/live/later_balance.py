"""The balance is read after what must not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from perpkit.bot.live.replaced import replace


class _Thread(threading.local):
    """:param depth: of blocks that this thread is in; `wanted`: whether it was to be read"""

    depth = 0
    wanted = False


class LaterBalance:
    """In place of `Wallets.update`, once and for good: entries of several threads overlap, and what
    one of them put back would be what another had put there.

    :param bot: that runs
    """

    def __init__(self, bot: Any) -> None:
        self._thread = _Thread()
        self._read: Callable[..., None] = replace(bot, "wallets.update", self.update)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Freqtrade's; within `later`, in this thread, put off."""
        if self._thread.depth:
            self._thread.wanted = True
        else:
            self._read(*args, **kwargs)

    @contextmanager
    def later(self, read: Callable[[Callable[[], None]], None]) -> Iterator[None]:
        """Put it off to the end of the block, if it was to be read.

        :param read: is given what reads it, whatever became of the block
        """
        self._thread.depth += 1
        try:
            yield
        finally:
            self._thread.depth -= 1
            if self._thread.wanted and not self._thread.depth:
                self._thread.wanted = False
                read(self._read)
