"""Finds which part of an account is the bot's, by its own files: trade database and journal.

Amounts come from orders, because a trade's own amount is only the intended one until its entry has
filled. For orders that the files have as open, the exchange reports the outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

from perpkit.ops.bot_config import BotConfig
from perpkit.record.journal import HANDED_OVER, Intent, Journal, JournalEntry, JournalError, Outcome
from perpkit.record.opening import TAG_KEY, assess
from perpkit.record.order_ids import ENTERS, Purpose, parse, tag_before_nonces, tag_of_stop
from perpkit.record.trade_database import DatabaseError, StoredFill, TradeDatabase
from perpkit.record.whose import whose

# How much later than it was written down a bot's request may be carried out: ccxt's receive window
# and a margin.
_ARRIVES_WITHIN_MS = 15_000


@dataclass(frozen=True)
class Unsettled:
    """An order of the bot's whose fills only the exchange knows.

    :param order_id: the exchange's; None if no answer is known
    :param client_id: None if it is not known
    :param side: buy or sell
    :param most: at most it fills so much, in base currency
    :param stored: what has filled at least, as the files have it, in base currency
    :param booked: how much of its fills is already counted, in base currency
    :param until: ms since 1970 UTC, until when an order that is missing may still arrive
    """

    pair: str
    order_id: str | None
    client_id: str | None
    conditional: bool
    side: str
    most: Decimal
    stored: Decimal = Decimal(0)
    booked: Decimal = Decimal(0)
    until: int = 0


@dataclass(frozen=True)
class Claim:
    """The bot's part of a pair.

    :param is_short: the direction of its entries; None if it has both
    :param settled: the sum of finished orders, in base currency, negative if more was sold
    :param opened: ms since 1970 UTC; 0 if that is not known
    """

    pair: str
    is_short: bool | None
    settled: Decimal
    unsettled: tuple[Unsettled, ...]
    opened: int


class BotsFiles:
    """The bot's files, read again each time, because a bot that is alive writes them."""

    def __init__(self, config: BotConfig) -> None:
        self._config = config
        self._database: TradeDatabase | None = None
        self._journal: Journal | None = None
        self._journal_is_sound = True
        self.notes: list[str] = []
        self._fills: list[StoredFill] = []
        self._open(config)
        self._stored = {(fill.pair, fill.order_id) for fill in self._fills}
        self.tag = self._tag()

    @property
    def has_database(self) -> bool:
        return self._database is not None

    @property
    def complete(self) -> bool:
        """Whether the files show all of the bot's positions: none is missing or unreadable."""
        return self._database is not None and self._journal_is_sound

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def claims(self) -> dict[str, Claim]:
        """Returns the claims by pair, from the files as they are now or could last be read."""
        self._read()
        intents = self._intents()
        pairs = {fill.pair for fill in self._fills} | {entry.intent.pair for entry in intents}
        return {
            pair: _claim(
                pair,
                [fill for fill in self._fills if fill.pair == pair],
                [entry for entry in intents if entry.intent.pair == pair],
            )
            for pair in sorted(pairs)
        }

    def handed_over(self) -> frozenset[str]:
        """Returns the pairs whose position is the trader's, with the stop that the bot gave it."""
        if self._journal is None:
            return frozenset()
        try:
            return frozenset(self._journal.kept(HANDED_OVER))
        except (JournalError, ValueError) as error:
            self._note(str(error))
            return frozenset()

    def write_closings(self, closings: Iterable[tuple[Intent, str]]) -> None:
        """Writes the closings to the journal, so that the bot books them when it is started again.

        Otherwise it would take what is left in its pairs, which belongs to others, for its own.
        """
        if self._journal is None:
            return
        try:
            for intent, order_id in closings:
                self._journal.write_closing(intent, order_id)
        except JournalError as error:
            self._note(f"{error}: the bot does not know what was closed")

    def has_order(self, pair: str, order_id: str) -> bool:
        if (pair, order_id) in self._stored:
            return True
        try:
            return self._database is not None and self._database.has_order(pair, order_id)
        except DatabaseError:
            return False

    def is_ours(self, pair: str, order_id: str, client_id: str, placed: int | None) -> bool:
        """Whether an order at the exchange is this bot's, or was sent for it by `perpkit stop`."""
        if (pair, order_id) in self._stored or tag_of_stop(client_id) == self.tag:
            return True
        if self._journal is not None:
            try:
                return whose(client_id, self._journal, placed).may_be_cancelled
            except JournalError as error:
                self._note(str(error))
        order = parse(client_id)
        tag = order.tag if order is not None else tag_before_nonces(client_id)
        return tag is not None and tag == self.tag

    def _open(self, config: BotConfig) -> None:
        try:
            self._database = TradeDatabase.at(config.db_url)
            self._fills = self._database.fills()
        except DatabaseError as error:
            self._note(f"{error}: which positions are the bot's is not known from it")
        path = config.places.journal
        if path is None:
            return
        if self._database is not None:
            try:
                found = assess(path, self._database)
                if not found.state.is_sound:
                    self._journal_is_sound = False
                    self._note(found.words)
            except DatabaseError as error:
                self._note(str(error))
        if not path.exists():
            return
        try:
            self._journal = Journal.open(path)
        except JournalError as error:
            self._note(str(error))
            return
        stored = self._value(TAG_KEY)
        if stored is not None and self._journal.tag != stored:  # it belongs to another database
            self._journal.close()
            self._journal = None

    def _tag(self) -> str:
        """Returns the bot's tag of six hexadecimal characters, or a hash of the database URL."""
        known = self._value(TAG_KEY)
        if known is None and self._journal is not None:
            known = self._journal.tag
        return known or sha256(self._config.db_url.encode()).hexdigest()[:6]

    def _value(self, key: str) -> str | None:
        try:
            return None if self._database is None else self._database.value(key)
        except DatabaseError:
            return None

    def _read(self) -> None:
        if self._database is None:
            return
        try:
            self._fills = self._database.fills()
        except DatabaseError as error:
            self._note(str(error))
        self._stored |= {(fill.pair, fill.order_id) for fill in self._fills}

    def _intents(self) -> list[JournalEntry]:
        """Returns the orders that the journal has as open, and that the database lacks."""
        if self._journal is None:
            return []
        try:
            entries = self._journal.open_entries()
        except JournalError as error:
            self._note(str(error))
            return []
        return [
            entry
            for entry in entries
            if tag_of_stop(entry.intent.client_id) is None  # counted by `EarlierRuns`
            and (entry.order_id is None or not self.has_order(entry.intent.pair, entry.order_id))
        ]

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)


def _claim(pair: str, fills: list[StoredFill], entries: Iterable[JournalEntry]) -> Claim:
    of_open = [fill for fill in fills if fill.trade_is_open]
    settled = sum((_signed(fill.side, fill.filled) for fill in of_open if not fill.is_open), _ZERO)
    unsettled = [_unsettled(fill) for fill in fills if fill.is_open]
    entries = list(entries)
    intents = [_of_intent(entry) for entry in entries]
    ways = {fill.is_short for fill in of_open or fills}
    ways |= {entry.intent.side == "sell" for entry in entries if _enters(entry)}
    return Claim(
        pair=pair,
        is_short=ways.pop() if len(ways) == 1 else None,
        settled=settled,
        unsettled=(*unsettled, *intents),
        opened=min((fill.opened for fill in of_open), default=0),
    )


def _unsettled(fill: StoredFill) -> Unsettled:
    # For a closed trade, the database has already counted the fills that it knew of.
    stored = _exact(fill.filled)
    return Unsettled(
        pair=fill.pair,
        order_id=fill.order_id,
        client_id=None,
        conditional=fill.conditional,
        side=fill.side,
        most=_exact(fill.amount),
        stored=stored,
        booked=_ZERO if fill.trade_is_open else stored,
    )


def _of_intent(entry: JournalEntry) -> Unsettled:
    intent = entry.intent
    awaited = _enters(entry) and entry.outcome is Outcome.SENT
    return Unsettled(
        pair=intent.pair,
        order_id=entry.order_id,
        client_id=intent.client_id,
        conditional=intent.purpose is Purpose.STOP,
        side=intent.side,
        most=_exact(intent.amount),
        until=intent.at + _ARRIVES_WITHIN_MS if awaited else 0,
    )


def _enters(entry: JournalEntry) -> bool:
    return entry.intent.purpose in ENTERS


def _signed(side: str, amount: float) -> Decimal:
    return _exact(amount) * (1 if side == "buy" else -1)


def _exact(amount: float) -> Decimal:
    """Converts a float without its rounding error."""
    return Decimal(str(round(amount, 12)))


_ZERO = Decimal(0)
