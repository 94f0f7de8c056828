"""Whatever becomes of single requests: the bot's part is closed, and not one contract more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.engine import Flattening
from perpkit.ops.stop.flattened import Flattened
from perpkit.ops.stop.ours import Claim, Unsettled
from perpkit.ops.stop.requests import Requests
from tests.bench.scripted_exchange import STEP, ZERO, Fate, ScriptedExchange

PAIRS = {"BTCUSDT": "BTC/USDT:USDT", "ETHUSDT": "ETH/USDT:USDT"}
STOP, ENTRY = "of the bot: stop", "of the bot: entry"


@dataclass
class Files:
    """A bot's files that say what the test says."""

    found: Mapping[str, Claim]
    tag: str = "3fa2c1"
    has_database: bool = True
    complete: bool = True
    notes: list[str] = field(default_factory=list)

    def claims(self) -> Mapping[str, Claim]:
        return self.found

    def handed_over(self) -> frozenset[str]:
        return frozenset()

    def write_closings(self, closings: Iterable[object]) -> None:
        list(closings)

    def has_order(self, pair: str, order_id: str) -> bool:
        return int(order_id) < 1000

    def is_ours(self, pair: str, order_id: str, client_id: str, placed: int | None) -> bool:
        return client_id.startswith("of the bot")


@dataclass(frozen=True)
class Part:
    """In steps of one contract, negative for shorts.

    :param ours: that the bot has, and of its entry that rests what has filled
    :param others: of the same side or of the other
    """

    ours: int
    filled: int
    others: int


def parts(symbol_count: int = len(PAIRS)) -> st.SearchStrategy[list[Part]]:
    def signed(sign: int) -> st.SearchStrategy[Part]:
        some = st.integers(0, 9)
        return st.builds(
            lambda o, f, t: Part(sign * o, sign * f, t), some, some, st.integers(-9, 9)
        )

    one = st.sampled_from((1, -1)).flatmap(signed)
    return st.lists(one, min_size=symbol_count, max_size=symbol_count)


def flatten(
    shares: list[Part], fates: list[Fate], *, everything: bool = False, **scripted: Any
) -> tuple[ScriptedExchange, Flattened]:
    exchange = ScriptedExchange({}, iter(fates), **scripted)
    claims = {}
    for number, ((symbol, pair), part) in enumerate(zip(PAIRS.items(), shares, strict=True)):
        entry, stop = str(10 + number), str(20 + number)
        enters = "SELL" if part.ours + part.filled < 0 else "BUY"
        leaves = "BUY" if enters == "SELL" else "SELL"
        exchange.held[symbol] = STEP * (part.ours + part.filled + part.others)
        exchange.add_algo(symbol, stop, STOP, leaves)
        exchange.add_order(symbol, entry, ENTRY, enters, abs(part.filled) * STEP)
        exchange.add_order(symbol, str(30 + number), "web_1", enters)
        unsettled = (
            Unsettled(pair, entry, None, False, enters.lower(), abs(part.filled) * STEP),
            Unsettled(pair, stop, None, True, leaves.lower(), abs(part.ours) * STEP),
        )
        is_short = part.ours + part.filled < 0
        claims[pair] = Claim(pair, is_short, part.ours * STEP, unsettled, opened=0)
    log = ActionLog(None)
    requests = Requests(exchange, log, 300, exchange)
    run = Flattening(requests, Files(claims), log, everything=everything, preview=False)  # type: ignore[arg-type]
    return exchange, run.run()


def kept(part: Part) -> Decimal:
    """What is to stay of a position: all that is not the bot's, less what has closed the bot's."""
    own, held = part.ours + part.filled, part.ours + part.filled + part.others
    if own * held <= 0:
        return held * STEP
    closed = min(abs(own), abs(held))
    return (held - closed if held > 0 else held + closed) * STEP


@given(parts(), st.lists(st.sampled_from(Fate), max_size=40))
def test_the_bots_part_is_closed_and_nothing_else(shares, fates):
    exchange, said = flatten(shares, fates)
    assert said.flat, said.left
    for symbol, part in zip(PAIRS, shares, strict=True):
        assert exchange.held[symbol] == kept(part)
    resting = [
        o["clientOrderId"]
        for o in exchange.orders.values()
        if o["status"] in ("NEW", "PARTIALLY_FILLED")
    ]
    assert resting == ["web_1"] * len(PAIRS)
    assert {algo["algoStatus"] for algo in exchange.algos.values()} == {"CANCELED"}


@given(parts(), st.lists(st.sampled_from(Fate), max_size=40))
def test_everything_is_closed_and_cancelled(shares, fates):
    exchange, said = flatten(shares, fates, everything=True)
    assert said.flat, said.left
    assert set(exchange.held.values()) <= {ZERO}
    assert not exchange.fapiPrivateGetOpenOrders({})
    assert not exchange.fapiPrivateGetOpenAlgoOrders({})


@given(parts(), st.lists(st.sampled_from(Fate), max_size=40), st.booleans())
def test_orders_only_reduce_and_are_no_more_than_what_fails(shares, fates, everything):
    exchange, said = flatten(shares, fates, everything=everything)
    assert {sent["reduceOnly"] for sent in exchange.posts} <= {"true"}
    failing = sum(fate is not Fate.FINE for fate in fates)
    assert len(exchange.posts) <= len(PAIRS) * (1 + 2 * failing)
    assert said.requests <= 80 + 30 * failing


def test_a_thin_book_is_taken_in_slices_that_reach_further_and_further():
    """From 1% of the middle on, twice as far every two seconds."""
    bids = [["99.5", "0.002"], ["98.5", "0.002"], ["96", "0.001"], ["50", "1"]]
    exchange, said = flatten([Part(9, 0, 0), Part(0, 0, 0)], [], bids=bids)
    assert said.flat
    assert [sent["quantity"] for sent in exchange.posts] == ["0.002", "0.002", "0.004", "0.001"]
    assert said.seconds < 8
