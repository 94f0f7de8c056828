"""Bands: which pairs lie between bounds, and in what order. The base of the filters of pairs."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Annotated, ClassVar, Generic, Literal, NamedTuple, TypeVar

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

K = TypeVar("K")
Sort = Literal["none", "asc", "desc"]


class Measure(NamedTuple):
    """A figure of a pair that the parameters `min_NAME` and `max_NAME` may bound.

    :param words: its name in messages
    :param spec: the format of its value in messages
    """

    name: str
    words: str
    spec: str


Percentile = Annotated[
    float | None, Range(0, 100, "%"), "The percentile within the pair's own last 30 days"
]


class _Bound(NamedTuple):
    number: int  # index of the measure
    least: float | None
    most: float | None


@dataclass(frozen=True, kw_only=True)
class Band(Parameters, Generic[K]):
    """Bounds of the figures in `MEASURES`, both ends included; None means no bound."""

    MEASURES: ClassVar[tuple[Measure, ...]] = ()

    def check_together(self) -> None:
        for measure in self.MEASURES:
            least, most = self._bounds(measure)
            if least is not None and most is not None and least > most:
                raise ValueError(
                    f"min_{measure.name} must not exceed max_{measure.name}, "
                    f"got {least:g} and {most:g}"
                )

    @abstractmethod
    def figures(self, known: K) -> tuple[float, ...]:
        """Returns the figures of `MEASURES`, in that order; NaN where unknown."""

    def knows(self, known: K | None) -> bool:
        """Returns whether enough is known: the first figure and every other one that is bounded."""
        if known is None:
            return False
        figures = self.figures(known)
        return not (isnan(figures[0]) or any(isnan(figures[bound.number]) for bound in self._binds))

    def objection(self, known: K) -> str | None:
        """Returns why the figures lie outside the band; None if they lie inside."""
        figures = self.figures(known)
        for number, least, most in self._binds:
            figure = figures[number]
            if least is not None and figure < least:
                return self._told(number, figure, "below", least)
            if most is not None and figure > most:
                return self._told(number, figure, "above", most)
        return None

    def description(self) -> list[str]:
        """Returns the bounds that apply, for the operator."""
        return [self._described(bound) for bound in self._binds]

    def _bounds(self, measure: Measure) -> tuple[float | None, float | None]:
        # Not every measure is worth bounding on both sides.
        least: float | None = getattr(self, f"min_{measure.name}", None)
        most: float | None = getattr(self, f"max_{measure.name}", None)
        return least, most

    @cached_property
    def _binds(self) -> tuple[_Bound, ...]:
        bounds = (_Bound(number, *self._bounds(m)) for number, m in enumerate(self.MEASURES))
        return tuple(b for b in bounds if (b.least, b.most) != (None, None))

    def _told(self, number: int, figure: float, where: str, bound: float) -> str:
        measure = self.MEASURES[number]
        return f"{measure.words} {figure:{measure.spec}} is {where} {bound:{measure.spec}}"

    def _described(self, bound: _Bound) -> str:
        words, spec = self.MEASURES[bound.number][-2:]
        if bound.least is None:
            return f"{words} up to {bound.most:{spec}}"
        end = "" if bound.most is None else f" to {bound.most:{spec}}"
        return f"{words} from {bound.least:{spec}}{end}"


@dataclass(frozen=True, kw_only=True)
class RankedBand(Band[K]):
    """A band that also sorts the pairs, by the first of its figures."""

    sort: Annotated[
        Sort, "Lowest first (asc), highest first (desc), or as the pairs came (none)"
    ] = "none"
    number_assets: Annotated[
        int, Range(0, 10_000, "pairs"), "How many pairs are kept, the first in that order; 0 is all"
    ] = 0
    keep_unknown: Annotated[
        bool, "Pairs of which too little is known pass, and sort last; off, they are left out"
    ] = False

    def choose(self, pairs: Sequence[str], known: Mapping[str, K | None]) -> list[str]:
        """Returns the pairs that pass, in order; pairs with equal figures by name.

        :param known: the data of every pair; None where there are none
        """
        inside: list[tuple[float, str]] = []
        unknown: list[str] = []
        passed: list[str] = []
        for pair in pairs:
            of_pair = known[pair]
            if of_pair is None or not self.knows(of_pair):
                if not self.keep_unknown:
                    continue
                unknown.append(pair)
            elif self.objection(of_pair) is None:
                first = self.figures(of_pair)[0]
                inside.append((-first if self.sort == "desc" else first, pair))
            else:
                continue
            passed.append(pair)
        if self.sort != "none":
            passed = [pair for _, pair in sorted(inside)] + sorted(unknown)
        return passed[: self.number_assets or None]

    def description(self) -> list[str]:
        order = [f"sorted {self.sort}"] if self.sort != "none" else []
        first = [f"the first {self.number_assets}"] if self.number_assets else []
        return [*super().description(), *order, *first]
