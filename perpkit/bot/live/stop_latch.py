"""The stop latch in a running bot: while it is set entries are refused; a halt closes positions.

The latch is read at the start, at the beginning of each cycle, before an entry is confirmed, and
finally when the signed request of an entry is about to leave ccxt. So a process that is suspended
between decision and request, and resumes hours later, sends nothing; and requests signed before the
latch was set are refused by the exchange once they are older than its receive window.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ccxt
from freqtrade.exceptions import DDosProtection, InvalidOrderException, TemporaryError
from freqtrade.exchange.exchange_types import CcxtOrder
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import around, replace
from perpkit.bot.positions.trades import TradeKey, key_of
from perpkit.bot.refusals import RefusalKind, Refusals, Why
from perpkit.bot.running_bot import OncePerCycle, message_of
from perpkit.bot.watching.standing_lock import StandingLock
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from perpkit.record.latch import Latch, LatchFile, LatchState, latch_file

logger = logging.getLogger(__name__)

NAME = "Stop latch"
_TRADING = {LatchState.REDUCING: Trading.REDUCING, LatchState.HALTED: Trading.HALTED}


class LatchedError(ccxt.InvalidOrder):
    """The request of an entry was not sent because the stop latch is set."""


@dataclass(frozen=True)
class _Entry:
    pair: str
    side: str


# The entry that ccxt is sending, until its answer.
_sent: ContextVar[_Entry | None] = ContextVar("sent", default=None)


class StopLatch:
    """Applies the latch to a running bot; made in `bot_start`.

    :param refusals: records entries that were stopped on their way
    """

    def __init__(self, config: Mapping[str, Any], refusals: Refusals) -> None:
        self._refusals = refusals
        self._simulated = bool(config["dry_run"])
        self._lock = StandingLock(NAME)
        self._watch: Watch | None = None
        self._bot: Any = None
        self._known: Latch | None = None
        self._steps = OncePerCycle(f"The {NAME.lower()}")
        self._tried: set[TradeKey] = set()  # trades that a halt has tried to close in this cycle
        self._file: LatchFile | None = None
        # What is wrong with the options of the latch; empty if nothing is.
        self.wrong = ""
        try:
            self._file = latch_file(config)
        except ValueError as error:
            self.wrong = str(error)

    @property
    def path(self) -> str:
        """Path of the latch file, empty if unknown."""
        return str(self._file.path) if self._file else ""

    def read(self) -> Latch:
        """Reads the current latch; thread-safe."""
        if self._file is None:
            return Latch(LatchState.REDUCING, why=self.wrong, damaged=True)
        return self._file.read()

    def refusal(self) -> Why | None:
        """Returns why entries are refused, or None if the latch is clear."""
        latch = self.read()
        return None if latch.state is LatchState.CLEAR else Why(RefusalKind.LATCH, _reason(latch))

    def take_charge(self, bot: Any) -> None:
        """Takes control of sent entries and of cycles.

        Called before other replacements of the same attributes, so that the latch is checked last,
        after an order has been written to the journal.
        """
        self._bot = bot
        if self._simulated:
            self._simulate = replace(bot, "exchange.create_order", self.simulate_order)
        else:
            self._create = replace(bot, "api.create_order", self.create_order)
            self._fetch = replace(bot, "api.fetch", self.fetch)
        self._handle_trade = replace(bot, "bot.handle_trade", self.handle_trade)
        around(bot, "bot.process", self._cycle)
        around(bot, "bot.process_stopped", self._stopped_cycle)

    def follow(self, watch: Watch) -> None:
        """Makes the watch apply the restrictions of the latch, from the next step on."""
        self._watch = watch

    def step(self, now: datetime) -> None:
        """Applies the current latch; called once per cycle."""
        if self._watch is None:
            return
        latch, trading = self.read(), None
        if latch.state is not LatchState.CLEAR:
            trading = _TRADING[latch.state]
        if latch != self._known:
            self._known, self._steps.undelivered = latch, True
            if trading is None:
                self._watch.lift(NAME, str(latch))
            else:
                self._watch.restrict(NAME, Decision(trading, 0.0, reason=_reason(latch)))
        if trading is None:
            self._lock.end(now)
        else:
            self._lock.hold(trading, _reason(latch), now)  # an operator may have ended it

    # Entries that are sent

    def simulate_order(self, **order: Any) -> CcxtOrder:
        """Replaces `create_order` of Freqtrade's exchange in dry-run.

        :raises InvalidOrderException: the order is an entry, and the latch is set
        """
        if not order.get("reduceOnly") and (why := self.refusal()):
            self._refuse(_Entry(order["pair"], order["side"]), why)
            raise InvalidOrderException(why.reason)
        answer: CcxtOrder = self._simulate(**order)
        return answer

    def create_order(
        self,
        symbol: str,
        type: str,
        side: str,
        amount: float,
        price: float | None = None,
        params: dict[str, Any] | None = None,
    ) -> CcxtOrder:
        """Replaces ccxt's method, which ends in `fetch`."""
        params = params or {}
        # Every order that is not reduce-only counts as an entry.
        entry = None if params.get("reduceOnly") else _Entry(symbol, side)
        with _sending(entry):
            answer: CcxtOrder = self._create(symbol, type, side, amount, price, params)
        return answer

    def fetch(self, url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        """Replaces ccxt's method, which sends the request that was signed before.

        :raises LatchedError: the request is an entry, and the latch is set
        """
        entry = _sent.get()
        if entry is not None and method != "GET" and (why := self.refusal()):
            self._refuse(entry, why)
            raise LatchedError(why.reason)
        return self._fetch(url, method, headers, body)

    def _refuse(self, entry: _Entry, why: Why) -> None:
        side = "long" if entry.side == "buy" else "short"
        self._refusals.add(why, entry.pair, side, what="Entry not sent", level=logging.WARNING)

    # Cycles

    def _cycle(self, process: Callable[[], None]) -> None:
        self._begin()
        if self._state is not LatchState.HALTED:
            process()
            return
        # Before the steps of a cycle that need candles and pair lists, which may be unavailable.
        self._wind_up()
        try:
            process()
        except TemporaryError as error:
            # A ban grows longer with every request.
            if isinstance(error, DDosProtection) or not Trade.get_open_trade_count():
                raise
            logger.warning(f"A cycle of a halt ended early, without a pause: {message_of(error)}")

    def _stopped_cycle(self, process: Callable[[], None]) -> None:
        self._begin()
        if self._state is not LatchState.CLEAR:
            self._wind_up()
        process()

    def _begin(self) -> None:
        self._tried.clear()
        self._steps.take(self._bot, self.step)

    def handle_trade(self, trade: Trade) -> bool:
        """Replaces Freqtrade's method, which places exits; in a halt once per cycle and trade.

        `process` would try again after `_wind_up`; with several positions, refused exits would
        exhaust the rate limit. The stop that an exit has cancelled is placed in between as usual.
        """
        if self._state is LatchState.HALTED:
            key = key_of(trade)
            if key in self._tried:
                return False
            self._tried.add(key)
        closed: bool = self._handle_trade(trade)
        return closed

    @property
    def _state(self) -> LatchState:
        """The latch's state at the last step."""
        return self._known.state if self._known is not None else LatchState.CLEAR

    def _wind_up(self) -> None:
        """Ends open entries, and in a halt closes open positions; also in a stopped bot."""
        bot = self._bot
        try:
            with bot._exit_lock:
                if any(trade.has_open_orders for trade in Trade.get_open_trades()):
                    bot.manage_open_orders()
                if self._state is LatchState.HALTED and (trades := Trade.get_open_trades()):
                    bot.exit_positions(trades)
                Trade.commit()
        except Exception as error:
            logger.warning(
                f"{NAME}: not everything could be closed, trying again: {message_of(error)}"
            )


@contextmanager
def _sending(entry: _Entry | None) -> Iterator[None]:
    before = _sent.set(entry)
    try:
        yield
    finally:
        _sent.reset(before)


def _reason(latch: Latch) -> str:
    if latch.damaged:
        return f'{latch.why}. Repair it, or clear it with "perpkit resume"'
    by = f" by {latch.by}" if latch.by else ""
    at = f" since {latch.at:%Y-%m-%d %H:%M} UTC" if latch.at else ""
    why = f": {latch.why}" if latch.why else ""
    return f'set{by}{at}{why}. "perpkit resume" clears it'
