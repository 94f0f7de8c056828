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


@dataclass(frozen=True)
class OwnParts:
    """The bot's parts of positions, in contracts, by symbol, negative for shorts.

    :param amounts: what is certainly the bot's
    :param unknown: symbols in which more may be the bot's, and why that is not known yet
    :param awaited: symbols in which an entry may still arrive
    """

    amounts: Mapping[str, Decimal]
    unknown: Mapping[str, str] = field(default_factory=dict)
    awaited: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Claimed:
    """A claim in contracts, negative for a short.

    :param waits: whether an entry may still arrive
    :param unknown: why the fills of one of its orders are not known; empty if they are. The amount
        is then what is certain
    :param unstopped: the amount if none of the stops has filled of which nothing was seen
    """

    amount: Decimal
    unstopped: Decimal
    waits: bool
    unknown: str


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
        self._notes: list[str] = []

    def symbols(self, pairs: Iterable[str]) -> frozenset[str]:
        """Returns the symbols of the pairs that are listed."""
        return frozenset(self._by_pair[pair].symbol for pair in pairs if pair in self._by_pair)

    @property
    def notes(self) -> list[str]:
        return list(self._notes)

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
            claimed = self._claimed(claim, contract, seen)
            if claimed.unknown:
                unknown[symbol] = claimed.unknown
            if claimed.waits:
                awaited.add(symbol)
            own = sent.get(symbol, {})
            closed = sum(
                (each for n, each in own.items() if not self._files.has_order(pair, n)), ZERO
            )
            if claimed.unstopped and self._holds(symbol, seen):
                side = "SELL" if claimed.unstopped > 0 else "BUY"
                try:
                    closed += self._earlier.closed(claim, symbol, side)
                except UnknownError as error:
                    unknown[symbol] = f"what earlier runs have closed: {error}"
                    continue
            left, excess = remaining(claimed.unstopped, closed)
            if not self._holds(symbol, seen, left):
                left, excess = remaining(claimed.amount, closed)
            amounts[symbol] = left
            explained = claimed.unknown or self._earlier.closed_others(symbol)
            if excess and not explained:
                self._note(
                    f"{pair}: {contract.base(excess)} more than the bot's part was closed, as one "
                    "of its stops has filled at the same time"
                )
        return OwnParts(amounts, unknown, frozenset(awaited))

    def _claimed(self, claim: Claim, contract: ListedContract, seen: Seen) -> _Claimed:
        amount, waits, unknown = claim.settled / contract.size, False, ""
        stopped = ZERO  # by stops of which nothing was seen, if they have filled
        now = self._fills.milliseconds
        for order in claim.unsettled:
            try:
                # One that hangs is enough: others' positions wait for it.
                number, executed = self._fills.executed(
                    contract.symbol, order, seen, ask=not unknown
                )
            except UnknownError as error:
                unknown = unknown or f"order {order.order_id or order.client_id}: {error}"
                more = certain_fill(order, is_short=claim.is_short) - order.booked
                filled = (more if order.side == "buy" else -more) / contract.size
                amount += filled
                if order.conditional and not seen.conditional.covers(contract.symbol):
                    stopped += filled
                continue
            if number is None:
                waits = waits or now < order.until
            elif order.order_id is None and self._files.has_order(claim.pair, number):
                continue  # the database has it, and has counted it
            more = executed - order.booked / contract.size
            amount += more if order.side == "buy" else -more
        amount, unstopped = (
            _of_claim(each, claim, unknown=bool(unknown)) for each in (amount, amount - stopped)
        )
        return _Claimed(amount, unstopped, waits, unknown)

    def _holds(self, symbol: str, seen: Seen, amount: Decimal | None = None) -> bool:
        """Whether there is a position, of just this amount if one is given."""
        held = [each.amount for each in seen.held or () if each.symbol == symbol]
        return bool(held) if amount is None else amount in held

    def _note(self, words: str) -> None:
        if words not in self._notes:
            self._notes.append(words)


def _of_claim(amount: Decimal, claim: Claim, *, unknown: bool) -> Decimal:
    """Returns a sum of fills as far as it can be the bot's part.

    :param unknown: whether the fills of an order are not known
    """
    if claim.is_short is None:
        return ZERO if unknown else amount  # what is certain of a long is not so of a short
    return amount if (amount < 0) is claim.is_short else ZERO  # its stops have closed more


def remaining(amount: Decimal, closed: Decimal) -> tuple[Decimal, Decimal]:
    """Returns what is left of the bot's part, and by how much more than that was closed.

    :param amount: of the bot, negative for a short; 0 where its stops have closed all of it
    :param closed: what was closed of it besides, positive
    """
    left = abs(amount) - closed
    return max(left, ZERO).copy_sign(amount), max(-left, ZERO)


def certain_fill(order: Unsettled, *, is_short: bool | None) -> Decimal:
    """Returns the fill to assume of an order whose fill is not known, in base currency.

    It makes the bot's part the smallest that is possible, because the rest may be the trader's.
    """
    enters = is_short is (order.side == "sell")
    return order.stored if enters else order.most
