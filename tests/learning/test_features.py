"""Features: later candles change none, their scale does not depend on the price, unknown is 0."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.durations import HOUR
from perpkit.learning import features
from tests import factories

ROWS = 2_000


def everything(candles: pd.DataFrame) -> dict[str, np.ndarray]:
    rows = len(candles)
    side = np.where(np.arange(rows) % 50 < 25, 1, -1)
    market = {"funding_rank": np.linspace(0, 1, ROWS)[:rows], "funding_zscore": np.full(rows, 2.0)}
    return {
        **features.candle_features(candles, 24),
        **features.volatility_features(candles, HOUR),
        **features.market_features(market, side),
        **features.rule_features(candles, side, np.arange(rows) % 40 == 0),
    }


CANDLES = factories.candles(ROWS)
WHOLE = everything(CANDLES)


def assert_no_future(whole, compute, candles) -> None:
    """Fails if rows that are added at the end change an earlier value."""
    for rows in (900, 901, ROWS - 1):
        cut = compute(candles[:rows])
        for name, values in cut.items():
            np.testing.assert_allclose(
                values, whole[name][:rows], rtol=1e-9, atol=1e-9, err_msg=name
            )


def test_later_candles_change_no_feature():
    assert_no_future(WHOLE, everything, CANDLES)


def leaking(candles: pd.DataFrame) -> dict[str, np.ndarray]:
    close = candles["close"].to_numpy()
    return {**everything(candles), "tomorrow": np.append(close[1:], close[-1]) / close - 1}


def centred(candles: pd.DataFrame) -> dict[str, np.ndarray]:
    """A leak as it is usually made: scaled by the mean of the whole history."""
    found = everything(candles)
    return found | {"rsi": found["rsi"] - np.nanmean(found["rsi"])}


@pytest.mark.parametrize("leak", [leaking, centred])
def test_a_planted_leak_is_caught(leak):
    with pytest.raises(AssertionError):
        assert_no_future(leak(CANDLES), leak, CANDLES)


def test_no_feature_knows_the_level_of_the_price():
    prices = ["open", "high", "low", "close"]
    dearer = CANDLES.assign(**{name: CANDLES[name] * 1_000 for name in prices})
    for name, values in everything(dearer).items():
        np.testing.assert_allclose(values, WHOLE[name], rtol=1e-6, atol=1e-6, err_msg=name)


def test_features_are_known_after_a_month_and_stay_small():
    for name, values in WHOLE.items():
        assert np.isfinite(values[720:]).all(), name
        assert np.abs(values[720:]).max() <= 50, name


def test_unknown_funding_and_positioning_are_neutral():
    found = features.market_features({"funding_rank": np.array([np.nan, 0.9])}, np.array([1, -1]))
    assert found["funding_rank"].tolist() == [0.0, pytest.approx(0.4)]
    assert found["side_funding_rank"].tolist() == [0.0, pytest.approx(-0.4)]
    assert not found["long_short_rank"].any()
    assert found["btc_correlation"].tolist() == [1.0, 1.0]


def test_a_price_that_does_not_move_is_no_error():
    still = CANDLES.assign(open=100.0, high=100.0, low=100.0, close=100.0, volume=0.0)
    found = features.candle_features(still, 24)
    for name, values in found.items():
        assert np.isfinite(values[24:]).all(), name


def test_the_volatility_index_is_of_each_candle():
    index = features.volatility_index(CANDLES)
    assert len(index) == ROWS
    gap = CANDLES.drop(index=range(500, 520))
    np.testing.assert_array_equal(features.volatility_index(gap)[:500], index[:500])
    assert len(features.volatility_index(gap)) == ROWS - 20


def test_pullbacks_of_either_side_look_alike():
    """A market in the mirror, with the sides swapped, has the same features of the rule."""
    mirrored = CANDLES.assign(close=1e9 / CANDLES["close"])
    side, entered = np.ones(ROWS, dtype=int), np.zeros(ROWS, dtype=bool)
    long = features.rule_features(CANDLES, side, entered)
    short = features.rule_features(mirrored, -side, entered)
    for name in ("side_rsi", "side_move_4", "side_move_72"):
        np.testing.assert_allclose(long[name][100:], short[name][100:], atol=0.02, err_msg=name)
