"""The account that agents practise on: each figure worked out by hand, and what always holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.learning.practice_account import PracticeAccount, PracticeTerms, Step, reward

TERMS = PracticeTerms(leverage=2, stake=0.5, fee=0.001, drawdown_penalty=1, scale=1)
LONG, SHORT = 1, -1


def step(close: float, funding: float = 0.0) -> Step:
    return Step(close, close, close, funding)


# Margin 0.5, value 1, amount 0.01 at 100; the entry costs 0.001.
@pytest.mark.parametrize(
    ("side", "close", "funding", "equity"),
    [
        pytest.param(LONG, 110, 0.0, 0.999 + 0.1, id="a long earns the rise"),
        pytest.param(SHORT, 110, 0.0, 0.999 - 0.1, id="a short loses it"),
        pytest.param(LONG, 100, 0.001, 0.999 - 0.001, id="a long pays funding"),
        pytest.param(SHORT, 100, 0.001, 0.999 + 0.001, id="a short receives it"),
        pytest.param(LONG, 110, -0.001, 0.999 + 0.1 + 0.0011, id="on the value at its settlement"),
    ],
)
def test_a_step_is_marked_and_charged(side, close, funding, equity):
    account = PracticeAccount().entered(side, 100, TERMS).held(step(close, funding), TERMS)
    assert account.equity == pytest.approx(equity)


def test_an_exit_costs_its_fee_once():
    account = PracticeAccount().entered(LONG, 100, TERMS).held(step(110), TERMS)
    closed = account.exited(110, TERMS)
    assert closed.equity == pytest.approx(0.999 + 0.1 - 0.0011)
    assert closed.held(step(50, 0.01), TERMS).equity == closed.equity


# Ten times: margin 0.5, value 5, amount 0.05, fee 0.005. The exchange's formula says
# (5 - 0.5) / (0.05 x 0.995) = 90.452 for a long, (5 + 0.5) / (0.05 x 1.005) = 109.453 for a short.
@pytest.mark.parametrize(
    ("side", "low", "high", "liquidated"),
    [
        (LONG, 90.46, 120, False),
        (LONG, 90.45, 120, True),
        (SHORT, 80, 109.45, False),
        (SHORT, 80, 109.46, True),
    ],
)
def test_the_worst_price_of_a_step_may_liquidate(side, low, high, liquidated):
    terms = replace(TERMS, leverage=10)
    account = PracticeAccount().entered(side, 100, terms).held(Step(low, high, 100), terms)
    assert account.liquidated is liquidated
    assert account.equity == pytest.approx(0.995 - 0.5 * liquidated)
    assert account.side == (0 if liquidated else side)


@given(
    st.lists(st.floats(96, 104), max_size=5),
    st.floats(0, 0.001),
    st.sampled_from([LONG, SHORT]),
)
def test_a_liquidation_loses_the_margin_by_any_way(closes, funding, side):
    terms = replace(TERMS, leverage=10)
    account = PracticeAccount().entered(side, 100, terms)
    paid = 0.0
    for close in closes:
        account = account.held(step(close, funding), terms)
        paid += side * 0.05 * close * funding
    gone = account.held(step(1 if side > 0 else 1000), terms)
    assert gone.liquidated
    # What a long paid came out of its margin; what a short received was added to it.
    assert gone.equity == pytest.approx(0.995 - 0.5)


def test_funding_brings_the_liquidation_closer():
    terms = replace(TERMS, leverage=10)
    paid = PracticeAccount().entered(LONG, 100, terms).held(step(100, 0.02), terms)
    assert paid.held(step(91), terms).liquidated
    assert not PracticeAccount().entered(LONG, 100, terms).held(step(91), terms).liquidated


def test_a_depth_of_the_drawdown_is_punished_once():
    accounts = [PracticeAccount().entered(LONG, 100, replace(TERMS, fee=0))]
    for close in (90, 100, 90, 80):
        accounts.append(accounts[-1].held(step(close), replace(TERMS, fee=0)))
    rewards = [reward(before, after, TERMS) for before, after in pairwise(accounts)]
    assert rewards == pytest.approx(
        [
            log(0.9) - 0.1,  # the first ten percent
            log(1 / 0.9),
            log(0.9),  # as deep as before
            log(0.8 / 0.9) - 0.1,  # ten percent deeper
        ]
    )


def test_a_liquidation_is_punished_beside_its_loss():
    before = PracticeAccount()
    after = replace(before, equity=0.5, deepest=0.5, liquidated=True)
    assert reward(before, after, TERMS) == pytest.approx(log(0.5) - 0.5 - TERMS.liquidation_penalty)


def test_a_ruined_account_still_has_a_reward():
    ruined = replace(PracticeAccount(), equity=0.0, deepest=1.0)
    assert reward(PracticeAccount(), ruined, TERMS) == pytest.approx(log(0.001) - 1)
    assert reward(ruined, ruined, TERMS) == 0


acts = st.tuples(st.floats(80, 125), st.floats(-0.003, 0.003), st.sampled_from([LONG, SHORT, 0]))


@given(st.lists(acts, max_size=12), st.floats(0, 0.01))
def test_rewards_add_up_to_the_growth_less_what_is_punished(moves, fee):
    terms = replace(TERMS, fee=fee, drawdown_penalty=0.7)
    account, total, liquidations = PracticeAccount(), 0.0, 0
    for close, funding, side in moves:
        before = account
        account = account.held(step(close, funding), terms)
        liquidations += account.liquidated
        if account.side and account.side != side:
            account = account.exited(close, terms)
        elif side and not account.side and not account.liquidated:
            account = account.entered(side, close, terms)
        total += reward(before, account, terms)
    punished = 0.7 * account.deepest + terms.liquidation_penalty * liquidations
    assert total == pytest.approx(log(account.equity) - punished)
    assert 0 < account.equity <= account.peak


@given(st.floats(80, 125), st.floats(-0.003, 0.003))
def test_a_long_and_a_short_share_funding_between_them(close, funding):
    at_flat = PracticeAccount()
    long, short = (
        at_flat.entered(side, 100, TERMS).held(step(close, funding), TERMS).equity
        for side in (LONG, SHORT)
    )
    assert long + short == pytest.approx(2 * 0.999)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("leverage", 0.5, "leverage must be a number from 1 to 125"),
        ("stake", 0, "stake must be a number from 0.01 to 1"),
        ("fee", -1, "fee must be a number from 0 to 0.05"),
        ("drawdown_penalty", -1, "drawdown_penalty must be a number from 0 to 100"),
    ],
)
def test_terms_that_cannot_be_are_refused(name, value, allowed):
    with pytest.raises(ValueError, match=allowed):
        PracticeTerms(**{name: value})
