"""How much of each position is still the bot's: its claim, less what this tool has closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from perpkit.ops.stop.at_exchange import Seen
from perpkit.ops.stop.contracts import ZERO, Contract
from perpkit.ops.stop.fills import Fills, UnknownError
from perpkit.ops.stop.ours import BotsFiles, Claim, Unsettled

# So often it is asked what has become of an order, before the bot's own files have to do.
_TRIES = 4


@dataclass(frozen=True)
class OwnParts:
    """In contracts, by symbol, negative for shorts.

    :param unknown: symbols of which it is not known yet, and why
    :param awaited: symbols in which an entry may still arrive
    """

    amounts: Mapping[str, Decimal]
    unknown: Mapping[str, str] = field(default_factory=dict)
    awaited: frozenset[str] = frozenset()


class OwnPart:
    """:param closed: what this run has closed of each symbol, by side of the closing orders"""

    def __init__(self, files: BotsFiles, fills: Fills, contracts: Mapping[str, Contract]) -> None:
        self._files = files
        self._fills = fills
        self._by_pair = {contract.pair: contract for contract in contracts.values()}
        self._before: dict[str, Decimal] = {}
        self._tries: dict[str, int] = {}
        self.notes: list[str] = []

    def now(self, seen: Seen, sent: Mapping[str, Mapping[str, Decimal]]) -> OwnParts:
        """
        :param sent: what orders of this run have filled, by symbol and the exchange's id
        """
        amounts: dict[str, Decimal] = {}
        unknown: dict[str, str] = {}
        awaited: set[str] = set()
        for pair, claim in self._files.claims().items():
            contract = self._by_pair.get(pair)
            if contract is None:
                self._note(f"{pair} is not listed at the exchange any more")
                continue
            symbol = contract.symbol
            try:
                amount, waits = self._claimed(claim, contract, seen)
                own = sent.get(symbol, {})
                closed = sum(
                    (each for n, each in own.items() if not self._files.has_order(pair, n)), ZERO
                )
                if amount and self._holds(symbol, seen):
                    closed += self._closed_before(claim, symbol, own)
            except UnknownError as error:
                unknown[symbol] = str(error)
                continue
            if waits:
                awaited.add(symbol)
            direction = -1 if claim.is_short else 1
            amounts[symbol] = direction * max(ZERO, direction * amount - closed)
        return OwnParts(amounts, unknown, frozenset(awaited))

    def _claimed(self, claim: Claim, contract: Contract, seen: Seen) -> tuple[Decimal, bool]:
        """In contracts, and whether an entry may still arrive."""
        amount, waits = claim.settled / contract.size, False
        now = self._fills.milliseconds
        for order in claim.unsettled:
            number, executed = self._executed(order, contract, seen)
            if number is None:
                waits = waits or now < order.until
            elif order.order_id is None and self._files.has_order(claim.pair, number):
                continue  # the database has it, and has counted it
            more = executed - order.booked / contract.size
            amount += more if order.side == "buy" else -more
        return amount, waits

    def _executed(
        self, order: Unsettled, contract: Contract, seen: Seen
    ) -> tuple[str | None, Decimal]:
        key = order.order_id or order.client_id or ""
        try:
            return self._fills.executed(contract.symbol, order, seen)
        except UnknownError as error:
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] < _TRIES:
                raise
            self._note(f"{order.pair}: what order {key} has filled is not known: {error}")
            return order.order_id, order.booked / contract.size

    def _closed_before(self, claim: Claim, symbol: str, own: Mapping[str, Decimal]) -> Decimal:
        """By earlier runs of this tool, which the bot has not booked; asked for once."""
        if symbol not in self._before:
            side = "BUY" if claim.is_short else "SELL"
            try:
                self._before[symbol] = self._fills.closed_before(
                    symbol,
                    side,
                    self._files.tag,
                    claim.opened,
                    lambda n: n in own or self._files.has_order(claim.pair, n),
                )
            except UnknownError as error:
                self._tries[symbol] = self._tries.get(symbol, 0) + 1
                if self._tries[symbol] < _TRIES:
                    raise
                self._note(f"{claim.pair}: what an earlier run has closed is not known: {error}")
                self._before[symbol] = ZERO
        return self._before[symbol]

    def _holds(self, symbol: str, seen: Seen) -> bool:
        return seen.held is not None and any(held.symbol == symbol for held in seen.held)

    def _note(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)
