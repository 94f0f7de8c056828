"""Computes how much of each position is still the bot's: its claim, less what was closed for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from perpkit.ops.stop.at_exchange import Seen
from perpkit.ops.stop.contracts import ZERO, ListedContract
from perpkit.ops.stop.earlier_runs import EarlierRuns
from perpkit.ops.stop.fills import OwnFills, UnknownError
from perpkit.ops.stop.ours import BotsFiles, Claim, Unsettled

# How many times an order is queried before the run relies on the bot's own files.
_TRIES = 4


@dataclass(frozen=True)
class OwnParts:
    """The bot's parts of positions, in contracts, by symbol, negative for shorts.

    :param unknown: symbols whose part is not known yet, and why
    :param awaited: symbols in which an entry may still arrive
    """

    amounts: Mapping[str, Decimal]
    unknown: Mapping[str, str] = field(default_factory=dict)
    awaited: frozenset[str] = frozenset()


class OwnPart:
    """Computes the bot's parts; made once for a run."""

    def __init__(
        self,
        files: BotsFiles,
        fills: OwnFills,
        earlier: EarlierRuns,
        contracts: Mapping[str, ListedContract],
    ) -> None:
        self._files = files
        self._earlier = earlier
        self._fills = fills
        self._by_pair = {contract.pair: contract for contract in contracts.values()}
        self._tries: dict[str, int] = {}
        self._notes: list[str] = []

    def symbols(self, pairs: Iterable[str]) -> frozenset[str]:
        """Returns the symbols of the pairs that are listed."""
        return frozenset(self._by_pair[pair].symbol for pair in pairs if pair in self._by_pair)

    @property
    def notes(self) -> list[str]:
        return [*self._notes, *self._earlier.notes]

    def now(self, seen: Seen, sent: Mapping[str, Mapping[str, Decimal]]) -> OwnParts:
        """Returns the bot's part of each position at present.

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
                    side = "SELL" if amount > 0 else "BUY"
                    closed += self._earlier.closed(claim, symbol, side)
            except UnknownError as error:
                unknown[symbol] = str(error)
                continue
            if waits:
                awaited.add(symbol)
            amounts[symbol] = amount - closed if amount > 0 else amount + closed
            if amounts[symbol] * amount < 0:
                self._note(
                    f"{pair}: {contract.base(abs(amounts[symbol]))} more than the bot's part was "
                    "closed, as one of its stops has filled at the same time"
                )
                amounts[symbol] = ZERO
        return OwnParts(amounts, unknown, frozenset(awaited))

    def _claimed(self, claim: Claim, contract: ListedContract, seen: Seen) -> tuple[Decimal, bool]:
        """Returns the claim in contracts, and whether an entry may still arrive."""
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
        if claim.is_short is not None and (amount < 0) is not claim.is_short:
            amount = ZERO  # its stops have closed it, and more
        return amount, waits

    def _executed(
        self, order: Unsettled, contract: ListedContract, seen: Seen
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

    def _holds(self, symbol: str, seen: Seen) -> bool:
        return seen.held is not None and any(held.symbol == symbol for held in seen.held)

    def _note(self, words: str) -> None:
        if words not in self._notes:
            self._notes.append(words)
