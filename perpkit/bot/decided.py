"""What a bot decided and why, noted in its decision log: see docs/why.md.

Dry-run and live note it unless `"perpkit": {"decisions": false}`; a backtest only with `true` or
with `--export signals`. The log never stops trading: an error in here is logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import LocalTrade, Order

from perpkit.checks import shown
from perpkit.record.decision_log import DecisionLog
from perpkit.record.decisions import Decision, Kind, words_of
from perpkit.record.places import backtest_decisions, places

logger = logging.getLogger(__name__)

# Of the configuration's "perpkit".
OPTION = "decisions"
_RUNNING = (RunMode.DRY_RUN, RunMode.LIVE)
# An entry follows within this time after its size.
_SAME_ENTRY = timedelta(minutes=1)
# A stop that moves in every loop is noted so often.
_STOP_NOTED = timedelta(minutes=1)
# What can become of an entry signal.
_OUTCOMES = (Kind.REFUSED, Kind.ORDERED, Kind.ENTERED)


def wanted(config: Mapping[str, Any]) -> bool:
    """Whether this run notes its decisions.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    own = config.get("perpkit")
    given = own.get(OPTION) if isinstance(own, Mapping) else None
    if given is not None and not isinstance(given, bool):
        raise ConfigurationError(f'"perpkit.{OPTION}" must be true or false, got {shown(given)}')
    mode = config.get("runmode")
    if mode in _RUNNING:
        return given is not False
    asked = given is True or (given is None and config.get("export") == "signals")
    return mode == RunMode.BACKTEST and asked


def decided_of(config: Mapping[str, Any], strategy: str) -> Decided:
    """Returns what notes the decisions of a run; it writes nothing where they are not wanted.

    :param strategy: its name
    :raises ConfigurationError: for a wrong option
    """
    if not wanted(config):
        return Decided(None)
    folder = Path(config["user_data_dir"])
    if config["runmode"] in _RUNNING:
        if not config.get("db_url"):
            return Decided(None)
        return Decided(DecisionLog(places(config["db_url"], folder).decisions, logger.warning))
    # Candle by candle, what goes on is a repeat.
    path = backtest_decisions(folder, strategy)
    return Decided(DecisionLog(path, logger.warning, repeats=timedelta(days=1)))


class Guard:
    """Keeps errors from the caller, who trades; the first one is logged.

    :param line: what the log says of it
    """

    def __init__(self, line: str) -> None:
        self._line = line
        self._failed = False

    @contextmanager
    def __call__(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if not self._failed:
                self._failed = True
                logger.exception(self._line)


class Decided:
    """Notes decisions.

    :param log: None to note nothing
    """

    def __init__(self, log: DecisionLog | None) -> None:
        self.log = log
        # Why a pair and side is halted, for exits; set by the layer.
        self.halted: Callable[[str, str], str] = lambda _pair, _side: ""
        # When something became of an entry signal last, by pair.
        self._last: dict[str, datetime] = {}
        # Of the newest size of each pair and side: when, and how it came about, by its words.
        self._sizes: dict[tuple[str, str], tuple[datetime, dict[str, str]]] = {}
        # How the size of the newest order of each pair and side came about.
        self._ordered: dict[tuple[str, str], str] = {}
        # When the newest order of each pair was sent, and which of its entries was withdrawn last.
        self._sent: dict[str, datetime] = {}
        self._withdrawn: dict[str, str] = {}
        # Of the newest trade of each pair: when it opened, where its stop was noted, and when.
        self._stops: dict[str, tuple[datetime, float, datetime]] = {}
        self._guarded = Guard("A decision could not be noted. Trading goes on.")

    def __bool__(self) -> bool:
        return self.log is not None

    def noted_since(self, pair: str, when: datetime) -> bool:
        """Whether it has been noted what became of a signal of the pair, at this time or later."""
        return pair in self._last and self._last[pair] >= when

    def sent_since(self, pair: str, when: datetime) -> bool:
        """Whether an entry into the pair was allowed at this time or later."""
        return pair in self._sent and self._sent[pair] >= when

    def refused(
        self, pair: str, side: str, at: datetime, reason: str, text: str, tag: str | None = None
    ) -> None:
        if self.log is None:  # what a backtest asks often
            return
        self._note(Decision(at, Kind.REFUSED, pair, side, reason, text, tag=tag))

    def quiet(self, pair: str, at: datetime, text: str) -> None:
        self._note(Decision(at, Kind.QUIET, pair, "*", "signal", text))

    def scaled(
        self,
        pair: str,
        side: str,
        at: datetime,
        reason: str,
        text: str,
        *,
        asked: float,
        allowed: float,
    ) -> None:
        """Notes a stake or leverage that became smaller.

        :param text: names what became smaller, and why
        """
        if self.log is None:
            return
        figures = {"asked": asked, "allowed": allowed}
        self._note(Decision(at, Kind.SCALED, pair, side, reason, text, figures))
        self.sized(pair, side, at, text)

    def sized(self, pair: str, side: str, at: datetime, text: str) -> None:
        """Remembers how a size came about, for the row of the order."""
        if self.log is None:
            return
        with self._guarded():
            since, why = self._sizes.get((pair, side), (at, {}))
            if at - since >= _SAME_ENTRY or at < since:
                since, why = at, {}
            why.pop(words_of(text), None)
            self._sizes[pair, side] = since, {**why, words_of(text): text}

    def ordered(
        self, pair: str, side: str, at: datetime, amount: float, rate: float, tag: str | None
    ) -> None:
        """Notes that an entry was allowed."""
        if self.log is None:
            return
        since, why = self._sizes.get((pair, side), (at, {}))
        because = "".join(f". {each}" for each in why.values()) if at - since < _SAME_ENTRY else ""
        self._ordered[pair, side] = because
        self._sent[pair] = at
        text = f"{amount:g} at {rate:g}{because}"
        figures = {"amount": amount, "rate": rate}
        self._note(Decision(at, Kind.ORDERED, pair, side, "entry", text, figures, tag))

    def timed_out(self, trade: LocalTrade, order: Order, at: datetime, reason: str) -> None:
        """Notes that an entry ends without our doing, unless it was noted why."""
        if self._withdrawn.get(trade.pair) != order.order_id:
            self.withdrawn(trade, order, at, reason)

    def withdrawn(self, trade: LocalTrade, order: Order, at: datetime, reason: str) -> None:
        if self.log is None:
            return
        with self._guarded():
            self._withdrawn[trade.pair] = order.order_id
            text = f"{reason}; {order.safe_filled:g} of {order.safe_amount:g} filled"
            side, tag = trade.trade_direction, trade.enter_tag
            self._note(Decision(at, Kind.WITHDRAWN, trade.pair, side, "entry order", text, tag=tag))

    def stop_seen(self, trade: LocalTrade, at: datetime, *, last: bool = False) -> None:
        """Notes where the stop of a trade is, if it was not there before.

        One that follows the price in every loop is noted once a minute.

        :param last: the trade has closed
        """
        if self.log is None:
            return
        with self._guarded():
            stop, opened = trade.stop_loss, trade.open_date_utc
            before = self._stops.get(trade.pair)
            moved = before is not None and before[0] == opened
            text = f"{stop:g}"
            if before is not None and moved:
                if before[1] == stop or not (last or at - before[2] >= _STOP_NOTED):
                    return
                text += f", after {before[1]:g}"
            if not stop or (last and not moved):
                return
            self._stops[trade.pair] = opened, stop, at
            text += f"; the entry was at {trade.open_rate:g}"
            figures = {"stop": stop, "opened": opened.timestamp()}
            kind, side, tag = Kind.STOP, trade.trade_direction, trade.enter_tag
            reason = "moved" if moved else "set"
            self._note(Decision(at, kind, trade.pair, side, reason, text, figures, tag))

    def filled(self, trade: LocalTrade, order: Order, at: datetime) -> None:
        """Notes an order that has filled: an entry, an addition, a part sold or an exit."""
        if self.log is None or not order.safe_filled:
            return
        with self._guarded():
            is_entry = order.ft_order_side == trade.entry_side
            if not (is_entry or trade.is_open):
                self.stop_seen(trade, at, last=True)
            self._note(self._entry(trade, order, at) if is_entry else self._exit(trade, order, at))

    def _entry(self, trade: LocalTrade, order: Order, at: datetime) -> Decision:
        first = all(
            each.order_id == order.order_id
            for each in trade.orders
            if each.ft_order_side == trade.entry_side and each.safe_filled
        )
        side, rate = trade.trade_direction, order.safe_price
        stake = order.safe_filled * rate / (trade.leverage or 1.0)
        text = f"{order.safe_filled:g} at {rate:g}, {stake:.2f} of stake at {trade.leverage:g}x"
        figures = {"amount": order.safe_filled, "rate": rate, "stake": stake}
        figures["leverage"] = trade.leverage
        if first:
            text += self._ordered.get((trade.pair, side), "")
        kind, tag = Kind.ENTERED if first else Kind.ADDED, trade.enter_tag
        reason = "entry" if first else order.ft_order_tag or "addition"
        return Decision(at, kind, trade.pair, side, reason, text, figures, tag)

    def _exit(self, trade: LocalTrade, order: Order, at: datetime) -> Decision:
        kind = Kind.EXITED if _ends(trade, order) else Kind.REDUCED
        side, rate = trade.trade_direction, order.safe_price
        reason = (trade.exit_reason if kind is Kind.EXITED else order.ft_order_tag) or "unknown"
        figures = {"amount": order.safe_filled, "rate": rate, "open_rate": trade.open_rate}
        text = f"{order.safe_filled:g} at {rate:g}, entered at {trade.open_rate:g}"
        if kind is Kind.EXITED and trade.close_profit_abs is not None:
            figures |= {"profit": trade.close_profit_abs, "profit_ratio": trade.close_profit or 0.0}
            text += f", profit {trade.close_profit_abs:+.2f} ({trade.close_profit or 0.0:+.2%})"
        if trade.stop_loss:
            figures["stop"] = trade.stop_loss
            text += f", stop {trade.stop_loss:g}"
        if reason == "halted" and (why := self.halted(trade.pair, side)):
            text += f". Halted: {why}"
        return Decision(at, kind, trade.pair, side, reason, text, figures, trade.enter_tag)

    def flush(self, now: datetime) -> None:
        if self.log is not None:
            with self._guarded():
                self.log.flush(now)

    def begin(self) -> None:
        """Another backtest of this process begins."""
        of_pairs = self._last, self._stops, self._sent, self._withdrawn
        for known in (*of_pairs, self._sizes, self._ordered):
            known.clear()
        if self.log is not None:
            self.log.begin()

    def close(self) -> None:
        if self.log is not None:
            with self._guarded():
                self.log.close()

    def _note(self, decision: Decision) -> None:
        if self.log is None:
            return
        with self._guarded():
            at = decision.at if decision.at.tzinfo else decision.at.replace(tzinfo=UTC)
            if decision.kind in _OUTCOMES:
                self._last[decision.pair] = at
            self.log.add(decision)


def _ends(trade: LocalTrade, order: Order) -> bool:
    """Whether an order has closed a trade. A backtest notes all that has filled in a candle at its
    end: a part may have been sold in the same candle."""
    if trade.is_open:
        return False
    exits = [o for o in trade.orders if o.ft_order_side != trade.entry_side and o.safe_filled]
    return not exits or exits[-1].order_id == order.order_id
