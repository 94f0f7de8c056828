"""The entry signals of a running bot: at the start of each loop, what became of those before."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from freqtrade.enums import State
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import Trade

from perpkit.bot.decided import Decided, Guard
from perpkit.bot.layer.entry_signals import NOT_NOTED, Doubt, Signal, SignalFrame, why_not
from perpkit.bot.pairlists.base import REMOVED
from perpkit.bot.running_bot import running_bot

# Minutes; Freqtrade's `exchange.outdated_offset` by default.
_OFFSET = 5


class RunningSignals:
    """
    :param decided: notes what is found
    :param doubt: returns why entries into a pair are blocked, because something has failed
    """

    def __init__(self, strategy: Any, decided: Decided, doubt: Doubt) -> None:
        self._strategy = strategy
        self._decided = decided
        self._doubt = doubt
        # The last loop, whose entries have been tried.
        self._since: datetime | None = None
        # The newest analysis of each pair, and the candle that was said to have no signal.
        self._read: dict[str, tuple[datetime, Signal, Any]] = {}
        self._quiet: dict[str, tuple[Any, str]] = {}
        self._listed: set[str] | None = None
        self._guarded = Guard(NOT_NOTED)
        REMOVED.clear()  # of an earlier bot of this process

    def step(self, now: datetime) -> None:
        """At the start of a loop, before candles are analysed again. Never raises."""
        with self._guarded():
            pairs = self._strategy.dp.current_whitelist()
            self._unlisted(pairs, now)
            if self._since is not None:
                self._look(pairs, self._since, now)
            self._decided.flush(now)
        self._since = now

    def _unlisted(self, pairs: list[str], now: datetime) -> None:
        before = self._listed
        if before is None:
            before = set(self._strategy.config["exchange"].get("pair_whitelist", ()))
        self._listed = set(pairs)
        for pair in sorted(before - self._listed):
            why = f": {REMOVED[pair]}" if pair in REMOVED else ""
            text = f"the pair is not among the {len(pairs)} of the whitelist{why}"
            self._decided.refused(pair, "*", now, "pairlist", text)

    def _look(self, pairs: list[str], since: datetime, now: datetime) -> None:
        trades = Trade.get_open_trades()
        held = {trade.pair for trade in trades}
        for pair in pairs:
            if pair in held:
                continue
            signal, candle = self._signal(pair)
            if old := self._outdated(candle, now):
                self._decided.refused(pair, signal.side or "*", now, "outdated", old, signal.tag)
                continue
            if signal.side is None:
                if self._quiet.get(pair) != (candle, signal.text):
                    self._quiet[pair] = candle, signal.text
                    self._decided.quiet(pair, now, signal.text)
                continue
            self._quiet.pop(pair, None)
            if not self._decided.noted_since(pair, since):
                code, text = self._why_not(pair, signal.side, now, len(trades), candle)
                self._decided.refused(pair, signal.side, now, code, text, signal.tag)

    def _signal(self, pair: str) -> tuple[Signal, Any]:
        """The newest signal of a pair, and the date of its candle."""
        strategy = self._strategy
        frame, analysed = strategy.dp.get_analyzed_dataframe(pair, strategy.timeframe)
        known = self._read.get(pair)
        if known is not None and known[0] == analysed:
            return known[1:]
        if frame.empty:
            return Signal(None, text="the pair has no analysed candles"), None
        found = SignalFrame(strategy, frame).at(-1), frame["date"].iloc[-1]
        self._read[pair] = analysed, *found
        return found

    def _outdated(self, candle: Any, now: datetime) -> str:
        """Why Freqtrade takes no signal of the pair at all; empty if it does."""
        if candle is None:
            return ""
        step = timeframe_to_seconds(self._strategy.timeframe)
        age = (now - candle).total_seconds() - step
        most = step + 60 * self._strategy.config["exchange"].get("outdated_offset", _OFFSET)
        if age <= most:
            return ""
        return (
            f"the newest candle, of {candle:%Y-%m-%d %H:%M} UTC, has ended {age:,.0f} s ago: "
            f"Freqtrade takes none older than {most:,.0f} s"
        )

    def _why_not(
        self, pair: str, side: str, now: datetime, open_trades: int, candle: datetime
    ) -> tuple[str, str]:
        if doubt := self._doubt(pair):
            return "callback", doubt
        if running_bot(self._strategy.dp).state == State.PAUSED:
            return "paused", "entries are paused, as with /stopentry"
        code, text = why_not(self._strategy, pair, side, now, open_trades)
        most = self._strategy.ignore_buying_expired_candle_after
        age = (now - candle).total_seconds() - timeframe_to_seconds(self._strategy.timeframe)
        if most and age > most and code != "slots":
            return "outdated", (
                f"its candle has ended {age:,.0f} s ago, more than the {most:g} s of "
                "ignore_buying_expired_candle_after"
            )
        return code, text
