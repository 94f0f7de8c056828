"""What happens in a run: the market, and what goes wrong in each half day, drawn from one seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from perpkit.durations import HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.faults.random_faults import random_plan
from perpkit.venue.market import synthetic
from perpkit.venue.market.history import History

START = datetime(2026, 2, 10, tzinfo=UTC)
WARM_UP = timedelta(days=40)
WINDOW = timedelta(hours=12)
# Of each kind, on average.
FAULTS_A_DAY = 2.0

# The last two are delisted during the run, if it is long enough.
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT", "ADA/USDT:USDT")
LASTING, DELISTED = ("BTCUSDT", "ETHUSDT"), ("XRPUSDT", "ADAUSDT")
# The half days in which that is announced; they go a day later.
_ANNOUNCED = (1, 8)
_NOTICE_MS = 24 * HOUR_MS

# An account in hedge or multi-assets mode trades nothing until its user sets it back.
_SET_BACK_MS = 20 * MINUTE_MS
_ACCOUNT_WIDE = ("hedge", "multi_assets")


@dataclass(frozen=True)
class Plan:
    """A run's market and faults.

    :param days: of the market after `START`
    """

    seed: int
    days: int

    def market(self) -> History:
        first = START - WARM_UP
        # One more day, for what the venue shows of the candle that has begun.
        days = WARM_UP.days + self.days + 1
        return synthetic.generate(
            seed=self.seed, start=_ms(first), days=days, pairs=PAIRS, base="1m"
        )

    def faults(self, window: int) -> list[Fault]:
        """Those that begin in a half day, the first of which is 0."""
        begin = _ms(START + window * WINDOW)
        end = begin + int(WINDOW.total_seconds() * 1000)
        kinds = [kind for kind in FaultKind if kind is not FaultKind.DELISTING]
        seed = self.seed * 100_000 + window
        planned = random_plan(seed, begin, end, kinds, FAULTS_A_DAY, LASTING)
        drawn = [_met_again(fault) for fault in planned]
        return [*drawn, *filter(None, map(_set_back, drawn)), *self._delistings(window, begin)]

    def _delistings(self, window: int, begin: int) -> Iterator[Fault]:
        for symbol, announced in zip(DELISTED, _ANNOUNCED, strict=True):
            if window == announced:
                since = begin + HOUR_MS
                yield Fault(FaultKind.DELISTING, "*", symbol, since, since + _NOTICE_MS)


def lasting(fault: Fault) -> bool:
    """Whether it stays in the plan: prices and listings of the past follow from it."""
    moves = (FaultKind.PRICE_GAP, FaultKind.FLASH_CRASH, FaultKind.DELISTING)
    return fault.kind in moves


def disturbs(fault: Fault) -> bool:
    """Whether a bot is disturbed while it is in force, rather than when it begins."""
    return fault.until is not None and fault.kind is not FaultKind.DELISTING


def _met_again(fault: Fault) -> Fault:
    """Last price and mark, which a crash has taken apart, meet as it ends: else they would drift
    apart for days, until no market order is within the band around mark."""
    if fault.kind is not FaultKind.FLASH_CRASH or fault.number("mark_share") == 1:
        return fault
    return replace(fault, parameters={**fault.parameters, "recovery": 1.0})


def _set_back(fault: Fault) -> Fault | None:
    if fault.kind is not FaultKind.SETTINGS_CHANGED:
        return None
    changed = [name for name in _ACCOUNT_WIDE if fault.text(name) == "yes"]
    if not changed:
        return None
    later = fault.since + _SET_BACK_MS
    return replace(fault, since=later, probability=1.0, parameters=dict.fromkeys(changed, "no"))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
