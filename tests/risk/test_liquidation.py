"""Liquidation prices: the exchange's examples, the venue's exact solver, Freqtrade's formulas."""

import math
import random
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

import pytest
from freqtrade.enums import MarginMode
from freqtrade.exchange.binance import Binance
from freqtrade.persistence import LocalTrade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.liquidation import (
    MaintenanceTier,
    MaintenanceTiers,
    OtherPosition,
    Position,
    bankruptcy_price,
    carrying_margin,
    liquidation_price,
)
from perpkit.venue.engine import Bracket, Brackets
from perpkit.venue.engine.margin import bankruptcy_price as exact_bankruptcy_price
from perpkit.venue.engine.margin import liquidation_price as exact_liquidation_price
from tests.bench.ranges import has_range
from tests.cases import cases
from tests.risk import markets

# The exchange's older BTC brackets as far as its worked examples need them.
TIERS = MaintenanceTiers(
    (
        MaintenanceTier(0, 0.004, 0, 125),
        MaintenanceTier(50_000, 0.005, 50, 100),
        MaintenanceTier(250_000, 0.01, 1300, 50),
        MaintenanceTier(1_000_000, 0.025, 16_300, 20),
    )
)


def flat(rate: float, amount: float) -> MaintenanceTiers:
    return MaintenanceTiers((MaintenanceTier(0, rate, amount, 125),))


def held(maintenance: float, unrealized: float) -> OtherPosition:
    """Another position, given by its two figures, as the exchange's examples do."""
    mark = 1000.0
    position = Position(mark - unrealized, 1, is_short=False)
    return OtherPosition(position, mark, flat(maintenance / mark, 0))


class Example(NamedTuple):
    """A position, and what others take from its wallet of 1,535,443.01."""

    amount: float
    entry: float
    others: float
    pnl: float
    rate: float
    cum: float
    expected: float


# Binance support, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts"
@pytest.mark.parametrize(
    "case",
    [
        Example(
            109.488,
            32481.980,
            others=356512.508,
            pnl=-448192.89,
            rate=0.025,
            cum=16300,
            expected=26316.89,
        ),
        Example(
            3683.979,
            1456.84,
            others=71200.81144,
            pnl=-56354.57,
            rate=0.10,
            cum=135365,
            expected=1153.26,
        ),
    ],
)
def test_the_exchanges_examples_of_a_cross_liquidation_price(case):
    carrying = 1535443.01 - case.others + case.pnl
    position = Position(case.entry, case.amount, is_short=False)
    price = liquidation_price(position, carrying, flat(case.rate, case.cum))
    assert round(price, 2) == case.expected


def test_other_positions_take_their_maintenance_and_add_their_profit():
    others = [held(300, -200), held(50, 120)]
    assert carrying_margin(1000, others) == 1000 - 300 - 200 - 50 + 120
    position = Position(100, 20, is_short=False)
    assert liquidation_price(position, 1000, TIERS, others) == pytest.approx(
        liquidation_price(position, 570, TIERS)
    )
    # A liquidation may use up what was kept back for the others' maintenance.
    assert bankruptcy_price(position, 1000, others) == bankruptcy_price(position, 920)


@pytest.mark.parametrize(
    ("amount", "is_short", "margin", "expected"),
    [
        (1, False, 10, 90 / 0.996),  # loses 10 less maintenance of 0.4%
        (1, True, 10, 110 / 1.004),
        (1, False, 100, 0),  # without leverage a long cannot be liquidated
        (1, False, 99, 1 / 0.996),
        # 2 000 long: the entry is worth 200 000, tier 2; the answer lies in tier 2 as well
        (2000, False, 20_000, (200_000 - 20_000 - 50) / (2000 * 0.995)),
        # 600 long: entered in tier 2, liquidated in tier 1
        (600, False, 20_000, (60_000 - 20_000) / (600 * 0.996)),
        # 490 short: entered in tier 1, liquidated in tier 2
        (490, True, 4_900, (4_900 + 50 + 49_000) / (490 * 1.005)),
        (1, True, -101, 0),  # a short that others have ruined: lost at every price
    ],
)
def test_the_tier_is_that_of_the_liquidation_price(amount, is_short, margin, expected):
    assert liquidation_price(Position(100, amount, is_short), margin, TIERS) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("amount", "is_short", "expected"), [(2, False, 95), (2, True, 105), (0.1, False, 0)]
)
def test_the_bankruptcy_price_uses_up_the_margin(amount, is_short, expected):
    assert bankruptcy_price(Position(100, amount, is_short), 10) == expected


def exact_brackets(tiers: MaintenanceTiers) -> Brackets:
    floors = [tier.floor for tier in tiers.rows]
    return Brackets(
        tuple(
            Bracket(i, Decimal(t.floor), Decimal(cap), Decimal(t.rate), Decimal(t.amount), 1)
            for i, (t, cap) in enumerate(zip(tiers.rows, [*floors[1:], tiers.cap], strict=True))
        )
    )


@cases(500)
@given(markets.positions(), st.floats(-0.5, 2))
def test_the_strictest_tier_is_the_solution_of_the_venue(case, extra):
    position, stake, tiers = case
    margin = stake * (1 + extra)
    entry, size = Decimal(position.entry), Decimal(position.amount)
    legs = [(-size if position.is_short else size, entry)]
    exact = exact_liquidation_price(legs, exact_brackets(tiers), Decimal(margin))
    ours = liquidation_price(position, margin, tiers)
    scale = position.entry  # a price near 0 is the difference of two that are not
    assert ours == pytest.approx(float(exact or 0), rel=1e-9, abs=1e-9 * scale)
    if margin > 0:
        bankrupt = exact_bankruptcy_price(*legs[0], Decimal(margin))
        assert bankruptcy_price(position, margin) == pytest.approx(
            float(bankrupt), rel=1e-9, abs=1e-9 * scale
        )


@cases(500)
@given(markets.positions(), st.lists(markets.positions(), max_size=3), st.data())
def test_at_its_liquidation_price_an_account_is_worth_its_maintenance(case, more, data):
    position, stake, tiers = case
    others = [
        OtherPosition(other, other.entry * data.draw(st.floats(0.9, 1.1)), rows)
        for other, _, rows in more
    ]
    wallet = stake + sum(s for _, s, _ in more)
    price = liquidation_price(position, wallet, tiers, others)
    if price == 0:
        return
    equity = wallet + position.profit(price) + sum(o.unrealized for o in others)
    maintenance = tiers.maintenance(position.amount * price) + sum(o.maintenance for o in others)
    values = [
        position.amount * (position.entry + price),
        *(o.position.amount * o.mark for o in others),
    ]
    assert equity == pytest.approx(maintenance, abs=1e-9 * (wallet + sum(values)))


@cases(250)
@given(markets.positions(), st.floats(0.01, 1))
def test_more_margin_and_less_size_take_liquidation_away(case, share):
    position, stake, tiers = case
    away = 1 if position.is_short else -1
    price = liquidation_price(position, stake, tiers)
    tolerance = 1e-9 * position.entry
    richer = liquidation_price(position, stake / share, tiers)
    smaller = liquidation_price(replace(position, amount=position.amount * share), stake, tiers)
    assert away * (richer - price) >= -tolerance
    assert away * (smaller - price) >= -tolerance
    assert away * (bankruptcy_price(position, stake) - price) >= -tolerance


def random_cases(seed: int, count: int):
    rng = random.Random(seed)
    for _ in range(count):
        pair = rng.choice(markets.PAIRS)
        leverage = rng.uniform(1, 50)
        stake = 10 ** rng.uniform(1, 7)
        entry = 10 ** rng.uniform(-2, 5)
        yield pair, Position(entry, stake * leverage / entry, rng.random() < 0.5), stake, leverage


def tier_of_stake(pair: str, stake: float) -> MaintenanceTiers:
    """The only tier that Freqtrade's dry-run looks at."""
    rows = markets.bundled_tiers(pair).rows
    return MaintenanceTiers((replace([r for r in rows if r.floor <= stake][-1], floor=0.0),))


def asked(pair: str, position: Position, stake: float, leverage: float) -> dict:
    return {
        "pair": pair,
        "open_rate": position.entry,
        "is_short": position.is_short,
        "amount": position.amount,
        "stake_amount": stake,
        "leverage": leverage,
        "wallet_balance": stake,
        "open_trades": [],
    }


def test_isolated_prices_agree_with_freqtrade(futures_exchange: Binance):
    futures_exchange.margin_mode = MarginMode.ISOLATED
    same_tier = 0
    for pair, position, stake, leverage in random_cases(1, 2000):
        query = asked(pair, position, stake, leverage)
        theirs = futures_exchange.dry_run_liquidation_price(**query)
        ours = liquidation_price(position, stake, tier_of_stake(pair, stake))
        assert ours == pytest.approx(max(theirs, 0), rel=1e-6, abs=1e-9 * position.entry)
        if theirs > 0:
            stored = futures_exchange.get_liquidation_price(**query)
            buffer = futures_exchange.liquidation_buffer
            inside = markets.buffered(ours, position.entry, position.is_short, buffer)
            assert inside == pytest.approx(stored, rel=1e-6)
        # With every tier in view, liquidation is never farther away than Freqtrade believes.
        real = liquidation_price(position, stake, markets.bundled_tiers(pair))
        towards_entry = ours - real if position.is_short else real - ours
        assert towards_entry >= -1e-9 * position.entry
        same_tier += math.isclose(real, ours, rel_tol=1e-6, abs_tol=1e-12)
    assert 400 < same_tier < 1600


def test_cross_prices_agree_with_freqtrade(futures_exchange: Binance, monkeypatch):
    futures_exchange.margin_mode = MarginMode.CROSS
    rng = random.Random(2)
    others = list(random_cases(3, 500))
    for pair, position, stake, leverage in random_cases(4, 500):
        # Freqtrade counts the profit of other positions as that of longs.
        more = {
            p: (replace(q, is_short=False), s)
            for p, q, s, _ in rng.sample(others, rng.randint(0, 3))
            if p != pair
        }
        marks = {p: q.entry * rng.uniform(0.99, 1.01) for p, (q, _) in more.items()}
        rates = {p: {"markPrice": mark} for p, mark in marks.items()}
        monkeypatch.setattr(futures_exchange, "fetch_funding_rates", lambda _, r=rates: r)
        wallet = stake + sum(s for _, s in more.values())
        trades = [
            LocalTrade(
                pair=p, amount=q.amount, open_rate=q.entry, stake_amount=s, fee_open=0.0,
                fee_close=0.0, leverage=1,
            )
            for p, (q, s) in more.items()
        ]  # fmt: skip
        query = asked(pair, position, stake, leverage)
        theirs = futures_exchange.dry_run_liquidation_price(
            **{**query, "wallet_balance": wallet, "open_trades": trades}
        )
        beside = [OtherPosition(q, marks[p], tier_of_stake(p, s)) for p, (q, s) in more.items()]
        ours = liquidation_price(position, wallet, tier_of_stake(pair, stake), beside)
        assert ours == pytest.approx(max(theirs, 0), rel=1e-6, abs=1e-9 * position.entry)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"floor": -1}, "floor must be a number from 0"),
        ({"rate": 1.0}, "rate must be a number from 0 to 0.99, got 1.0"),
        ({"rate": math.nan}, "rate"),
        ({"amount": -1}, "amount"),
        ({"max_leverage": 0}, "max_leverage"),
    ],
)
def test_a_bad_tier_is_named(bad, named):
    with pytest.raises(ValueError, match=named):
        MaintenanceTier(**{"floor": 0, "rate": 0.01, "amount": 0, "max_leverage": 20, **bad})


FIRST, SECOND = MaintenanceTier(0, 0.01, 0, 20), MaintenanceTier(100, 0.02, 1, 10)


@pytest.mark.parametrize(
    ("rows", "cap", "named"),
    [
        ((), math.inf, "rows must begin with a tier from 0"),
        ((SECOND,), math.inf, "rows must begin with a tier from 0"),
        ((FIRST, FIRST), math.inf, "rows must rise in floor"),
        ((FIRST, replace(SECOND, rate=0.005)), math.inf, "rows must rise in floor and rate"),
        ((FIRST, replace(SECOND, max_leverage=21)), math.inf, "fall in max_leverage"),
        ((FIRST, SECOND), 100, "cap must be above 100, got 100"),
        ((FIRST, SECOND), math.nan, "cap must be a number from 0 upwards, got nan"),
    ],
)
def test_bad_tiers_are_named(rows, cap, named):
    with pytest.raises(ValueError, match=named):
        MaintenanceTiers(rows, cap)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("floor", 0, 1e15), ("rate", 0, 0.99), ("amount", 0, 1e15), ("max_leverage", 1, 1000)],
)
def test_both_ends_of_a_range_are_allowed(name, low, high):
    has_range(lambda value: replace(FIRST, **{name: value}), low, high)


def test_tiers_of_every_contract_in_freqtrade_join_without_a_jump():
    for pair in markets.BUNDLE:
        if not pair.endswith(":USDT"):
            continue
        tiers = markets.bundled_tiers(pair)
        for lower, upper in zip(tiers.rows, tiers.rows[1:], strict=False):
            below = upper.floor * lower.rate - lower.amount
            above = upper.floor * upper.rate - upper.amount
            assert below == pytest.approx(above, rel=1e-6)
            assert tiers.maintenance(upper.floor) == pytest.approx(above, rel=1e-6)
