"""Flattens an account at the exchange, where no bot is left to do it.

A round looks, decides and acts; each request is sent once, and what has failed is decided on again
after the next look. So one pair's refusal does not hold up the others, and nothing that is lost on
the way is sent blindly a second time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.exchange import exchange_client
from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.at_exchange import Looks, Seen
from perpkit.ops.stop.cancels import Cancels
from perpkit.ops.stop.closes import Closes
from perpkit.ops.stop.closing import Due, Resting, cancels_first, cancels_last, due_of
from perpkit.ops.stop.contracts import ZERO, Contract, read_contracts
from perpkit.ops.stop.fills import Fills
from perpkit.ops.stop.flattened import Flattened
from perpkit.ops.stop.ours import BotsFiles
from perpkit.ops.stop.own_part import OwnPart, OwnParts
from perpkit.ops.stop.requests import Clock, GaveUpError, Requests, SystemClock
from perpkit.ops.stop.sent_closings import SentClosings

# Between rounds, in seconds: after one that went well, and after one that did not.
_SOON, _LATER, _LATEST = 0.25, 1.0, 2.5
# Of a minute, above which rounds are further apart; the exchange allows 2400.
_MUCH_WEIGHT = 900
_WEIGHT_A_SECOND = 20
# What is the bot's of a position that others have a part in may have changed by then.
_FRESH_SECONDS = 3.0
# What can never be closed, such as a contract that has ended, is given up after this.
_HOPELESS_SECONDS = 60.0


def flatten(
    config: BotConfig,
    *,
    everything: bool,
    preview: bool,
    log: ActionLog,
    deadline_seconds: float,
    client: Any = None,
    clock: Clock | None = None,
) -> Flattened:
    """Cancel the bot's orders and close its positions, at the exchange.

    :param everything: all orders and positions of the account, whoever they are of
    :param preview: only look; `planned` says what would be done, and `flat` whether that is nothing
    :param deadline_seconds: after which no request is sent
    :param client: a `ccxt.binance`; by default the one of the configuration
    :raises BadInputError: for a configuration without an exchange or keys
    """
    if config.dry_run:
        return Flattened(True, notes=("dry-run: the bot has nothing at the exchange",))
    client = exchange_client(config.config) if client is None else client
    requests = Requests(client, log, deadline_seconds, clock or SystemClock())
    files = BotsFiles(config)
    try:
        return _Run(requests, files, log, everything=everything, preview=preview).run()
    finally:
        files.close()


class _Run:
    def __init__(
        self,
        requests: Requests,
        files: BotsFiles,
        log: ActionLog,
        *,
        everything: bool,
        preview: bool,
    ) -> None:
        self._requests = requests
        self._files = files
        self._log = log
        self._everything = everything
        self._preview = preview
        self._contracts: dict[str, Contract] = {}
        self._pairs: dict[str, str] = {}
        self._fills = Fills(requests)
        self._sent = SentClosings(requests, self._fills, log, files.tag)
        self._looks = Looks(requests, self._is_ours)
        self._cancels = Cancels(requests, log, self._pair, everything=everything)
        self._own: OwnPart
        self._closes: Closes
        self._planned: tuple[str, ...] = ()
        # As of the last round.
        self._seen: Seen | None = None
        self._parts = OwnParts({})
        self._dues: list[Due] = []
        self._left_orders: list[Resting] = []
        self._active: set[str] | None = None
        self._looked = 0.0
        self._bad_rounds = 0

    def run(self) -> Flattened:
        why = ""
        try:
            self._read_contracts()
            while self._round():
                pass
        except GaveUpError as error:
            why = str(error)
            self._log.write("gave up", f"Nothing more is sent: {error}")
        return self._result(why)

    def _read_contracts(self) -> None:
        while not self._contracts:
            reply = self._requests.call("fapiPublicGetExchangeInfo", 1)
            if reply.failure is None:
                self._contracts = read_contracts(reply.data)
            else:
                self._log.write("look", f"The contracts are not known: {reply.failure.words}")
                self._requests.pause(_LATER)
        self._pairs = {symbol: each.pair for symbol, each in self._contracts.items()}
        self._own = OwnPart(self._files, self._fills, self._contracts)
        self._closes = Closes(self._requests, self._sent, self._log, self._contracts)

    def _round(self) -> bool:
        """Whether another one is needed."""
        before, self._looked = self._requests.weight, self._requests.clock.now()
        seen = self._looks.look(self._active)
        for failure in seen.failures:
            self._log.write("look", f"Not seen: {failure.words}", code=failure.code)
        self._sent.settle()
        self._decide(seen)
        if self._is_done(seen):
            return False
        if self._preview:
            return self._plan(seen)
        went_well = self._act(seen) and not seen.failures
        self._active = self._still_active() or None
        self._pace(self._requests.weight - before, went_well)
        return True

    def _decide(self, seen: Seen) -> None:
        self._seen = seen
        if not self._everything:
            self._parts = self._own.now(seen, self._sent.filled())
        ours = None if self._everything else self._parts.amounts
        self._dues = [
            due
            for held in seen.held or ()
            if held.symbol not in self._parts.unknown
            and (due := due_of(held, ours, self._contracts.get(held.symbol))).amount
        ]
        rows = (*seen.orders.rows, *seen.conditional.rows)
        self._left_orders = [order for order in rows if order.ours]

    def _is_done(self, seen: Seen) -> bool:
        """Whether a look at everything shows nothing that is still to be done."""
        if self._dues or self._left_orders or self._parts.unknown or self._parts.awaited:
            return False
        if self._blocked(seen):
            return False
        if not seen.is_whole:
            self._active = None
            return False
        return True

    def _act(self, seen: Seen) -> bool:
        """Whether all that is to be done was sent, and carried out."""
        well = self._cancels.carry_out(cancels_first(self._left_orders))
        blocked, alone = self._blocked(seen), self._alone(seen)
        for due in sorted(self._dues, key=lambda d: self._closes.failures(d.held.symbol)):
            symbol = due.held.symbol
            if symbol in blocked or not (symbol in alone or self._is_fresh()):
                well = False
            elif self._requests.has_to_wait:
                return False  # what is to be done after that is for another look to say
            else:
                well = self._closes.close(due) and well
        if seen.held is not None and not self._requests.has_to_wait:
            kept = {due.held.symbol for due in self._dues} | {*self._parts.unknown}
            well = self._cancels.carry_out(cancels_last(self._left_orders, kept)) and well
        if self._dues and self._closes.hopeless(self._dues, _HOPELESS_SECONDS):
            raise GaveUpError("what is left cannot be closed at the exchange")
        return well

    def _is_fresh(self) -> bool:
        return self._requests.clock.now() - self._looked < _FRESH_SECONDS

    def _alone(self, seen: Seen) -> set[str]:
        """Symbols in which all that is held is to be closed: an order too many closes nothing."""
        return {
            held.symbol
            for held in seen.held or ()
            if self._everything
            or abs(held.amount) <= abs(self._parts.amounts.get(held.symbol, ZERO))
        }

    def _blocked(self, seen: Seen) -> set[str]:
        """Symbols in which an order may still arrive that, together with another, would close more
        than the bot's part."""
        if self._everything:
            return set()
        shared = self._sent.open_symbols() - self._alone(seen)
        if seen.held is None:
            return shared
        return shared & {held.symbol for held in seen.held}

    def _still_active(self) -> set[str]:
        return (
            {due.held.symbol for due in self._dues}
            | {order.symbol for order in self._left_orders}
            | {*self._parts.unknown, *self._parts.awaited}
            | self._sent.open_symbols()
        )

    def _pace(self, weight: int, went_well: bool) -> None:
        self._bad_rounds = 0 if went_well else self._bad_rounds + 1
        seconds = min(_LATEST, _SOON if went_well else _LATER + 0.5 * (self._bad_rounds // 3))
        if self._requests.weight > _MUCH_WEIGHT:
            seconds = max(2 * _LATER, weight / _WEIGHT_A_SECOND)
        self._requests.pause(seconds)

    def _plan(self, seen: Seen) -> bool:
        """Whether another look is needed for it."""
        if not seen.is_whole or self._parts.unknown:
            self._requests.pause(_LATER)
            return True
        cancels = [
            f"cancel {order.kind} order {order.id} of {self._pair(order.symbol)}"
            for order in self._left_orders
        ]
        closes = [
            f"close {due.amount} of {self._pair(due.held.symbol)} {due.held.side}"
            for due in self._dues
        ]
        awaited = [
            f"wait for an entry in {self._pair(s)} that may still arrive"
            for s in sorted(self._parts.awaited)
        ]
        self._planned = (*cancels, *closes, *awaited)
        return False

    def _result(self, why: str) -> Flattened:
        left = tuple(self._left(why))
        return Flattened(
            flat=not left and not self._planned,
            closed=self._closes.closed() if self._contracts else (),
            cancelled=self._cancels.cancelled(self._seen),
            left=left,
            notes=(*self._files.notes, *self._notes()),
            planned=self._planned,
            requests=self._requests.count,
            seconds=self._requests.elapsed,
        )

    def _left(self, why: str) -> Iterable[str]:
        if self._seen is None or self._seen.held is None:
            yield f"The positions could not be seen: {why}"
            return
        if not self._everything and not self._files.has_database and self._seen.held:
            pairs = ", ".join(sorted(self._pair(held.symbol) for held in self._seen.held))
            yield f"Which of the positions ({pairs}) are the bot's is not known"
        if self._planned:
            return
        for due in self._dues:
            pair = self._pair(due.held.symbol)
            because = self._closes.refusal(due.held.symbol) or why
            yield f"{pair}: {due.amount} {due.held.side} not closed: {because}"
        for order in self._left_orders:
            because = self._cancels.refusal(order.id) or why
            yield f"{self._pair(order.symbol)}: {order.kind} order {order.id} rests: {because}"
        for symbol, because in self._parts.unknown.items():
            yield f"{self._pair(symbol)}: what of it is the bot's is not known: {because}"
        if why and not self._dues and not self._left_orders and not self._parts.unknown:
            yield f"It could not be seen that nothing is left: {why}"

    def _notes(self) -> Iterable[str]:
        if not self._contracts:
            return
        yield from self._own.notes
        if self._everything or self._seen is None:
            return
        for held in self._seen.held or ():
            due = next((d.amount for d in self._dues if d.held == held), 0)
            if foreign := abs(held.amount) - due:
                pair = self._pair(held.symbol)
                yield f"{pair}: {foreign} {held.side} is not the bot's, and is left alone"

    def _pair(self, symbol: str) -> str:
        return self._pairs.get(symbol, symbol)

    def _is_ours(self, symbol: str, number: str, client_id: str, placed: int | None) -> bool:
        if self._everything:
            return True
        return self._files.is_ours(self._pair(symbol), number, client_id, placed)
