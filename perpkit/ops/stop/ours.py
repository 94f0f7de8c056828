"""What of an account is the bot's, by its own files: trade database and journal.

Amounts come from orders, not from the trade's own figure: that of an entry that has not filled is
what was wished for. What has become of orders that the files have as open, the exchange says.
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

# A bot's request may be carried out so much later than it was written down: ccxt's receive window,
# and some.
_ARRIVES_WITHIN_MS = 15_000


@dataclass(frozen=True)
class Unsettled:
    """An order of the bot's whose fills the exchange has to say.

    :param order_id: the exchange's; None where no answer is known
    :param client_id: None where it is not known
    :param side: buy or sell
    :param booked: of its fills, what is counted already, in base currency
    :param until: ms since 1970 UTC, until when one that is not there may still arrive
    """

    pair: str
    order_id: str | None
    client_id: str | None
    conditional: bool
    side: str
    booked: Decimal = Decimal(0)
    until: int = 0


@dataclass(frozen=True)
class Claim:
    """The bot's part of a pair.

    :param is_short: which way it has entered; None where it has both ways
    :param settled: by orders that are over, in base currency, negative where more was sold
    :param opened: ms since 1970 UTC; 0 where that is not known
    """

    pair: str
    is_short: bool | None
    settled: Decimal
    unsettled: tuple[Unsettled, ...]
    opened: int


class BotsFiles:
    """Read over and over, for a bot that is alive writes them."""

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
        """Whether they know all of the bot's positions: none of them is gone, or unreadable."""
        return self._database is not None and self._journal_is_sound

    def close(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def claims(self) -> dict[str, Claim]:
        """By pair, as the files have them now, or had them when they could be read last."""
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
        """Pairs whose position is the trader's, with the stop that the bot has given it."""
        if self._journal is None:
            return frozenset()
        try:
            return frozenset(self._journal.kept(HANDED_OVER))
        except (JournalError, ValueError) as error:
            self._note(str(error))
            return frozenset()

    def write_closings(self, closings: Iterable[tuple[Intent, str]]) -> None:
        """For the bot, which books them when it is started again: without them it would take what
        is left in its pairs, which is somebody else's, for what it holds."""
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
        """Whether an order at the exchange is this bot's, or was sent for it by this tool."""
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
        if stored is not None and self._journal.tag != stored:  # that of another database
            self._journal.close()
            self._journal = None

    def _tag(self) -> str:
        """Six hexadecimal characters; of a bot without one, made of the place of its database."""
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
        """Those that the journal has as open, and the database does not have."""
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
            if tag_of_stop(entry.intent.client_id) is None  # counted among earlier runs
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
    # Of a trade that is over, the database has counted what it knew of.
    booked = _ZERO if fill.trade_is_open else _exact(fill.filled)
    return Unsettled(fill.pair, fill.order_id, None, fill.conditional, fill.side, booked)


def _of_intent(entry: JournalEntry) -> Unsettled:
    intent = entry.intent
    awaited = _enters(entry) and entry.outcome is Outcome.SENT
    return Unsettled(
        pair=intent.pair,
        order_id=entry.order_id,
        client_id=intent.client_id,
        conditional=intent.purpose is Purpose.STOP,
        side=intent.side,
        until=intent.at + _ARRIVES_WITHIN_MS if awaited else 0,
    )


def _enters(entry: JournalEntry) -> bool:
    return entry.intent.purpose in ENTERS


def _signed(side: str, amount: float) -> Decimal:
    return _exact(amount) * (1 if side == "buy" else -1)


def _exact(amount: float) -> Decimal:
    """Without the dust of floats."""
    return Decimal(str(round(amount, 12)))


_ZERO = Decimal(0)
