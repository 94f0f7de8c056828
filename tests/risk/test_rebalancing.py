"""Rebalancing: what is traded, in which order, and what never is."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.rebalancing import Change, TargetWeights, rebalance

BTC, ETH, BNB, XRP = (f"{base}/USDT:USDT" for base in ("BTC", "ETH", "BNB", "XRP"))
WEIGHTS = {BTC: 0.4, ETH: 0.3, BNB: 0.2}
RULE = TargetWeights(WEIGHTS)
HEDGED = TargetWeights({BTC: 0.5, ETH: -0.3})
EQUITY = 10_000.0


def values(changes: list[Change]) -> list[tuple[str, float]]:
    return [(change.pair, pytest.approx(change.value)) for change in changes]


@pytest.mark.parametrize(
    ("rule", "held", "trades"),
    [
        # Nothing is held: everything is bought, the largest weight first.
        (RULE, {}, [(BTC, 4000), (ETH, 3000), (BNB, 2000)]),
        (HEDGED, {}, [(BTC, 5000), (ETH, -3000)]),
        # Within the tolerance of 5% of the equity.
        (RULE, {BTC: 4490, ETH: 2510, BNB: 2000}, []),
        # Beyond it: to the target itself, and only that pair.
        (RULE, {BTC: 4510, ETH: 2510, BNB: 2000}, [(BTC, -510)]),
        (RULE, {BTC: 4300, ETH: 2490, BNB: 2000}, [(ETH, 510)]),
        # The largest deviation first, whichever way; equal ones by name.
        (RULE, {BTC: 4600, ETH: 2200, BNB: 2000}, [(ETH, 800), (BTC, -600)]),
        (RULE, {BTC: 4600, ETH: 2400, BNB: 1400}, [(BNB, 600), (BTC, -600), (ETH, 600)]),
        # Shorts: grown as the price rose, shrunk as it fell.
        (HEDGED, {BTC: 5000, ETH: -3600}, [(ETH, 600)]),
        (HEDGED, {BTC: 5000, ETH: -2400}, [(ETH, -600)]),
        # The wrong side is closed first, and never crossed.
        (HEDGED, {BTC: 5000, ETH: 1000}, [(ETH, -1000)]),
        # What has no weight is sold, and what is not held is bought however small its weight.
        (RULE, {BTC: 4000, ETH: 3000, BNB: 2000, XRP: 900}, [(XRP, -900)]),
        (TargetWeights({BTC: 0.4, ETH: 0.03}), {BTC: 4000}, [(ETH, 300)]),
        (TargetWeights({BTC: 0.4, ETH: 0.0}), {BTC: 4000}, []),
    ],
)
def test_what_is_traded(rule, held, trades):
    assert values(rebalance(rule, EQUITY, held)) == trades


def test_it_tells_where_a_pair_stands():
    bought, sold = rebalance(RULE, EQUITY, {BTC: 4600, ETH: 3000})
    assert bought == (BNB, 2000, pytest.approx(-0.2), True, True, "")
    assert sold == (BTC, pytest.approx(-600), pytest.approx(0.06), False, False, "")


@pytest.mark.parametrize(
    ("equity", "held"),
    [(nan, {}), (0.0, {}), (-5.0, {}), (EQUITY, {BTC: nan}), (EQUITY, {XRP: nan, BTC: 9000})],
)
def test_what_is_unknown_moves_nothing(equity, held):
    assert rebalance(RULE, equity, held) == []


@pytest.mark.parametrize(
    ("equity", "held", "least", "reason"),
    [
        (1000, {BTC: 460, ETH: 300, BNB: 200}, {}, "60.00 is below the smallest of 100.00"),
        (1000, {BTC: 340, ETH: 300, BNB: 200}, {}, "60.00 is below the smallest of 100.00"),
        (10_000, {BTC: 4600, ETH: 3000, BNB: 2000}, {BTC: 700}, "below the smallest of 700.00"),
        (400, {}, {BTC: 300}, "a trade of 160.00 is below the smallest of 300.00"),
        (1000, {BTC: 800}, {BTC: 450}, "trade of 400.00 is below the smallest of 450.00"),
        (1000, {BTC: 900}, {BTC: 450}, "what is left, 400.00, is below the smallest order"),
    ],
)
def test_nothing_is_traded_or_left_below_the_smallest(equity, held, least, reason):
    change = next(c for c in rebalance(RULE, equity, held, least=least) if c.pair == BTC)
    assert change.value == 0
    assert reason in change.reason


@pytest.mark.parametrize("value", [1.0, 30.0, 49.0, 400.0, -1.0, -49.0])
@pytest.mark.parametrize("pair", [XRP, BTC])
def test_a_position_without_a_weight_of_its_side_is_closed_however_small(pair, value):
    if pair == BTC and value > 0:
        return
    changes = rebalance(RULE, 10_000, {pair: value}, least={pair: 75.0})
    change = next(change for change in changes if change.pair == pair)
    assert (change.value, change.reason) == (-value, "")


@pytest.mark.parametrize(
    ("factor", "held", "traded"),
    [
        (0.0, {}, 0),
        (0.5, {}, 2000),
        (1.0, {}, 4000),
        # Up to half of the weight, not half of what is missing: otherwise it would add up.
        (0.5, {BTC: 1500}, 500),
        (0.5, {BTC: 2000}, 0),
        (0.5, {BTC: 3000}, 0),
        (0.0, {BTC: 3000}, 0),
        # Reductions do not ask.
        (0.0, {BTC: 5000}, -1000),
        (0.5, {BTC: 5000}, -1000),
        (0.0, {BTC: -1000}, 1000),
    ],
)
def test_breakers_restrict_new_risk_only(factor, held, traded):
    changes = rebalance(TargetWeights({BTC: 0.4}), EQUITY, held, factors={BTC: factor})
    assert values(changes) == [(BTC, traded)]
    if 0 <= traded < 4000 and held.get(BTC, 0) >= 0:
        assert f"allow {factor:.0%} of the weight" in changes[0].reason


def test_margin_goes_to_the_largest_deviation():
    assert values(rebalance(RULE, EQUITY, {}, free=5000)) == [(BTC, 4000), (ETH, 1000), (BNB, 0)]
    *_, last = rebalance(RULE, EQUITY, {}, free=5000)
    assert last.reason.endswith("(free margin or gross exposure leaves 0.00)")


def test_what_a_reduction_sets_free_counts_with_the_next_decision():
    held = {BTC: 4800, ETH: 2000, BNB: 2000}
    changes = rebalance(RULE, EQUITY, held, free=150)
    assert values(changes) == [(ETH, 150), (BTC, -800)]
    held = {BTC: 4000, ETH: 2150, BNB: 2000}
    assert values(rebalance(RULE, EQUITY, held, free=800)) == [(ETH, 800)]


def test_gross_exposure_stays_within_its_limit():
    rule = TargetWeights({BTC: 0.5, ETH: 0.5})
    assert values(rebalance(rule, EQUITY, {BTC: 5400, ETH: 4000})) == [(ETH, 600)]
    assert values(rebalance(rule, EQUITY, {BTC: 6000, ETH: 4000})) == [(BTC, -1000), (ETH, 0)]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tolerance": 0.0}, ["tolerance", "0.001 to 1", "0.0"]),
        ({"tolerance": True}, ["tolerance"]),
        ({"min_trade": 0.5}, ["min_trade", "1 to"]),
        ({"max_gross": 11}, ["max_gross", "0.01 to 10", "11"]),
        ({"cooldown_days": -1}, ["cooldown_days", "0 to 365"]),
        ({"weights": {}}, ["weights"]),
        ({"weights": 0.4}, ["weights", "0.4"]),
        ({"weights": {BTC: "0.4"}}, ["weights", BTC, "a number", "'0.4'"]),
        ({"weights": {BTC: 1.2}}, ["weights", BTC, "-1 to 1", "1.2"]),
        ({"weights": {BTC: nan}}, ["weights", BTC]),
        ({"weights": {BTC: 0.6, ETH: -0.5}}, ["weights", "max_gross (1)", "1.1"]),
    ],
)
def test_a_bad_parameter_is_named(given, words):
    with pytest.raises(ValueError, match=words[0]) as refused:
        TargetWeights(**given)
    for word in words:
        assert word in str(refused.value)


def test_sums_are_not_refused_for_rounding():
    weights = {BTC: 0.1, ETH: 0.2}
    assert sum(weights.values()) > 0.3
    assert TargetWeights(weights, max_gross=0.3).pairs == [BTC, ETH]


def test_a_weight_of_0_is_not_to_be_held():
    assert TargetWeights({BTC: 0.5, ETH: 0.0}).pairs == [BTC]


def test_the_default_is_the_one_of_the_specification():
    assert (RULE.weights, RULE.tolerance, RULE.min_trade) == (TargetWeights().weights, 0.05, 100)


weights = st.floats(-0.25, 0.25).filter(lambda weight: abs(weight) > 0.01)
rules = st.builds(
    TargetWeights,
    weights=st.dictionaries(st.sampled_from([BTC, ETH, BNB, XRP]), weights, min_size=1),
    tolerance=st.floats(0.001, 0.3),
    min_trade=st.floats(1, 500),
)
equities = st.floats(100, 1e7)
shares = st.dictionaries(st.sampled_from([BTC, ETH, BNB, XRP]), st.floats(-0.5, 0.5), max_size=4)


@st.composite
def cases(draw):
    """A rule, equity, and what is held, with margin, smallest orders and breakers."""
    rule, equity = draw(rules), draw(equities)
    held = {pair: share * equity for pair, share in draw(shares).items()}
    more = {
        "free": draw(st.one_of(st.just(inf), st.floats(-1e3, 1e7))),
        "least": {pair: draw(st.floats(0, 1000)) for pair in rule.weights},
        "factors": {pair: draw(st.floats(0, 1)) for pair in rule.weights},
    }
    return rule, equity, held, more


def after(held, changes):
    result = dict(held)
    for change in changes:
        result[change.pair] = result.get(change.pair, 0.0) + change.value
    return result


def gross(held):
    return sum(map(abs, held.values()))


@given(cases())
def test_each_pair_once_in_order_and_no_trade_below_the_smallest(case):
    rule, equity, held, more = case
    changes = rebalance(rule, equity, held, **more)
    keys = [(-round(abs(change.deviation), 9), change.pair) for change in changes]
    assert keys == sorted(keys)
    assert len({change.pair for change in changes}) == len(changes)
    for change in changes:
        now = held.get(change.pair, 0.0)
        if now and now * rule.of(change.pair) <= 0:
            assert change.value == -now
            continue
        smallest = max(rule.min_trade, more["least"].get(change.pair, 0.0))
        assert change.value == 0 or abs(change.value) >= smallest
        assert change.value or change.reason
        assert not now or abs(now / equity - rule.of(change.pair)) > rule.tolerance


@given(cases())
def test_no_trade_crosses_zero_or_passes_its_target(case):
    rule, equity, held, more = case
    changes = rebalance(rule, equity, held, **more)
    then = after(held, changes)
    for change in changes:
        now, later = held.get(change.pair, 0.0), then[change.pair]
        target = rule.of(change.pair) * equity
        dust = 1e-9 * equity
        assert now * later >= -dust
        if change.adds:
            assert abs(now) - dust <= abs(later) <= abs(target) + dust
        else:
            assert abs(later) <= abs(now) + dust
            assert abs(later) >= (abs(target) if target * now > 0 else 0.0) - dust


@given(cases())
def test_gross_and_margin_are_never_overdrawn(case):
    rule, equity, held, more = case
    changes = rebalance(rule, equity, held, **more)
    dust = 1e-9 * equity
    then = gross(after(held, changes))
    assert then <= max(gross(held), rule.max_gross * equity) + dust
    added = sum(abs(change.value) for change in changes if change.adds)
    assert added <= max(more["free"], 0.0) + dust


@given(cases())
def test_less_margin_or_a_stricter_breaker_never_adds_more(case):
    rule, equity, held, more = case
    strict = {**more, "factors": dict.fromkeys(rule.weights, 0.0)}
    assert not any(c.value for c in rebalance(rule, equity, held, **strict) if c.adds)
    reductions = [c for c in rebalance(rule, equity, held, **more) if not c.adds]
    assert [c for c in rebalance(rule, equity, held, **strict) if not c.adds] == reductions


@given(rules, equities, shares)
def test_what_is_traded_in_full_is_on_its_target(rule, equity, shares):
    held = {pair: share * equity for pair, share in shares.items()}
    changes = rebalance(rule, equity, held)
    then = after(held, changes)
    for change in changes:
        target, now = rule.of(change.pair) * equity, held.get(change.pair, 0.0)
        if change.value and not change.reason:
            aim = target if now * target >= 0 else 0.0
            assert then[change.pair] == pytest.approx(aim, abs=1e-9 * equity)


@given(rules, equities, shares)
def test_it_comes_to_rest(rule, equity, shares):
    """The wrong side is closed, what that sets free is used, and then nothing moves any more."""
    held = {pair: share * equity for pair, share in shares.items()}
    for _ in range(3):
        held = after(held, rebalance(rule, equity, held))
    assert not any(change.value for change in rebalance(rule, equity, held))
