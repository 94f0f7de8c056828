"""Hysteresis: how a latch trips, holds and releases."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range


@dataclass(frozen=True)
class HysteresisState:
    """The state of one `Hysteresis`.

    :param above: samples in a row at or above the trip value, counted up to `confirm`
    :param below: samples in a row below the release value, counted up to `calm`
    """

    on: bool = False
    above: int = 0
    below: int = 0


OFF = HysteresisState()


@dataclass(frozen=True)
class Hysteresis(Parameters):
    """A latch that trips at one value and releases at a lower one, so that it does not oscillate.

    A missing sample (NaN) changes nothing: it neither confirms, nor trips, nor counts as calm.
    """

    trip: Annotated[
        float,
        Range(-inf, infinite=True),
        "Samples at or above it, `confirm` in a row, trip the latch",
    ]
    release: Annotated[
        float, Range(-inf, infinite=True), "Samples below it, `calm` in a row, release the latch"
    ]
    confirm: Annotated[int, Range(1, 10_000, "samples"), "How many in a row trip it"] = 1
    calm: Annotated[int, Range(1, 10_000, "samples"), "How many in a row release it"] = 1

    def check_together(self) -> None:
        if not self.release <= self.trip:
            raise ValueError(f"release must be at most trip ({self.trip:g}), got {self.release:g}")

    def step(self, latch: HysteresisState, value: float) -> HysteresisState:
        """Returns the state after one more sample.

        >>> Hysteresis(trip=10, release=8).step(HysteresisState(on=True), 9)  # in between, it holds
        HysteresisState(on=True, above=0, below=0)
        """
        if isnan(value):
            return latch
        above = min(latch.above + 1, self.confirm) if value >= self.trip else 0
        below = min(latch.below + 1, self.calm) if value < self.release else 0
        on = above == self.confirm or (latch.on and below < self.calm)
        return HysteresisState(on, above, below)

    def sweep(self, values: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Returns `on` and `below` after each sample, as `step` would, but without a loop.

        The latch is on after a trip, unless a full run of calm samples has ended since.

        >>> Hysteresis(trip=10, release=8).sweep(np.array([5.0, 12.0, 9.0, 7.0]))[0].tolist()
        [False, True, True, False]
        """
        known = np.flatnonzero(~np.isnan(values))
        seen = values[known]
        above = _run_length(seen >= self.trip)
        below = np.minimum(_run_length(seen < self.release), self.calm)
        on = _last_true(above >= self.confirm) > _last_true(below >= self.calm)
        # Position of the newest known sample at each row; 0 means "none yet".
        newest = np.searchsorted(known, np.arange(len(values)), side="right")
        return np.concatenate(([False], on))[newest], np.concatenate(([0], below))[newest]


def _last_true(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns the index of the newest True at or before each position; -1 where there is none."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), -1))


def _run_length(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Returns the number of True values in a row that end at each position."""
    return np.arange(len(flags)) - _last_true(~flags)
