"""What passes, and what does not: each criterion by itself, with the reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from perpkit.golive.band import Band
from perpkit.golive.criteria import Criteria
from perpkit.golive.evidence import Differing, Evidence, Keys, Made, Missing, NotAsked, Slipped
from perpkit.golive.judging import judge, least_trades
from perpkit.record.rehearsed import Rehearsal
from perpkit.research.causes import Cause, Effect, Explained
from perpkit.research.trade_statistics import trade_statistics
from perpkit.research.trades import Trade
from perpkit.research.twins import Twins

NOW = datetime(2026, 3, 2, tzinfo=UTC)
CRITERIA = Criteria()


def trade(profit: float) -> Trade:
    return Trade("BTC/USDT:USDT", False, 1.0, 0.0, 3600.0, profit, 0.01, 0, 0, 0.0, ())


def winners(count: int, share: float, won: float = 2.0, lost: float = -1.0) -> tuple[float, ...]:
    """Profits in a fixed order that has no pattern."""
    rng = np.random.default_rng(1)
    made = [won if n < count * share else lost for n in range(count)]
    return tuple(rng.permutation(made).tolist())


def record(**changed) -> Rehearsal:
    given = {
        "since": NOW - timedelta(days=2),
        "until": NOW - timedelta(days=1),
        "trades": 12,
        "breaches": {},
        "strategies": ("Mine",),
        "breakers": {"DrawdownBreaker": 2},
    }
    return Rehearsal(**{**given, **changed})


def of_profits(profits: tuple[float, ...], **changed) -> Evidence:
    return replace(
        GOOD, profits=profits, statistics=trade_statistics(map(trade, profits)), **changed
    )


PROFITS = winners(120, 0.6)
GOOD = Evidence(
    profits=PROFITS,
    statistics=trade_statistics(map(trade, PROFITS)),
    days=31.0,
    predicted=300.0,
    drawdown=0.15,
    slipped=Slipped(4.0, 200),
    other=(),
    ran=(),
    made=Made(0.04, Band(31, -0.02, 0.09)),
    differing=Differing(120, ()),
    rehearsal=record(),
    keys=Keys(),
)


def failed(evidence: Evidence, criteria: Criteria = CRITERIA) -> dict[str, str]:
    """The reasons of what is not passed, by criterion."""
    rows = judge(criteria, evidence, NOW)
    assert all(bool(row.reason) is not row.passed for row in rows)
    return {row.name: row.reason for row in rows if not row.passed}


def unexplained(count: int, cause: Cause = Cause.SIGNAL) -> tuple[Explained, ...]:
    one = Explained(Twins(trade(1.0), None), (Effect(cause, 1.0, "no entry"),))
    return (one,) * count


def test_good_evidence_passes():
    assert failed(GOOD) == {}
    assert len(judge(CRITERIA, GOOD, NOW)) == 12


@pytest.mark.parametrize(
    ("evidence", "criterion", "reason"),
    [
        (of_profits(winners(99, 0.6)), "closed trades", "let the dry-run go on"),
        (replace(GOOD, days=29.9), "days", "let the dry-run go on"),
        (of_profits(winners(120, 0.6, 1.0, -1.45)), "expectancy", "luck"),
        (of_profits(winners(400, 0.52, 1.2, -1.01)), "winning", "neither"),
        (replace(GOOD, drawdown=0.2001), "drawdown", "more than is allowed"),
        (replace(GOOD, slipped=Slipped(10.1, 200)), "slippage", "worse than is assumed"),
        (
            replace(GOOD, other=("source", '"stake_amount"')),
            "backtest's strategy",
            'not as in the backtest: source, "stake_amount"; make it',
        ),
        (replace(GOOD, ran=("the file Mine.py",)), "bot's strategy", "of: the file Mine.py; begin"),
        (replace(GOOD, made=Made(-0.021, Band(31, -0.02, 0.09))), "backtest's band", "made less"),
        (replace(GOOD, made=Made(0.091, Band(31, -0.02, 0.09))), "backtest's band", "made more"),
        (replace(GOOD, differing=Differing(120, unexplained(7))), "explained", "BTC/USDT:USDT"),
        (replace(GOOD, rehearsal=record(trades=9)), "rehearsal", "too few trades"),
        (replace(GOOD, rehearsal=record(breakers={})), "rehearsal", "too few breakers"),
        (replace(GOOD, rehearsal=record(breaches={"protected": 1})), "rehearsal", "protected 1"),
        (replace(GOOD, rehearsal=record(until=NOW - timedelta(days=91))), "rehearsal", "too old"),
        (replace(GOOD, keys=Keys(("age: not checked",))), "API key", "age: not checked"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_criterion_fails_by_itself(evidence, criterion, reason):
    found = failed(evidence)
    assert reason in found[criterion]
    # A worse profit shows in the win rate, too.
    assert set(found) <= {criterion, "winning"}


@pytest.mark.parametrize(
    ("part", "criterion"),
    [
        ("drawdown", "drawdown"),
        ("slipped", "slippage"),
        ("other", "backtest's strategy"),
        ("ran", "bot's strategy"),
        ("made", "backtest's band"),
        ("differing", "explained"),
        ("rehearsal", "rehearsal"),
        ("keys", "API key"),
    ],
)
def test_missing_evidence_is_not_passed_and_says_what_to_run(part, criterion):
    assert failed(replace(GOOD, **{part: Missing("run this")})) == {criterion: "run this"}


def test_without_a_trade_nothing_is_shown():
    assert {"closed trades", "expectancy", "winning"} <= set(failed(of_profits(())))


@pytest.mark.parametrize(
    ("predicted", "least"),
    [(300.0, 100), (100.0, 100), (60.9, 60), (3.0, 10), (Missing("no backtest"), 100)],
)
def test_fewer_trades_are_enough_where_the_backtest_makes_fewer(predicted, least):
    assert least_trades(CRITERIA, replace(GOOD, predicted=predicted)) == least


@pytest.mark.parametrize("predicted", [300.0, 3.0, Missing("no backtest")])
def test_never_are_fewer_enough_than_the_fewest(predicted):
    criteria = Criteria(trades=8, fewest_trades=12)
    assert least_trades(criteria, replace(GOOD, predicted=predicted)) == 12


@pytest.mark.parametrize("count", range(1, 8))
def test_too_few_trades_to_draw_from_are_not_passed(count):
    # Different profits, or there would be no length of blocks to look for.
    reasons = failed(of_profits(tuple(1.0 + n for n in range(count))))
    assert reasons["expectancy"] == "there are fewer than 8 closed trades"
    assert "expectancy" not in failed(of_profits(tuple(1.0 + n for n in range(8))))


def test_warnings_of_the_key_are_named_and_pass():
    [row] = [each for each in judge(CRITERIA, GOOD, NOW) if each.name == "API key"]
    assert row.measured == "in order"
    warned = replace(GOOD, keys=Keys(warned=("age: 100 days",)))
    [row] = [each for each in judge(CRITERIA, warned, NOW) if each.name == "API key"]
    assert (row.passed, row.measured) == (True, "warnings: age: 100 days")


def test_a_key_that_is_not_asked_for_passes_and_says_why():
    found = judge(CRITERIA, replace(GOOD, keys=NotAsked("no check of a key there")), NOW)
    [row] = [each for each in found if each.name == "API key"]
    assert (row.passed, row.measured) == (True, "not asked: no check of a key there")


def test_few_trades_need_the_wider_interval():
    # Enough for 95%, not for 99%.
    few = of_profits(winners(20, 0.6, 2.1, -1.0))
    assert set(failed(few)) == {"closed trades"}
    assert set(failed(replace(few, predicted=15.0))) == {"expectancy"}
    # So do few that the configuration asks for.
    assert set(failed(few, Criteria(trades=15))) == {"expectancy"}


@pytest.mark.parametrize(
    ("share", "won", "lost", "passes"),
    [(0.56, 1.5, -1.0, True), (0.5, 1.6, -1.0, True), (0.54, 1.1, -1.0, False)],
)
def test_win_rate_or_profit_factor_is_enough(share, won, lost, passes):
    assert ("winning" not in failed(of_profits(winners(200, share, won, lost)))) is passes


def test_without_a_loss_the_profit_factor_is_good():
    criteria = Criteria(win_rate=1.0)
    assert failed(of_profits((1.0,) * 120), criteria) == {}


def test_explained_differences_do_not_count():
    assert failed(replace(GOOD, differing=Differing(120, unexplained(6)))) == {}
