"""A signal at one point of what a bot does, of those at which Python looks for signals.

Python raises KeyboardInterrupt where a function begins and where a call has returned. A profile
function is called at the same points.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any


class Struck:
    """Runs `work` and counts its points; with `at`, sends SIGINT at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.points = 0
        self.where = ""
        self._at = at

    def run(self, work: Callable[[], object]) -> bool:
        """Whether the signal has ended it."""
        sys.setprofile(self._profile)
        try:
            work()
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(None)
        return False

    def _profile(self, frame: Any, event: str, _argument: object) -> None:
        if event not in ("call", "c_return"):
            return
        self.points += 1
        if self.points == self._at:
            sys.setprofile(None)
            self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            signal.raise_signal(signal.SIGINT)
