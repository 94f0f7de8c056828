"""What became of each entry signal, and why a candle had none, for the decision log.

Most refusals are noted where they are made. What Freqtrade refuses by itself, it asks and tells the
strategy nothing of: no free slot, a lock of all pairs, too little balance. It is found here, by
looking whether anything was noted of a signal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from freqtrade.exceptions import DependencyException
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import PairLocks

from perpkit.signals.conditions import Conditions, unmet

# Returns why entries into a pair are blocked, or None.
Doubt = Callable[[str], str | None]
# In the log, once, if an error keeps what is found out of the decision log.
NOT_NOTED = "Signals could not be noted in the decision log."
_COLUMNS = ("enter_long", "exit_long", "enter_short", "exit_short")


class Signal(NamedTuple):
    """What a candle says of entries.

    :param side: long or short; None without a signal
    :param text: why there is none
    """

    side: str | None
    tag: str | None = None
    text: str = ""


class SignalFrame:
    """The signals of a pair's analysed candles.

    :param frame: as the strategy leaves it
    """

    def __init__(self, strategy: Any, frame: pd.DataFrame) -> None:
        self._strategy = strategy
        self.frame = frame
        self.columns = {
            name: (frame[name] == 1).to_numpy() for name in _COLUMNS if name in frame.columns
        }
        self._conditions: Conditions | None = None

    @property
    def step(self) -> pd.Timedelta:
        return pd.Timedelta(seconds=timeframe_to_seconds(self._strategy.timeframe))

    def at(self, row: int) -> Signal:
        """Returns what the candle in a row says, as Freqtrade reads it; -1 is the last one."""
        on = [name for name, found in self.columns.items() if found[row]]
        for side, other in (("long", "short"), ("short", "long")):
            if f"enter_{side}" not in on:
                continue
            if side == "short" and not self._strategy.can_short:
                return Signal(None, text="enter_short is set, but can_short is false")
            against = [name for name in (f"exit_{side}", f"enter_{other}") if name in on]
            if against:
                text = f"enter_{side} and {' and '.join(against)} are set: they cancel each other"
                return Signal(None, text=text)
            tag = self.frame["enter_tag"].iloc[row] if "enter_tag" in self.frame.columns else None
            return Signal(side, tag if isinstance(tag, str) else None)
        return Signal(None, text=self._why_none(row))

    def _why_none(self, row: int) -> str:
        began = self.frame["date"].iloc[row]
        text = f"the candle of {began:%Y-%m-%d %H:%M} UTC has no entry signal"
        conditions = self._known()
        missing = unmet(conditions, row) if conditions else ""
        return f"{text}: {missing}" if missing else text

    def _known(self) -> Conditions | None:
        find = getattr(self._strategy, "entry_conditions", None)
        if self._conditions is None and find is not None:
            self._conditions = find(self.frame)
        return self._conditions


def longest_lock(pair: str, side: str, now: datetime | None = None) -> Any:
    """Returns the lock that keeps a pair and side from entries for longest; None without any.

    :param now: default the present
    """
    found = [PairLocks.get_pair_longest_lock(which, now, side) for which in (pair, "*")]
    locks = [lock for lock in found if lock is not None]
    return max(locks, key=lambda lock: lock.lock_end_time, default=None)


def why_not(
    strategy: Any, pair: str, side: str, now: datetime, open_trades: int
) -> tuple[str, str]:
    """Returns why Freqtrade itself made no entry of a signal: a code, and a sentence.

    :param open_trades: how many were open when it looked
    """
    most = strategy.max_open_trades
    if 0 <= most <= open_trades:
        return "slots", f"max_open_trades: {open_trades} of {most:g} are open"
    lock = longest_lock(pair, side, now)
    if lock is not None:
        where = "the pair is" if lock.pair == pair else "all pairs are"
        until = f"{lock.lock_end_time:%Y-%m-%d %H:%M} UTC"
        return "lock", f"{where} locked until {until}: {lock.reason}"
    try:
        stake = strategy.wallets.get_trade_stake_amount(pair, most, update=False)
    except DependencyException as error:
        return "stake", str(error)
    if not stake:
        return "stake", "there is no balance left for a stake"
    depth = strategy.config.get("entry_pricing", {}).get("check_depth_of_market", {})
    if depth.get("enabled"):
        return "depth", (
            "check_depth_of_market: bids against asks were below "
            f"{depth.get('bids_to_ask_delta', 0):g} in the order book"
        )
    return "freqtrade", "Freqtrade made no entry; its log of this time says why"
