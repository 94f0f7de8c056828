"""What is known of a strategy, measured from its bot, its backtest, a rehearsal and its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from perpkit.durations import DAY_S
from perpkit.execution.book import BPS
from perpkit.golive.band import Band
from perpkit.record.rehearsed import Rehearsal
from perpkit.research.causes import Cause, Explained
from perpkit.research.results import Results
from perpkit.research.trade_statistics import TradeStatistics
from perpkit.research.trades import Trade

# Over so many days the backtest's trades are counted, where they are fewer than what is asked.
COUNTED_DAYS = 90
# Causes that name no reason: one of the two had a signal, or left, and the other did not.
_UNKNOWN = frozenset({Cause.SIGNAL, Cause.EXTRA, Cause.EXIT})


@dataclass(frozen=True)
class Missing:
    """Evidence that is not there.

    :param why: it is not, and what to run, in one line
    """

    why: str


@dataclass(frozen=True)
class NotAsked:
    """Evidence that is not asked for.

    :param why: it is not, in one line
    """

    why: str


@dataclass(frozen=True)
class Slipped:
    """
    :param bps: mean of how much worse the bot's fills were than those of its twins
    """

    bps: float
    fills: int


@dataclass(frozen=True)
class Made:
    """
    :param share: the bot's return, marked to market, as a fraction
    :param band: which its backtest predicts for so many days
    """

    share: float
    band: Band


@dataclass(frozen=True)
class Differing:
    """
    :param trades: of bot and backtest in their common time, twins counted once
    :param unexplained: those of them that differ without a known cause
    """

    trades: int
    unexplained: tuple[Explained, ...]


class Keys(NamedTuple):
    """What `perpkit keys check` finds.

    :param wrong: what fails, and what could not be checked
    :param warned: of what it warns
    """

    wrong: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Of a bot and what belongs to it; each part is there or says what is missing.

    :param profits: of its closed trades, in the order of closing, in stake currency
    :param days: from the first to the last thing known of it
    :param predicted: closed trades that the backtest makes in `COUNTED_DAYS`
    :param drawdown: the worst one, marked to market, as a fraction
    :param other: in what the backtest's strategy and configuration are not those that would trade;
        empty if they are
    :param ran: in what the bot was not what would trade, at any time since its first trade
    """

    profits: tuple[float, ...]
    statistics: TradeStatistics
    days: float
    predicted: float | Missing
    drawdown: float | Missing
    slipped: Slipped | Missing
    other: tuple[str, ...] | Missing
    ran: tuple[str, ...] | Missing
    made: Made | Missing
    differing: Differing | Missing
    rehearsal: Rehearsal | Missing
    keys: Keys | NotAsked | Missing


def predicted_trades(backtest: Results) -> float:
    """Returns how many trades the backtest closes in `COUNTED_DAYS`, in the mean."""
    days = (backtest.end - backtest.start) / DAY_S
    return len(backtest.closed) / days * COUNTED_DAYS if days > 0 else 0.0


def mean_seconds(backtest: Results) -> float:
    """Returns how long a trade lasts in the mean; 0 without any."""
    lasted = [trade.closed - trade.opened for trade in backtest.closed if trade.closed is not None]
    return fmean(lasted) if lasted else 0.0


def slipped(found: Sequence[Explained]) -> Slipped | None:
    """Returns how much worse than its twins the bot was filled; None without twins.

    Entries, and exits of both in the same way. What the bot has measured itself, against the order
    book, counts for its entries where it is there.
    """
    worse: list[float] = []
    for one in found:
        live, backtest = one.twins.live, one.twins.backtest
        if live is None or backtest is None:
            continue
        if live.slippage_bps is not None:
            worse.append(live.slippage_bps)
        elif backtest.entry_rate:
            worse.append(_way(live) * (live.entry_rate / backtest.entry_rate - 1) * BPS)
        ends = (_last(live), _last(backtest))
        if live.exit_reason == backtest.exit_reason and ends[0] and ends[1]:
            worse.append(_way(live) * (1 - ends[0] / ends[1]) * BPS)
    return Slipped(fmean(worse), len(worse)) if worse else None


def differing(found: Sequence[Explained]) -> Differing:
    """Returns which trades differ without a cause: what changed the most in them names none."""
    unknown = (one for one in found if one.main is not None and one.main.cause in _UNKNOWN)
    return Differing(len(found), tuple(unknown))


def _way(trade: Trade) -> int:
    return -1 if trade.is_short else 1


def _last(trade: Trade) -> float | None:
    """Returns the average rate of the exits of a trade that has closed."""
    exits = [fill for fill in trade.fills if not fill.is_entry]
    amount = sum(fill.amount for fill in exits)
    if trade.closed is None or not amount:
        return None
    return sum(fill.amount * fill.rate for fill in exits) / amount
