"""Flattens an account at the exchange, if no bot is left to do it.

Each round takes a snapshot, decides and acts. Every request is sent once, and what has failed is
decided on again after the next snapshot. So one pair's refusal does not hold up the others, and a
request that was lost is not repeated blindly.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.exchange import exchange_client
from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.at_exchange import OrderLooks, Seen
from perpkit.ops.stop.cancels import Cancels
from perpkit.ops.stop.closes import Closes
from perpkit.ops.stop.closing import DueClosing
from perpkit.ops.stop.contracts import ZERO, ListedContract, read_contracts
from perpkit.ops.stop.earlier_runs import EarlierRuns
from perpkit.ops.stop.fills import OwnFills
from perpkit.ops.stop.flattened import Flattened
from perpkit.ops.stop.ours import BotsFiles
from perpkit.ops.stop.outcome import left, left_alone, of_unknown_owner, planned, unknown_left
from perpkit.ops.stop.own_part import OwnPart, OwnParts
from perpkit.ops.stop.picture import Picture, missing_of
from perpkit.ops.stop.requests import GaveUpError, MonotonicClock, Requests, SleepingClock
from perpkit.ops.stop.sent_closings import SentClosings
from perpkit.ops.stop.to_book import closings_of

# Seconds between rounds: after a good one, after one with failures, and at most.
_SOON, _LATER, _LATEST = 0.25, 1.0, 2.5
# Weight in a minute above which rounds are further apart; the exchange allows 2400.
_MUCH_WEIGHT = 900
_WEIGHT_A_SECOND = 20
_WEIGHT_OF_A_LOOK = 25
# After this, the bot's part of a position that it shares with others may have changed.
_FRESH_SECONDS = 3.0
# The exchange may show a position as it was before the fill that opened it.
_BELIEVED_AFTER = 5.0
# A position that can never be closed, such as in an ended contract, is given up after this.
_HOPELESS_SECONDS = 60.0
# A preview says after this what is not known, and waits no longer.
_PREVIEW_SECONDS = 10.0


def flatten(
    config: BotConfig,
    *,
    everything: bool,
    preview: bool,
    log: ActionLog,
    deadline_seconds: float,
    client: Any = None,
    clock: SleepingClock | None = None,
) -> Flattened:
    """Cancels the bot's orders and closes its positions, at the exchange.

    :param everything: whether to include all orders and positions of the account, of any owner
    :param preview: only read; `planned` states what would be done, and `flat` whether that is
        nothing
    :param deadline_seconds: after which no request is sent
    :param client: a `ccxt.binance`; by default the one of the configuration
    :raises BadInputError: for a configuration without an exchange or keys
    """
    if config.dry_run:
        return Flattened(True, notes=("dry-run: the bot has nothing at the exchange",))
    client = exchange_client(config.config) if client is None else client
    requests = Requests(client, log, deadline_seconds, clock or MonotonicClock())
    files = BotsFiles(config)
    try:
        return Flattening(requests, files, log, everything=everything, preview=preview).run()
    finally:
        files.close()


class Flattening:
    """One run of `flatten`, which creates what it needs."""

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
        self._contracts: dict[str, ListedContract] = {}
        self._fills = OwnFills(requests)
        self._sent = SentClosings(requests, self._fills, log, files.tag, everything=everything)
        self._earlier = EarlierRuns(self._fills, files, log, self._sent.nonce)
        self._looks = OrderLooks(requests, self._is_ours)
        self._cancels = Cancels(requests, log, self._pair, everything=everything)
        self._own: OwnPart | None = None
        self._closes: Closes | None = None
        self._picture: Picture | None = None  # the last snapshot
        self._closed_then: Mapping[tuple[str, str], Decimal] = {}  # up to that
        self._active: set[str] | None = None
        self._missed: dict[str, float] = {}
        self._written: set[str] = set()  # client ids
        self._looked = 0.0
        self._bad_rounds = 0

    def run(self) -> Flattened:
        why = ""
        plan: tuple[str, ...] = ()
        try:
            own, closes = self._prepare()
            while not self._is_done(picture := self._look(own)):
                if self._preview and self._can_be_planned(picture):
                    plan = planned(picture, self._pair)
                    break
                self._act_and_pause(picture, closes)
        except GaveUpError as error:
            why = str(error)
            self._log.write("gave up", f"Nothing more is sent: {why}")
        finally:
            self._written.clear()  # what could not be written in a round is tried once more
            self._write_closings()
        return self._result(why, plan)

    def _prepare(self) -> tuple[OwnPart, Closes]:
        while not self._contracts:
            reply = self._requests.call("fapiPublicGetExchangeInfo", 1)
            if reply.failure is None:
                self._contracts = read_contracts(reply.data)
            else:
                self._log.write("look", f"The contracts are not known: {reply.failure.words}")
            if not self._contracts:
                self._requests.pause(_LATER)
        own = OwnPart(self._files, self._fills, self._earlier, self._contracts)
        closes = Closes(self._requests, self._sent, self._log, self._contracts, self._looks.is_held)
        self._own, self._closes = own, closes
        return own, closes

    def _look(self, own: OwnPart) -> Picture:
        self._looked = self._requests.clock.now()
        self._fills.next_round()
        seen = self._looks.look(self._active)
        for failure in seen.failures:
            self._log.write("look", f"Not seen: {failure.words}", code=failure.code)
        self._cancels.compare(seen)
        self._sent.settle()
        self._closed_then = self._sent.closed()
        in_doubt = self._sent.open_symbols()
        if not self._everything and self._earlier.may_arrive():
            in_doubt |= {held.symbol for held in seen.held or ()}
        parts = None if self._everything else own.now(seen, self._sent.filled())
        picture = Picture(
            seen,
            self._contracts,
            parts,
            in_doubt,
            self._files.complete,
            own.symbols(self._files.handed_over()),
            set() if parts is None else self._missing(seen, parts),
        )
        for symbol, why in picture.unknown.items():
            self._log.write("look", f"{self._pair(symbol)}: what is the bot's is not known: {why}")
        if self._picture is None:
            self._say(picture)
        self._picture = picture
        return picture

    def _missing(self, seen: Seen, parts: OwnParts) -> set[str]:
        """Symbols in which less than the bot's part is held, for too short a time to believe it."""
        now = self._requests.clock.now()
        found = missing_of(seen, parts)
        return {s for s in found if now - self._missed.setdefault(s, now) < _BELIEVED_AFTER}

    def _say(self, picture: Picture) -> None:
        """Logs what the first snapshot shows."""
        held = picture.seen.held or ()
        words = (
            f"Seen: {len(held)} positions, {len(picture.dues)} of them to be closed; "
            f"{len(picture.orders)} orders to be cancelled"
        )
        shown = {f"{each.symbol} {each.position_side}": each.amount for each in held}
        own = None if picture.parts is None else dict(picture.parts.amounts)
        self._log.write("seen", words, positions=shown, own=own)

    def _is_done(self, picture: Picture) -> bool:
        """Whether a complete snapshot shows nothing left to do.

        If only a partial one does, the next one is complete.
        """
        if picture.is_settled and not picture.seen.is_whole:
            self._active = None
        return picture.is_settled and picture.seen.is_whole

    def _can_be_planned(self, picture: Picture) -> bool:
        waited = self._requests.elapsed > _PREVIEW_SECONDS
        return picture.seen.is_whole and (waited or not picture.unknown)

    def _act_and_pause(self, picture: Picture, closes: Closes) -> None:
        before = self._requests.weight
        went_well = not picture.seen.failures
        if not self._preview:
            went_well = self._act(picture, closes) and went_well
            self._write_closings()
            self._active = None if picture.is_settled else picture.active or None
        self._bad_rounds = 0 if went_well else self._bad_rounds + 1
        seconds = min(_LATEST, _SOON if went_well else _LATER + 0.5 * (self._bad_rounds // 3))
        if self._requests.weight > _MUCH_WEIGHT:
            used = self._requests.weight - before + _WEIGHT_OF_A_LOOK
            seconds = max(2 * _LATER, used / _WEIGHT_A_SECOND)
        self._requests.pause(seconds)

    def _act(self, picture: Picture, closes: Closes) -> bool:
        """Sends what is to be done; returns whether all of it was sent and carried out."""
        # What is missing, awaited or not known, the next snapshot may show.
        well = not (picture.missing or picture.awaited or picture.unknown)
        well = self._cancels.carry_out(picture.cancels_first) and well
        blocked, alone = picture.blocked, picture.alone
        for due in sorted(picture.dues, key=lambda d: closes.failures(d.held.symbol)):
            symbol = due.held.symbol
            if symbol in blocked or not (symbol in alone or self._is_fresh()):
                well = False
            elif self._requests.has_to_wait:
                return False  # after the wait, a new snapshot decides
            elif symbol in alone:
                well = closes.close(due, shared=False) and well
            else:
                well = self._close_shared(due, picture, closes) and well
        if not self._requests.has_to_wait:
            well = self._cancels.carry_out(picture.cancels_last) and well
        ends = picture.dues and not picture.unknown
        if ends and closes.hopeless(picture.dues, _HOPELESS_SECONDS):
            raise GaveUpError("what is left cannot be closed at the exchange")
        return well

    def _close_shared(self, due: DueClosing, picture: Picture, closes: Closes) -> bool:
        """Closes the bot's part of a position, and then its stops, which would act on the rest."""
        held = due.held
        if not closes.close(due, shared=True):
            return False
        left = held.amount - due.amount.copy_sign(held.amount)
        if not self._looks.is_held(held, left):
            return False  # the next snapshot shows more
        if not picture.files_complete or held.symbol in picture.unknown:
            return True  # what is left may be the bot's as well
        stops = [o for o in picture.orders if o.protects and o.symbol == held.symbol]
        return self._cancels.carry_out(stops)

    def _write_closings(self) -> None:
        """Writes what was closed into the bot's journal at once, because a run may be killed."""
        if self._everything or self._preview:
            return
        closings = [*closings_of(self._sent.all, self._pair), *self._earlier.closings()]
        new = [each for each in closings if each[0].client_id not in self._written]
        self._written |= {intent.client_id for intent, _ in new}
        self._files.write_closings(new)

    def _is_fresh(self) -> bool:
        return self._requests.clock.now() - self._looked < _FRESH_SECONDS

    def _result(self, why: str, plan: tuple[str, ...]) -> Flattened:
        picture = self._picture
        if picture is not None and plan:
            lefts = [*unknown_left(picture, self._pair)]
        else:
            since = {
                which: amount - self._closed_then.get(which, ZERO)
                for which, amount in self._sent.closed().items()
            }
            lefts = left(picture, why, since, self._closes, self._cancels, self._pair)
        notes: list[str] = []
        if picture is not None and not self._everything:
            if not self._files.has_database:
                lefts += of_unknown_owner(picture, self._pair)
            notes += self._files.notes
            notes += self._own.notes if self._own is not None else []
            notes += left_alone(picture, self._pair) if self._files.has_database else []
        return Flattened(
            flat=not lefts and not plan,
            closed=self._closes.closed() if self._closes is not None else (),
            cancelled=self._cancels.cancelled(),
            left=tuple(lefts),
            notes=tuple(notes),
            planned=plan,
            requests=self._requests.count,
            seconds=self._requests.elapsed,
        )

    def _pair(self, symbol: str) -> str:
        contract = self._contracts.get(symbol)
        return symbol if contract is None else contract.pair

    def _is_ours(self, symbol: str, number: str, client_id: str, placed: int | None) -> bool:
        if self._everything:
            return True
        return self._files.is_ours(self._pair(symbol), number, client_id, placed)
