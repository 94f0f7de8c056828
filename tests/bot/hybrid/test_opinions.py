"""What is made of a model's predictions, and what is said and counted where there are none."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
import pytest

from perpkit.bot.hybrid.opinions import ERROR, PROBABILITY, Opinions
from perpkit.bot.hybrid.settings import Task

PAIR, OTHER = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG = np.array([1, -1, 0])


def frame(use=1, pays=0.6, **columns) -> pd.DataFrame:
    """Three candles, of which the newest has `use` and `pays`."""
    found = {"do_predict": [1, 1, use], "pays": [0.4, 0.5, pays], "calibration_error": [0.03] * 3}
    return pd.DataFrame({**found, **columns})


def asked(opinions: Opinions, given, task=Task.OUTCOME, pair=PAIR, side=LONG):
    def ask():
        if isinstance(given, Exception):
            raise given
        return given

    return opinions.columns(ask, pair, side, task)


def running(with_model: Collection[str] = (PAIR, OTHER), begun=(PAIR, OTHER)) -> Opinions:
    """
    :param with_model: pairs that FreqAI has had a model for
    :param begun: those of them that it has answered before
    """
    opinions = Opinions("", trading=True, has_model=lambda pair: pair in with_model)
    for pair in begun:
        asked(opinions, frame(use=0), pair=pair)
    opinions._without.clear()
    opinions._now.clear()
    return opinions


def test_what_may_be_used_is_handed_on():
    found = asked(running(), frame())
    assert found[PROBABILITY].tolist() == pytest.approx([0.4, 0.5, np.nan], nan_ok=True)
    assert found[ERROR].tolist() == pytest.approx([0.03, 0.03, np.nan], nan_ok=True)
    found = asked(running(), frame(use=0), side=np.ones(3, dtype=int))
    assert np.isnan(found[PROBABILITY]).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("task", "columns", "expected"),
    [
        (Task.OUTCOME, {"uncertainty": [0.1, 0.0, 0.0]}, [0.3, 0.5]),
        (Task.FORWARD_RETURN, {"&-forward_return": [1.0, 1.0, 0.0]}, [0.841, 0.159]),
        (Task.ACTION, {"&-action": [1, 3, 0]}, [1.0, 1.0]),
        (Task.ACTION, {"&-action": [3, 1, 0], "model_confidence": [0.9] * 3}, [0.05, 0.05]),
        (Task.ACTION, {"&-action": [0, 2, 0], "model_confidence": [0.8] * 3}, [0.1, 0.1]),
        (Task.ACTION, {"&-action": [1, 3, 0], "model_confidence": [0.3] * 3}, [0.65, 0.65]),
        (Task.ACTION, {"&-action": [3, 0, 0], "model_confidence": [0.3] * 3}, [0.35, 0.35]),
    ],
)
def test_all_tasks_end_in_a_probability_of_the_rules_side(task, columns, expected):
    found = asked(running(), frame(**columns), task)
    assert found[PROBABILITY][:2].tolist() == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("task", list(Task))
def test_a_candle_that_freqai_does_not_know_takes_no_opinion_from_others(task):
    given = frame(**{"&-action": [1.0] * 3, "&-forward_return": [0.5] * 3})
    given.iloc[0] = np.nan
    found = asked(running(), given, task, side=np.ones(3, dtype=int))
    assert np.isnan(found[PROBABILITY]).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("given", "reason", "said"),
    [
        (frame(use=0, pays=0.0), "untrained", "it has not been trained"),
        (frame(use=2), "expired", "it is older than expiration_hours"),
        (frame(use=0), "unusual", "it has seen no candle like the newest"),
        (OSError("no file\nand more"), "failed", "OSError: no file. The rules"),
        (frame()[:2], "failed", "ValueError: it returned 2 rows for 3 candles"),
        (frame().drop(columns=["do_predict"]), "failed", "or no do_predict"),
    ],
)
def test_a_reason_is_said_once_and_counted(given, reason, said, caplog):
    caplog.set_level("INFO")
    opinions = running()
    caplog.clear()
    for _ in range(3):
        found = asked(opinions, given)
    assert np.isnan(found[PROBABILITY][-1])
    lines = [line for line in caplog.messages if "the model is not used" in line]
    assert len(lines) == 1
    assert said in lines[0]
    assert lines[0].startswith(PAIR)
    report = opinions.report()
    assert (report.used, report.without, report.pairs) == (0, {reason: 3}, {PAIR: reason})
    asked(opinions, frame())
    report = opinions.report()
    assert (report.used, report.without, report.pairs) == (1, {reason: 3}, {})
    assert "the model is used again" in caplog.messages[-1]


@pytest.mark.parametrize("pays", [0.6, 0.0])  # of a first model, and after a restart
def test_the_first_answer_of_a_model_is_a_start(pays, caplog):
    """FreqAI lets none of it be used, which is no judgement of the candle, and no lack."""
    caplog.set_level("INFO")
    models: set[str] = set()
    opinions = running(models, begun=())
    asked(opinions, frame(use=0, pays=0.0))
    models.add(PAIR)
    for use, given in ((0, pays), (1, 0.6), (0, 0.6)):
        asked(opinions, frame(use=use, pays=given))
    assert opinions.report().without == {"untrained": 1, "starting": 1, "unusual": 1}
    lines = [(record.levelname, record.message) for record in caplog.records]
    assert [level for level, _ in lines] == ["WARNING", "INFO", "INFO", "INFO"]
    start = f"{PAIR}: the model is not used, FreqAI uses it from the next candle"
    assert lines[1][1].startswith(start)


def test_an_answer_that_can_be_used_at_once_is_used():
    opinions = running(begun=())
    asked(opinions, frame())
    asked(opinions, frame(use=0))
    assert (opinions.report().used, opinions.report().without) == (1, {"unusual": 1})


def test_a_regressor_that_was_not_asked_is_untrained():
    opinions = running()
    asked(opinions, frame(use=0, **{"&-forward_return": [0.2, 0.1, 0.0]}), Task.FORWARD_RETURN)
    assert opinions.report().pairs == {PAIR: "untrained"}


def test_agents_that_were_not_trained_are_untrained():
    """FreqAI then returns nothing of their confidence, which is no confidence of 0."""
    opinions = running()
    asked(opinions, frame(use=0, **{"&-action": [0.0] * 3}), task=Task.ACTION)
    assert opinions.report().without == {"untrained": 1}


def test_pairs_have_reasons_of_their_own(caplog):
    opinions = running()
    asked(opinions, frame(use=2))
    asked(opinions, OSError("no"), pair=OTHER)
    assert opinions.report().pairs == {PAIR: "expired", OTHER: "failed"}


def test_a_run_without_a_model_says_so_once(caplog):
    missing = '"freqai" is not enabled in the configuration'
    opinions = Opinions(missing, trading=True, has_model=lambda _: False)
    for pair in (PAIR, OTHER):
        assert np.isnan(asked(opinions, AssertionError("not asked"), pair=pair)[PROBABILITY]).all()
    assert len(caplog.messages) == 1
    assert opinions.report().without == {"missing": 2}


def test_a_pair_without_candles_is_no_error():
    nothing = frame()[:0]
    found = asked(running(), nothing, side=np.array([], dtype=int))
    assert len(found[PROBABILITY]) == 0
