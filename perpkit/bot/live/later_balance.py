"""Postpones reads of the balance until after the work that must not wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from perpkit.bot.live.replaced import replace


class _Thread(threading.local):
    """The state of one thread.

    :param depth: number of nested blocks that the thread is in
    :param wanted: whether a read was requested in them
    """

    depth = 0
    wanted = False


class LaterBalance:
    """Replaces `Wallets.update` once and for good.

    Entries of several threads overlap: a thread that restored the original could remove another's
    replacement.

    :param bot: a running bot
    """

    def __init__(self, bot: Any) -> None:
        self._thread = _Thread()
        self._read: Callable[..., None] = replace(bot, "wallets.update", self.update)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Replaces Freqtrade's method; within `later` it only records the request."""
        if self._thread.depth:
            self._thread.wanted = True
        else:
            self._read(*args, **kwargs)

    @contextmanager
    def later(self, read: Callable[[Callable[[], None]], None]) -> Iterator[None]:
        """Postpones a requested read to the end of the block.

        :param read: called with the function that reads, even if the block raised
        """
        self._thread.depth += 1
        try:
            yield
        finally:
            self._thread.depth -= 1
            if self._thread.wanted and not self._thread.depth:
                self._thread.wanted = False
                read(self._read)
