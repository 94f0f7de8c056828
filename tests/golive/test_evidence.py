"""What is measured of a bot beside its backtest."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from perpkit.golive.criteria import Criteria
from perpkit.golive.evidence import (
    Missing,
    differing,
    mean_seconds,
    predicted_trades,
    slipped,
)
from perpkit.golive.measuring import drawdown, made, traded
from perpkit.research.causes import Cause, Effect, Explained
from perpkit.research.results import Results
from perpkit.research.trades import Trade, TradeFill
from perpkit.research.twins import Twins
from tests.factories import START

DAY = 86_400.0
BEGIN = START.timestamp()


def trade(entry=100.0, leave=110.0, *, at=0.0, hours=2.0, short=False, reason="roi", bps=None):
    opened, closed = BEGIN + at * DAY, BEGIN + at * DAY + hours * 3600
    fills = (TradeFill(opened, 1.0, entry, True), TradeFill(closed, 1.0, leave, False))
    return Trade(
        "BTC/USDT:USDT", short, 1.0, opened, closed, leave - entry, 0.1, 0, 0, 0.0, fills,
        exit_reason=reason, slippage_bps=bps,
    )  # fmt: skip


def results(*trades, days=10.0, **changed):
    given = Results(
        Path("a.zip"), "Mine", "USDT", "1h", BEGIN, BEGIN + days * DAY, 1000.0, (), tuple(trades)
    )
    return replace(given, **changed)


def pair(live, backtest, *effects):
    return Explained(Twins(live, backtest), effects)


def test_times_and_numbers():
    found = results(trade(), trade(at=1, hours=4), days=30)
    assert predicted_trades(found) == pytest.approx(6)
    assert mean_seconds(found) == 3 * 3600


@pytest.mark.parametrize(
    ("live", "backtest", "bps", "fills"),
    [
        (trade(100.1, 110.0), trade(), 5.0, 2),  # 10 of the entry, 0 of the exit
        (trade(100.0, 109.89), trade(), 5.0, 2),
        (trade(100.1, 110.0, short=True), trade(short=True), -5.0, 2),
        (trade(100.1, 90.0), trade(reason="stop_loss"), 10.0, 1),  # left in another way
        (trade(100.1, 110.0, bps=3.0), trade(), 1.5, 2),  # the bot's own figure
    ],
)
def test_fills_are_compared_with_those_of_the_twin(live, backtest, bps, fills):
    found = slipped([pair(live, backtest), pair(live, None)])
    assert (found.bps, found.fills) == (pytest.approx(bps), fills)


def test_without_a_twin_nothing_is_measured():
    assert slipped([pair(trade(), None), pair(None, trade())]) is None


@pytest.mark.parametrize(
    ("causes", "unknown"),
    [
        ((), 0),
        ((Cause.LOCK,), 0),
        ((Cause.SIGNAL,), 1),
        ((Cause.EXTRA,), 1),
        ((Cause.EXIT,), 1),
        ((Cause.FILL, Cause.EXIT), 0),  # what changed the most is known
    ],
)
def test_what_changed_the_most_decides_whether_it_is_explained(causes, unknown):
    effects = [Effect(cause, 2.0 - n, "") for n, cause in enumerate(causes)]
    found = differing([pair(trade(), trade(), *effects)])
    assert (found.trades, len(found.unexplained)) == (1, unknown)


def account(returns, first=START, unpriced=()):
    index = pd.date_range(first, periods=len(returns) + 1, freq="1D")
    equity = pd.Series(1000 * np.cumprod([1, *(1 + np.array(returns))]), index)
    return SimpleNamespace(equity=equity, unpriced=unpriced)


def test_only_the_days_before_the_bot_draw_the_band():
    calm = np.random.default_rng(1).normal(0.001, 0.01, 120)
    begin = START + pd.Timedelta(days=120)
    live = account([0.001] * 5, begin)
    backtest = account(calm), account([*calm, *[0.5] * 30])
    found = [made(Criteria(), live, begin.timestamp(), each) for each in backtest]
    assert found[0] == found[1]
    result, bands = found[0]
    assert (result.band.days, result.share) == (5, pytest.approx(1.001**5 - 1))
    assert [band.days for band in bands] == [1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120]
    assert result.band.holds(result.share)


@pytest.mark.parametrize(
    ("before", "live_days", "words"),
    [(89, 5, "must have 90 days before the bot began, has 89"), (100, 101, "must have 101 days")],
)
def test_too_short_a_backtest_is_missing_evidence(before, live_days, words):
    begin = START + pd.Timedelta(days=before)
    rng = np.random.default_rng(1)
    live = account(rng.normal(0, 0.01, live_days), begin)
    backtest = account(rng.normal(0, 0.01, before + live_days))
    result, bands = made(Criteria(), live, begin.timestamp(), backtest)
    assert words in result.why
    assert bands == []


def test_without_candles_nothing_is_marked_to_market():
    bare = account([0.1], unpriced=("BTC/USDT:USDT",))
    assert drawdown(bare) == Missing("there are no candles of BTC/USDT:USDT: "
                                     "`freqtrade download-data`")  # fmt: skip
    result, _ = made(Criteria(), bare, BEGIN, account([0.1]))
    assert "no candles of BTC/USDT:USDT" in result.why
    assert drawdown(account([0.1, -0.2, 0.3])) == pytest.approx(0.2)


def test_an_older_export_keeps_no_source(tmp_path):
    path = tmp_path / "old.json"
    path.write_text("{}")
    assert traded(results(source=path)) is None
