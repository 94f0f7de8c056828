"""TrendFollowing and CrossPairRank as Freqtrade loads them: signals, sizes, and no way to trail."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import RunMode

from tests.bot import stack
from tests.bot.stack import BTC, ETH, NOW
from tests.bot.started import started

NAN = math.nan


def signals(strategy, **columns: float) -> tuple[int, int, int, int, str]:
    frame, pair = pd.DataFrame({name: [value] for name, value in columns.items()}), {"pair": BTC}
    row = strategy.populate_exit_trend(strategy.populate_entry_trend(frame, pair), pair).iloc[0]
    sides = (int(row[f"{what}_{side}"]) for what in ("enter", "exit") for side in ("long", "short"))
    return (*sides, row["enter_tag"])


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.5, (1, 0, 0, 1)),
        (0.2, (0, 0, 0, 1)),
        (0.0, (0, 0, 1, 1)),
        (-0.5, (0, 1, 1, 0)),
        (NAN, (0, 0, 0, 0)),
    ],
)
def test_trends(default_futures_config, score, expected):
    subject = started(default_futures_config, "TrendFollowing")
    assert signals(subject, momentum=score) == (*expected, "momentum 1.00")


def test_thresholds_are_hyperopt_parameters(default_futures_config):
    subject = started(default_futures_config, "TrendFollowing")
    subject.enter.value, subject.leave.value = 0.7, 0.1
    assert signals(subject, momentum=0.6)[:4] == (0, 0, 0, 1)
    assert signals(subject, momentum=0.1)[:4] == (0, 0, 1, 1)
    ranked = started(default_futures_config, "CrossPairRank")
    ranked.carry_weight.value = 0.5
    assert signals(ranked, strength_rank=1.0, carry_rank=0.4)[:4] == (0, 0, 0, 1)


@pytest.mark.usefixtures("trades_in_memory")
@pytest.mark.parametrize("name", ["TrendFollowing", "CrossPairRank"])
@pytest.mark.parametrize("atr", [0.2, 1.0, 2.0])
def test_a_pair_that_moves_twice_as_much_gets_half(default_futures_config, name, atr):
    """0.75% of the equity is lost at 16 average true ranges, 5% to 25% away."""
    subject = started(default_futures_config, name, stake_amount="unlimited")
    subject._columns[BTC] = stack.flat(40, atr=atr)
    equity = subject._managed.figures.equity(NOW)
    stake = subject.custom_stake_amount(BTC, NOW, 100.0, 50.0, 5.0, 9000.0, 1.0, None, "long")
    assert stake == pytest.approx(0.0075 * equity / np.clip(16 * atr / 100, 0.05, 0.25))


@pytest.mark.parametrize("name", ["TrendFollowing", "CrossPairRank"])
def test_the_score_ends_a_trade_and_nothing_else_but_the_stop(default_futures_config, name):
    subject = started(default_futures_config, name)
    use = subject.present_settings().use
    assert (use.trailing, use.scale_out, use.carry) == (False, False, False)
    assert not subject.position_adjustment_enable
    assert subject.take_profit.value >= 1


def test_the_pairs_that_are_compared(default_futures_config):
    live = started(default_futures_config, "CrossPairRank", runmode=RunMode.DRY_RUN)
    assert live._compared() == live.dp.current_whitelist()
    given = {"ranking": {"pairs": [BTC, ETH, "XRP/USDT:USDT"]}}
    named = started(default_futures_config, "CrossPairRank", runmode=RunMode.DRY_RUN, perpkit=given)
    informative = named.informative_pairs()
    assert len(informative) == len(set(informative))
    for pair in given["ranking"]["pairs"]:
        assert {(pair, "1h", ""), (pair, "1h", "funding_rate")} <= {*informative}
