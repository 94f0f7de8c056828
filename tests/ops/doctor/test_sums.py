"""The exchange's incomes and Freqtrade's profits of the same fills come to the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.ops.doctor.incomes import Income
from perpkit.ops.doctor.money import judged
from perpkit.ops.doctor.sums import began, compared
from perpkit.ops.level import Level
from perpkit.record.trade_books import BookedOrder, TradeBook

NOW = 1_790_000_000_000
HOUR = 3_600_000
SINCE = NOW - 7 * 24 * HOUR
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
USDT = {"USDT": 1.0}
FEE = 0.0005


@dataclass(frozen=True)
class Step:
    """:param share: of what is held, sold; 0 buys `amount` more
    :param funding: settled before it
    """

    amount: float
    price: float
    share: float
    funding: float


steps = st.lists(
    st.builds(
        Step,
        st.floats(0.01, 5),
        st.floats(50, 500),
        st.sampled_from((0.0, 0.0, 0.25, 0.5)),
        st.floats(-20, 20),
    ),
    min_size=1,
    max_size=8,
)


def booked(
    played: list[Step],
    *,
    is_short: bool,
    closes: bool,
    start: int = NOW - 40 * HOUR,
    pair: str = BTC,
) -> tuple[TradeBook, list[Income]]:
    """A trade as Freqtrade keeps it, and what the exchange books of it, each by its own rules."""
    sign = -1 if is_short else 1
    symbol = pair.partition(":")[0].replace("/", "")
    incomes, orders = [], []
    held = entry = profit = unbooked = total = 0.0
    first = replace(played[0], share=0.0, funding=0.0)
    last = [replace(played[-1], share=1.0)] if closes else []
    for number, step in enumerate([first, *played[1:], *last]):
        at = start + number * HOUR

        def add(kind: str, amount: float, time: int = at) -> None:
            incomes.append(Income(symbol, kind, amount, "USDT", time))

        if step.funding:
            add("FUNDING_FEE", step.funding, at - 1)
            total, unbooked = total + step.funding, unbooked + step.funding
        amount = step.share * held if step.share else step.amount
        add("COMMISSION", -amount * step.price * FEE)
        kind = "exit" if step.share else "entry"
        orders.append(BookedOrder(str(number), kind, amount, step.price, 0.0, step.funding, at, at))
        if not step.share:
            entry = (entry * held + step.price * amount) / (held + amount)
            held += amount
            continue
        gross = sign * amount * (step.price - entry)
        add("REALIZED_PNL", gross)
        # Freqtrade: fees of both sides for what is sold, and the funding since the exit before.
        profit += gross - amount * (step.price + entry) * FEE + unbooked
        held, unbooked = held - amount, 0.0
    return (
        TradeBook(
            1, pair, is_short, not closes, 3.0, None, profit, FEE, FEE, total, start, tuple(orders)
        ),
        incomes,
    )


def findings(trades, incomes, known_until=NOW, rates=USDT):
    return [
        f
        for f in judged(compared(trades, incomes, SINCE, known_until, rates), "USDT")
        if f.level is not Level.OK
    ]


@given(played=steps, is_short=st.booleans(), closes=st.booleans())
def test_the_same_fills_agree(played, is_short, closes):
    trade, incomes = booked(played, is_short=is_short, closes=closes)
    assert findings([trade], incomes) == []


@given(
    played=steps,
    is_short=st.booleans(),
    what=st.sampled_from(("profit", "funding")),
    off=st.floats(1.05, 1000),
    way=st.sampled_from((-1, 1)),
)
def test_what_was_changed_is_found(played, is_short, what, off, way):
    trade, incomes = booked(played, is_short=is_short, closes=True)
    kinds = {"profit": "REALIZED_PNL", "funding": "FUNDING_FEE"}
    theirs = sum(i.amount for i in incomes if i.kind == kinds[what])
    change = way * max(off, 0.00105 * abs(theirs) * off)
    changed = replace(trade, **{what: getattr(trade, what) + change})
    assert len(findings([changed], incomes)) == 1


@given(played=steps, closes=st.booleans(), days=st.integers(8, 89))
def test_a_trade_from_before_the_week_is_compared_over_all_of_its_life(played, closes, days):
    start = NOW - days * 24 * HOUR
    trade, incomes = booked(played, is_short=False, closes=closes, start=start)
    # Another trade of the pair before it, which is not among those of the week.
    before = [Income("BTCUSDT", "REALIZED_PNL", 77.0, "USDT", start - HOUR)]
    assert began([trade], SINCE) == start
    assert findings([trade], [*before, *incomes]) == []


def test_one_euro_in_ten_thousand_is_no_finding():
    """The greater of 1 USDT and 0.1% of what the exchange has."""
    played = [Step(10, 100, 0, 0), Step(0, 900, 0.5, 0)]
    trade, incomes = booked(played, is_short=False, closes=True)
    profit = sum(i.amount for i in incomes if i.kind == "REALIZED_PNL")
    assert profit == pytest.approx(8_000)
    assert findings([replace(trade, profit=trade.profit + 7.9)], incomes) == []
    assert len(findings([replace(trade, profit=trade.profit + 8.1)], incomes)) == 1


def test_differences_of_pairs_do_not_make_up_for_each_other():
    played = [Step(1, 100, 0, 0)]
    one, first = booked(played, is_short=False, closes=True)
    two, second = booked(played, is_short=False, closes=True, pair=ETH)
    changed = [replace(one, profit=one.profit + 5), replace(two, profit=two.profit - 5)]
    found = findings(changed, [*first, *second])
    assert [f.words.partition(":")[0] for f in found] == ["BTC/USDT", "ETH/USDT"]


def test_small_differences_of_many_pairs_add_up():
    trades, incomes = [], []
    for number in range(5):
        trade, own = booked(
            [Step(1, 100, 0, 0)], is_short=False, closes=True, pair=f"C{number}/USDT:USDT"
        )
        trades.append(replace(trade, profit=trade.profit + 0.9))
        incomes += own
    [found] = findings(trades, incomes)
    assert found.words.startswith("All pairs together")


@pytest.mark.parametrize(
    ("ago", "is_open", "known_ago", "found"),
    [
        (10 * 60_000, True, 0, 0),  # Freqtrade asks once an hour
        (2 * HOUR, True, 0, 1),
        (10 * 60_000, False, 0, 1),  # of a trade that is closed it asks no more
        (2 * HOUR, True, 3 * HOUR, 0),  # the bot has been off since
    ],
)
def test_funding_that_freqtrade_cannot_know_yet(ago, is_open, known_ago, found):
    played = [Step(1, 100, 0, 0), Step(1, 100, 0, 0)]
    trade, incomes = booked(played, is_short=False, closes=not is_open)
    late = Income("BTCUSDT", "FUNDING_FEE", -3.0, "USDT", NOW - ago)
    assert len(findings([trade], [*incomes, late], known_until=NOW - known_ago)) == found


def test_a_pair_without_a_trade_is_named_apart():
    incomes = [Income("DOGEUSDT", "REALIZED_PNL", -12.0, "USDT", NOW - HOUR)]
    [found] = findings([], incomes)
    assert found.words.startswith("DOGEUSDT: profit -12.00")
    assert "your own trading" in found.fix


@pytest.mark.parametrize(
    ("kind", "symbol"),
    [("TRANSFER", ""), ("WELCOME_BONUS", ""), ("REFERRAL_KICKBACK", ""), ("TRANSFER", "BTCUSDT")],
)
def test_what_is_no_part_of_a_trade_does_not_count(kind, symbol):
    assert findings([], [Income(symbol, kind, 5_000.0, "USDT", NOW - HOUR)]) == []


@pytest.mark.parametrize(("bnb", "found"), [(0.0005, 0), (0.00054, 0), (0.02, 1)])
def test_commission_in_another_coin_is_compared_roughly(bnb, found):
    """Of 100 USDT at 0.05% twice, in BNB at 600; its price then may have been another."""
    played = [Step(30, 100, 0, 0)]
    trade, incomes = booked(played, is_short=False, closes=True)
    paid = [i for i in incomes if i.kind == "COMMISSION"]
    others = [i for i in incomes if i.kind != "COMMISSION"]
    in_bnb = [replace(i, asset="BNB", amount=i.amount / 600 * bnb / 0.0005) for i in paid]
    rates = {**USDT, "BNB": 600.0}
    assert len(findings([trade], [*others, *in_bnb], rates=rates)) == found
