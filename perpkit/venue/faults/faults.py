"""Faults, and the plan that decides what goes wrong, where and when, but does not carry it out.

`http.injection` carries out faults of requests, `http.streams` those of streams, `market.Market`
those of the market. Those of orders and accounts are carried out by `exchange`, which asks
`FaultPlan.active` and `FaultPlan.strike`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from perpkit.venue.faults.kinds import (
    ORDER_KINDS,
    PARAMETERS,
    PRICE_KINDS,
    REQUEST_KINDS,
    STREAM_KINDS,
    FaultKind,
    FaultParameter,
    Value,
)

__all__ = [
    "ORDER_KINDS",
    "PARAMETERS",
    "PRICE_KINDS",
    "REQUEST_KINDS",
    "STREAM_KINDS",
    "Fault",
    "FaultKind",
    "FaultParameter",
    "FaultPlan",
    "Value",
]

_K = FaultKind
# Kinds that need an end, because it is part of their meaning.
_ENDING = frozenset({_K.FLASH_CRASH, _K.DELISTING})
# Evaluating this many at every request still takes less than a millisecond.
MAX_FAULTS = 1000
# Each is applied to every price that is requested.
MAX_PRICE_FAULTS = 200
MAX_TIME = 4_102_444_800_000  # 2100-01-01
_LONGEST_PATTERN = 200
# An event of user data, as ORDER_TRADE_UPDATE; streams have small letters.
_EVENT = re.compile("[A-Z_]+")
MAX_TIMES = 1_000_000


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at the venue for a while.

    :param endpoint: shell pattern of a path, or of method and path: "POST /fapi/v1/order*"; of
        streams a pattern of a stream's name; user data is "userData", and each event of it by its
        name, too: "ORDER_TRADE_UPDATE"
    :param symbol: "BTCUSDT"; None for every symbol
    :param since: ms on the venue's clock, inclusive
    :param until: ms, exclusive; None if it does not end
    :param probability: that it strikes a request or order that it concerns
    :param times: it ends after striking this often; None for no such end
    :param parameters: parameters of the kind, see `PARAMETERS`; omitted ones have their defaults
    :raises ValueError: naming the field, the value and what is allowed
    """

    kind: FaultKind
    endpoint: str = "*"
    symbol: str | None = None
    since: int = 0
    until: int | None = None
    probability: float = 1.0
    times: int | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = PARAMETERS.get(self.kind, {})
        for name, value in self.parameters.items():
            if name not in known:
                allowed = ", ".join(known) or "none"
                raise ValueError(f"parameters of {self.kind} are {allowed}, got {name!r}")
            known[name].check(name, value)
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability must be above 0 and at most 1, got {self.probability:g}")
        if self.until is not None and self.until <= self.since:
            raise ValueError(f"until must be after since ({self.since}), got {self.until}")
        self._check_bounds()
        self._check_meaning()

    def _check_bounds(self) -> None:
        if self.times is not None and self.times < 1:
            raise ValueError(f"times must be at least 1, got {self.times}")
        if self.times is not None and self.times > MAX_TIMES:
            raise ValueError(f"times must be at most {MAX_TIMES}, got {self.times}")
        for name, time in (("since", self.since), ("until", self.until)):
            if time is not None and abs(time) > MAX_TIME:
                raise ValueError(f"{name} must be at most {MAX_TIME} (ms), got {time}")
        if len(self.endpoint) > _LONGEST_PATTERN:
            raise ValueError(
                f"endpoint must have at most {_LONGEST_PATTERN} characters, "
                f"got {len(self.endpoint)}"
            )

    def _check_meaning(self) -> None:
        """Checks that the fields given have a meaning for the kind."""
        if self.until is None and self.kind in _ENDING:
            raise ValueError(f"until must be given for {self.kind}")
        if self.kind is _K.SETTINGS_CHANGED:
            known = PARAMETERS[self.kind]
            if self.until is not None:
                raise ValueError(f"until means nothing to {self.kind}, got {self.until}")
            if all(known[name].default == value for name, value in self.parameters.items()):
                raise ValueError(f"parameters of {self.kind} must change one of {', '.join(known)}")
        if self.kind not in REQUEST_KINDS | STREAM_KINDS:
            if self.endpoint != "*":
                raise ValueError(f"endpoint means nothing to {self.kind}, got {self.endpoint!r}")
            if self.kind not in ORDER_KINDS and (self.probability < 1 or self.times):
                raise ValueError(f"{self.kind} is a state: it has neither probability nor times")
        if self.kind is _K.STREAM_CUT and _EVENT.fullmatch(self.endpoint):
            raise ValueError(
                f"endpoint of {self.kind} is a pattern of streams, as a connection is cut whole, "
                f'of user data "userData": got {self.endpoint!r}'
            )

    def number(self, name: str) -> float:
        return float(self._value(name))

    def text(self, name: str) -> str:
        return str(self._value(name))

    def _value(self, name: str) -> Value:
        return self.parameters.get(name, PARAMETERS[self.kind][name].default)

    def at(self, now: int) -> bool:
        return self.within(now, now)

    def within(self, since: int, until: int) -> bool:
        """Returns whether it is in force at any time from `since` to `until`, ms."""
        return self.since <= until and (self.until is None or since < self.until)

    def concerns(self, symbol: str | None) -> bool:
        return self.symbol is None or self.symbol == symbol

    def reaches(self, kind: FaultKind, symbol: str | None, now: int) -> bool:
        return self.kind is kind and self.at(now) and self.concerns(symbol)

    def meets(self, method: str, path: str) -> bool:
        if self.endpoint == "*":
            return True
        return fnmatchcase(f"{method} {path}" if " " in self.endpoint else path, self.endpoint)


class FaultPlan:
    """Faults by id, in the order they were added. The same seed and calls give the same answers."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 0) -> None:
        self._seed = seed
        self._faults: dict[str, Fault] = {}
        self._tries: dict[str, int] = {}
        self._strikes: dict[str, int] = {}
        self._added = 0
        self.add_all(list(faults))

    def __len__(self) -> int:
        return len(self._faults)

    def __iter__(self) -> Iterator[tuple[str, Fault]]:
        return iter(list(self._faults.items()))

    def __getitem__(self, name: str) -> Fault:
        """Returns the fault with an id.

        :raises KeyError: for an id that is not in the plan
        """
        return self._faults[name]

    def add(self, fault: Fault) -> str:
        """Adds a fault and returns its id.

        :raises ValueError: if the plan is full
        """
        return self.add_all([fault])[0]

    def add_all(self, faults: Sequence[Fault]) -> list[str]:
        """Adds all faults or none, and returns their ids.

        :raises ValueError: if there is no room for all of them
        """
        every = [*self._faults.values(), *faults]
        prices = sum(fault.kind in PRICE_KINDS for fault in every)
        if len(every) > MAX_FAULTS:
            raise ValueError(f"a plan holds at most {MAX_FAULTS} faults, not {len(every)}")
        if prices > MAX_PRICE_FAULTS:
            raise ValueError(f"a plan moves prices at most {MAX_PRICE_FAULTS} times, not {prices}")
        return [self._add(fault) for fault in faults]

    def _add(self, fault: Fault) -> str:
        self._added += 1
        name = f"f{self._added}"
        self._faults[name] = fault
        self._tries[name] = self._strikes[name] = 0
        return name

    def remove(self, name: str) -> Fault:
        """Removes a fault and returns it.

        :raises KeyError: for an id that is not in the plan
        """
        return self._faults.pop(name)

    def strikes(self, name: str) -> int:
        """Returns how often a fault has struck."""
        return self._strikes[name]

    def of(self, *kinds: FaultKind, symbol: str | None) -> list[Fault]:
        """Returns the faults of these kinds that concern `symbol`, at any time."""
        return [f for f in self._faults.values() if f.kind in kinds and f.concerns(symbol)]

    def active(self, kind: FaultKind, symbol: str | None, now: int) -> Fault | None:
        """Returns the first fault in force at `now`, regardless of its probability."""
        for name, fault in self._faults.items():
            if fault.reaches(kind, symbol, now) and not self._spent(name, fault):
                return fault
        return None

    def strike(self, kind: FaultKind, symbol: str | None, now: int) -> Fault | None:
        """Returns the first fault in force that is drawn to strike. Call it once for each order."""
        for name, fault in self._faults.items():
            if fault.reaches(kind, symbol, now) and self._draw(name, fault):
                return fault
        return None

    def striking_message(self, names: Sequence[str], symbol: str | None, time: int) -> list[Fault]:
        """Returns what strikes one message of a stream on one connection, a cut apart.

        :param names: those of stream and event
        :param time: of the message, ms
        """
        return [
            fault
            for name, fault in self._faults.items()
            if fault.kind in STREAM_KINDS
            and fault.kind is not FaultKind.STREAM_CUT
            and fault.at(time)
            and fault.concerns(symbol)
            and any(fault.meets("", each) for each in names)
            and self._draw(name, fault)
        ]

    def strikes_now(self, name: str) -> bool:
        """Draws whether this fault strikes something that it concerns."""
        return self._draw(name, self._faults[name])

    def striking(
        self, method: str, path: str, symbol: str | None, now: int
    ) -> tuple[list[Fault], Fault | None]:
        """Returns what strikes a request: latencies, and the first fault of another kind.

        Latencies after that fault are left out.
        """
        delays: list[Fault] = []
        for name, fault in self._faults.items():
            if (
                fault.kind in REQUEST_KINDS
                and fault.at(now)
                and fault.concerns(symbol)
                and fault.meets(method, path)
                and self._draw(name, fault)
            ):
                if fault.kind is not FaultKind.LATENCY:
                    return delays, fault
                delays.append(fault)
        return delays, None

    def _spent(self, name: str, fault: Fault) -> bool:
        return fault.times is not None and self._strikes[name] >= fault.times

    def _draw(self, name: str, fault: Fault) -> bool:
        if self._spent(name, fault):
            return False
        if fault.probability < 1:
            # Each fault has its own random stream, so other traffic does not change its outcome.
            self._tries[name] += 1
            dice = random.Random(f"{self._seed}/{name}/{self._tries[name]}")  # noqa: S311
            if dice.random() >= fault.probability:
                return False
        self._strikes[name] += 1
        return True
