import math
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.leverage import (
    Cap,
    LeverageLimit,
    bracket_leverage,
    choose_leverage,
    volatility_leverage,
)
from perpkit.risk.liquidation import (
    MaintenanceTier,
    MaintenanceTiers,
    OtherPosition,
    Position,
    carrying_margin,
    liquidation_price,
)
from tests.cases import cases
from tests.risk import markets

NO_CAP = LeverageLimit(125)
BTC = markets.bundled_tiers("BTC/USDT:USDT")
CALM = {"stake": 100.0, "stop_distance": 0.02, "is_short": False, "range_24h": 0.02}


@pytest.mark.parametrize(
    ("range_24h", "expected"),
    [
        (0.0, 10),
        (0.05, 10),
        (0.0501, 5),
        (0.10, 5),
        (0.1001, 2),
        (2.0, 2),
        (math.nan, 2),
        (math.inf, 2),
        (-0.01, 2),
    ],
)
def test_the_tier_of_a_daily_range(range_24h, expected):
    assert volatility_leverage(NO_CAP, range_24h, 125) == expected
    assert choose_leverage(NO_CAP, BTC, **{**CALM, "range_24h": range_24h}).leverage == expected


@pytest.mark.parametrize(
    ("limit", "pair_maximum", "expected"), [(3, 125, 3), (20, 125, 10), (20, 4, 4), (20, 0.5, 1)]
)
def test_caps_of_the_volatility_tier(limit, pair_maximum, expected):
    assert volatility_leverage(LeverageLimit(limit), 0.01, pair_maximum) == expected


SMALL = MaintenanceTiers((MaintenanceTier(0, 0.01, 0, 20), MaintenanceTier(1000, 0.1, 90, 4)), 5000)


class Choice(NamedTuple):
    """Of a leverage: what is asked, and the answer with the cap that made it."""

    limit: LeverageLimit
    tiers: MaintenanceTiers
    leverage: int | None
    cap: Cap
    reason: str | None = None
    change: dict[str, float] = {}


@pytest.mark.parametrize(
    "case",
    [
        Choice(LeverageLimit(), BTC, 3, Cap.MAXIMUM, reason="leverage 3x: max_leverage (3x)"),
        Choice(LeverageLimit(2.7), BTC, 2, Cap.MAXIMUM, reason="leverage 2x: max_leverage (2.7x)"),
        Choice(
            LeverageLimit(),
            BTC,
            2,
            Cap.VOLATILITY,
            reason="leverage 2x: 24h range 12.3% is above 10.0% (2x)",
            change={"range_24h": 0.123},
        ),
        Choice(
            LeverageLimit(),
            BTC,
            2,
            Cap.VOLATILITY,
            reason="leverage 2x: 24h range unknown (2x)",
            change={"range_24h": math.nan},
        ),
        Choice(NO_CAP, BTC, 10, Cap.VOLATILITY, reason="leverage 10x: 24h range 2.0% (10x)"),
        Choice(
            NO_CAP,
            BTC,
            2,
            Cap.BREAKERS,
            reason="leverage 2x: what the breakers allow (2x)",
            change={"breaker_cap": 2},
        ),
        Choice(
            NO_CAP,
            BTC,
            None,
            Cap.BREAKERS,
            reason="leverage refused: even 1x is more than 0x (what the breakers allow)",
            change={"breaker_cap": 0},
        ),
        Choice(
            NO_CAP,
            BTC,
            None,
            Cap.BREAKERS,
            reason="leverage refused: what the breakers allow is unknown",
            change={"breaker_cap": math.nan},
        ),
        # 1 / (0.004 + 0.2 / 0.95 x 0.996) = 4.68
        Choice(
            NO_CAP,
            BTC,
            4,
            Cap.LIQUIDATION,
            reason="leverage 4x: buffered liquidation at least 20.00% of price away, 2 x the "
            "stop's 10.00% (4.68x)",
            change={"stop_distance": 0.1},
        ),
        # a short that would be liquidated within twice 48%
        Choice(
            NO_CAP,
            BTC,
            None,
            Cap.LIQUIDATION,
            reason="leverage refused: even 1x is more than 0.982x (buffered liquidation at least "
            "96.00% of price away, 2 x the stop's 48.00%)",
            change={"stop_distance": 0.48, "is_short": True},
        ),
        Choice(NO_CAP, BTC, 1, Cap.LIQUIDATION, change={"stop_distance": 0.48}),
        # at 8x the stake of 200 would be worth 1 600, where only 4x is allowed; 5x is worth 1 000
        Choice(
            NO_CAP,
            SMALL,
            5,
            Cap.BRACKET,
            reason="leverage 5x: the pair's bracket at a stake of 200 (5x)",
            change={"stake": 200},
        ),
        Choice(NO_CAP, SMALL, 2, Cap.BRACKET, change={"stake": 2500}),
        Choice(
            NO_CAP,
            SMALL,
            None,
            Cap.BRACKET,
            reason="leverage refused: even 1x is more than 0.5x (the pair's bracket at a stake of "
            "10,000)",
            change={"stake": 10_000},
        ),
        Choice(
            NO_CAP,
            BTC,
            None,
            Cap.INPUT,
            reason="leverage refused: stop distance nan% is not above 0 and at most 50%",
            change={"stop_distance": math.nan},
        ),
        Choice(NO_CAP, BTC, None, Cap.INPUT, change={"stop_distance": 0.0}),
        Choice(NO_CAP, BTC, None, Cap.INPUT, change={"stop_distance": 0.51}),
        Choice(
            NO_CAP,
            BTC,
            None,
            Cap.INPUT,
            reason="leverage refused: stake is nan, margin nan",
            change={"stake": math.nan},
        ),
        Choice(NO_CAP, BTC, None, Cap.INPUT, change={"stake": 0.0}),
        Choice(NO_CAP, BTC, None, Cap.INPUT, change={"margin": math.nan}),
        # cross: others have lost what would carry it
        Choice(NO_CAP, BTC, None, Cap.LIQUIDATION, change={"margin": -5.0}),
    ],
)
def test_what_binds_and_why(case):
    decision = choose_leverage(case.limit, case.tiers, **{**CALM, **case.change})
    assert (decision.leverage, decision.cap) == (case.leverage, case.cap)
    assert decision.refused is (case.leverage is None)
    assert decision.reason == case.reason or (case.reason is None and decision.reason)


ranges = st.floats(0, 0.2) | st.just(math.nan)
limits = st.builds(
    LeverageLimit,
    max_leverage=st.floats(1, 125),
    stop_margin=st.floats(1.1, 5),
    liquidation_buffer=st.floats(0, 0.4),
    # An even chance for the other caps to bind.
    volatility_tiers=st.sampled_from([LeverageLimit().volatility_tiers, ((0.0, 125.0),)]),
)
requests = st.fixed_dictionaries(
    {
        "stake": markets.stakes,
        "stop_distance": markets.distances,
        "is_short": markets.sides,
        "range_24h": ranges,
        "breaker_cap": st.floats(0, 125) | st.just(math.inf),
    }
)


@cases(750)
@given(limits, markets.tiers, requests, markets.prices)
def test_a_position_cannot_be_liquidated_before_its_stop(limit, tiers, request, entry):
    leverage = choose_leverage(limit, tiers, **request).leverage
    if leverage is None:
        return
    stake, stop = request["stake"], request["stop_distance"]
    position = Position(entry, stake * leverage / entry, request["is_short"])
    liquidation = markets.buffered(
        liquidation_price(position, stake, tiers),
        entry,
        position.is_short,
        limit.liquidation_buffer,
    )
    away = liquidation - entry if position.is_short else entry - liquidation
    distance = away / entry
    assert distance > stop * (1 + 1e-9)
    widest = 1 - limit.liquidation_buffer  # of a long: its price cannot fall below 0
    needed = limit.stop_margin * stop
    assert distance >= (needed if position.is_short else min(needed, widest)) * (1 - 1e-9)


@cases(500)
@given(limits, markets.tiers, requests)
def test_leverage_is_whole_within_every_cap_and_the_largest_such(limit, tiers, request):
    decision = choose_leverage(limit, tiers, **request)
    leverage, stake = decision.leverage or 0.0, request["stake"]
    assert leverage == int(leverage)
    by_volatility = volatility_leverage(replace(limit, max_leverage=125), request["range_24h"], 125)

    def allowed(candidate: float) -> bool:
        value = stake * candidate
        bracket = [t for t in tiers.rows if t.floor < value][-1].max_leverage
        position = Position(100.0, value / 100, request["is_short"])
        liquidation = liquidation_price(position, stake, tiers)
        inside = markets.buffered(liquidation, 100, position.is_short, limit.liquidation_buffer)
        distance = (inside - 100 if position.is_short else 100 - inside) / 100
        needed = limit.stop_margin * request["stop_distance"]
        if not position.is_short:
            needed = min(needed, 1 - limit.liquidation_buffer)
        return (
            candidate <= min(limit.max_leverage, by_volatility, request["breaker_cap"], bracket)
            and value <= tiers.cap
            and distance >= needed * (1 - 1e-9)
        )

    slack = 1e-6
    assert leverage == 0 or allowed(leverage * (1 - slack))
    assert not allowed((leverage + 1) * (1 + slack))
    assert decision.reason
    assert decision.refused is (leverage == 0)


@cases(750)
@given(limits, limits, markets.tiers, requests, requests)
def test_more_risk_never_means_more_leverage(limit, stricter, tiers, request, riskier):
    def worse(name: str) -> float:
        pair = request[name], riskier[name]
        if name == "range_24h":
            return math.nan if any(map(math.isnan, pair)) else max(pair)
        return min(pair) if name == "breaker_cap" else max(pair)

    # One change at a time, then all at once.
    changed = [{**request, name: worse(name)} for name in request if name != "is_short"]
    changed.append({k: v for c in changed for k, v in c.items() if v != request[k]} or request)
    changed[-1] = {**request, **changed[-1]}
    leverage = choose_leverage(limit, tiers, **request).leverage or 0
    for variant in changed:
        assert (choose_leverage(limit, tiers, **variant).leverage or 0) <= leverage
    tighter = LeverageLimit(
        min(limit.max_leverage, stricter.max_leverage),
        max(limit.stop_margin, stricter.stop_margin),
        max(limit.liquidation_buffer, stricter.liquidation_buffer),
        limit.volatility_tiers,
    )
    assert (choose_leverage(tighter, tiers, **request).leverage or 0) <= leverage


@cases(300)
@given(markets.tiers, requests, markets.positions(), st.floats(0.9, 1.1), st.floats(0.1, 20))
def test_on_a_shared_wallet_the_others_count(tiers, request, other, move, share):
    position, collateral, rows = other
    others = [OtherPosition(position, position.entry * move, rows)]
    stake = request["stake"]
    wallet = stake * share + collateral
    margin = carrying_margin(wallet, others)
    leverage = choose_leverage(NO_CAP, tiers, **request, margin=margin).leverage
    if leverage is None:
        return
    mine = Position(100.0, stake * leverage / 100, request["is_short"])
    liquidation = markets.buffered(
        liquidation_price(mine, wallet, tiers, others), 100, mine.is_short
    )
    away = liquidation - 100 if mine.is_short else 100 - liquidation
    assert away / 100 > request["stop_distance"] * (1 + 1e-9)


@cases(250)
@given(markets.tiers, markets.stakes)
def test_the_brackets_leverage_and_value_allow_each_other(tiers, stake):
    leverage = bracket_leverage(tiers, stake)

    def bears(candidate: float) -> bool:
        value = candidate * stake
        return value <= tiers.cap and all(
            candidate <= t.max_leverage for t in tiers.rows if t.floor < value
        )

    assert bears(leverage * (1 - 1e-9))
    assert not bears(leverage * (1 + 1e-9))


def test_the_brackets_leverage_is_never_below_freqtrades(futures_exchange):
    for pair in markets.PAIRS:
        tiers = markets.bundled_tiers(pair)
        for exponent in range(10, 65):
            stake = 10 ** (exponent / 10)
            theirs = futures_exchange.get_max_leverage(pair, stake)
            assert bracket_leverage(tiers, stake) >= theirs


@given(
    limit=st.floats(1, 125),
    maximum=st.floats(1, 125),
    calm=st.floats(0, 1),
    wild=st.floats(0, 1),
)
def test_more_range_never_means_more_leverage(limit, maximum, calm, wild):
    calm, wild = sorted((calm, wild))
    low = volatility_leverage(LeverageLimit(limit), wild, maximum)
    high = volatility_leverage(LeverageLimit(limit), calm, maximum)
    assert 1 <= low <= high <= min(limit, maximum)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"max_leverage": 0.99}, "max_leverage must be a number from 1 to 125, got 0.99"),
        ({"max_leverage": 126}, "max_leverage"),
        ({"max_leverage": math.nan}, "max_leverage"),
        ({"stop_margin": 1.0}, "stop_margin must be a number from 1.1 to 10, got 1.0"),
        ({"liquidation_buffer": 0.41}, "liquidation_buffer must be a number from 0 to 0.4"),
        ({"volatility_tiers": ()}, r"volatility_tiers must fall in range.*got \(\)"),
        ({"volatility_tiers": ((0.1, 2.0),)}, "volatility_tiers"),
        ({"volatility_tiers": ((0.1, 5.0), (0.0, 2.0))}, "volatility_tiers"),
        ({"volatility_tiers": ((0.0, 2.0), (0.1, 5.0))}, "volatility_tiers"),
        ({"volatility_tiers": ((0.1, 0.5), (0.0, 2.0))}, "volatility_tiers"),
        ({"volatility_tiers": ((math.nan, 2.0), (0.0, 2.0))}, "volatility_tiers"),
    ],
)
def test_a_bad_limit_is_named(bad, named):
    with pytest.raises(ValueError, match=named):
        LeverageLimit(**bad)
