"""Whether a set of parameters stands on a plateau or on a peak: its neighbours say so.

The best of many epochs is the luckiest, too. Parameters that do well because of what they are, do
nearly as well a little to the side; those that do well by luck are alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perpkit.research.hyperopt.epochs import Epoch

Floats = NDArray[np.float64]
# Neighbours of an epoch: this share of all epochs, within these bounds.
_SHARE, _FEWEST, _MOST = 0.05, 5, 30
# Below it, epochs have no neighbours worth the name.
LEAST_EPOCHS = 20
# The share of an epoch's lead that its neighbours have, from which on it is on a plateau, and
# below which it is on a peak.
PLATEAU, PEAK = 0.5, 0.2
# Stretches of a parameter in a heat-map, and to see how much it matters.
_STRETCHES = 6


class Ground(StrEnum):
    PLATEAU = "plateau"
    SLOPE = "slope"
    PEAK = "peak"


@dataclass(frozen=True)
class Neighbourhood:
    """
    :param around: the median loss of its neighbours
    :param shared: which part of the epoch's lead over the median epoch its neighbours have: 1 if
        they are as good, 0 if they are like any other; None if it has no lead
    :param distance: to the farthest of them, as a share of the range of each parameter (root mean
        square)
    """

    epoch: Epoch
    around: float
    shared: float | None
    distance: float

    @property
    def loss(self) -> float:
        """What the epoch is worth with its neighbours: no more than they, nor than itself."""
        return max(self.epoch.loss, self.around)

    @property
    def ground(self) -> Ground | None:
        if self.shared is None:
            return None
        if self.shared >= PLATEAU:
            return Ground.PLATEAU
        return Ground.PEAK if self.shared < PEAK else Ground.SLOPE


@dataclass(frozen=True)
class Axis:
    """
    :param names: of the stretches of a parameter, in order
    :param rows: of each epoch, the number of its stretch
    """

    parameter: str
    names: tuple[str, ...]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class HeatMap:
    """:param losses: the median of each field; shape (len(y.names), len(x.names)), NaN for none"""

    x: Axis
    y: Axis
    losses: Floats


class Search:
    """A hyperopt run.

    :param epochs: those without enough trades are left out, and so is what was tried before
    :raises ValueError: for fewer than `LEAST_EPOCHS` epochs
    """

    def __init__(self, epochs: Sequence[Epoch]) -> None:
        self.tried = len(epochs)
        # The same parameters again would be the best neighbours of all.
        different = {repr(sorted(epoch.params.items())): epoch for epoch in reversed(epochs)}
        self.epochs = [epoch for epoch in reversed(different.values()) if epoch.rated]
        if len(self.epochs) < LEAST_EPOCHS:
            raise ValueError(
                f"hyperopt must have {LEAST_EPOCHS} different epochs with enough trades, got "
                f"{len(self.epochs)} of {self.tried}"
            )
        self.losses = np.array([epoch.loss for epoch in self.epochs])
        names = sorted({name for epoch in self.epochs for name in epoch.params})
        columns = {name: [epoch.params.get(name) for epoch in self.epochs] for name in names}
        # What never changes tells no epochs apart.
        self.columns = {n: c for n, c in columns.items() if len({repr(v) for v in c}) > 1}

    @property
    def neighbours(self) -> int:
        """How many each epoch is compared with."""
        return int(np.clip(round(_SHARE * len(self.epochs)), _FEWEST, _MOST))

    @property
    def median(self) -> float:
        """The loss of an epoch in the middle of all of them."""
        return float(np.median(self.losses))

    def neighbourhoods(self) -> list[Neighbourhood]:
        """Returns every epoch with its neighbourhood, the best epoch first."""
        places = np.hstack([_coordinates(column) for column in self.columns.values()])
        found = []
        for row, epoch in enumerate(self.epochs):
            distance = ((places - places[row]) ** 2).sum(axis=1)
            distance[row] = np.inf
            near = np.argsort(distance, kind="stable")[: self.neighbours]
            around = float(np.median(self.losses[near]))
            lead = self.median - epoch.loss
            shared = (self.median - around) / lead if lead > 0 else None
            reach = float(np.sqrt(distance[near[-1]] / len(self.columns)))
            found.append(Neighbourhood(epoch, around, shared, reach))
        return sorted(found, key=lambda one: (one.epoch.loss, one.epoch.number))

    def importances(self) -> list[tuple[str, float]]:
        """Returns how much of the order of losses each parameter explains alone, from 0 to 1, the
        most first: the correlation ratio of ranks over stretches of its values."""
        ranks = np.argsort(np.argsort(self.losses, kind="stable"), kind="stable").astype(float)
        spread = ranks.var()
        found = []
        for name, column in self.columns.items():
            rows = _axis(name, column).rows
            means = np.array([ranks[rows == row].mean() for row in rows])
            found.append((name, float(means.var() / spread)))
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def heat_map(self) -> HeatMap | None:
        """Returns the losses by the two parameters that matter most; None if only one varies."""
        names = [name for name, _ in self.importances()[:2]]
        if len(names) < 2:
            return None
        x, y = (_axis(name, self.columns[name]) for name in names)
        losses = np.full((len(y.names), len(x.names)), np.nan)
        for row in range(len(y.names)):
            for column in range(len(x.names)):
                here = self.losses[(y.rows == row) & (x.rows == column)]
                if len(here):
                    losses[row, column] = np.median(here)
        return HeatMap(x, y, losses)


def by_neighbours(found: Sequence[Neighbourhood]) -> list[Neighbourhood]:
    """Returns them with the best neighbourhood first."""
    return sorted(found, key=lambda one: (one.loss, one.epoch.loss, one.epoch.number))


def _numbers(column: Sequence[object]) -> Floats | None:
    """Returns the values as numbers; None where they are choices."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in column):
        return np.array(column, dtype=np.float64)
    return None


def _coordinates(column: Sequence[object]) -> Floats:
    """Returns places at which two epochs are 1 apart if their values are as far apart as can be.

    :return: shape (epochs, 1) of numbers, (epochs, choices) of others
    """
    numbers = _numbers(column)
    if numbers is not None:
        return ((numbers - numbers.min()) / np.ptp(numbers))[:, None]
    names = [repr(value) for value in column]
    choices = sorted(set(names))
    return np.array([[name == one for one in choices] for name in names]) / np.sqrt(2)


def _axis(parameter: str, column: Sequence[object]) -> Axis:
    numbers = _numbers(column)
    if numbers is None or len(np.unique(numbers)) <= _STRETCHES:
        values = sorted(set(column), key=repr) if numbers is None else np.unique(numbers).tolist()
        names = [_shown(value) for value in values]
        rows = [values.index(value) for value in column]
        return Axis(parameter, tuple(names), np.array(rows))
    low, high = numbers.min(), numbers.max()
    edges = np.linspace(low, high, _STRETCHES + 1)
    rows_ = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _STRETCHES - 1)
    names = [f"{a:.4g} to {b:.4g}" for a, b in pairwise(edges)]
    return Axis(parameter, tuple(names), rows_)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
