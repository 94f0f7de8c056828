import numpy as np
import pandas as pd
import pytest

from perpkit.signals import rsi_sma
from tests import factories


def frame(rsi: list[float], close: list[float], mean: float = 100.0) -> pd.DataFrame:
    return pd.DataFrame({"rsi": rsi, "close": close, "sma_20": mean})


LIMITS = {"oversold": 30.0, "overbought": 70.0}


@pytest.mark.parametrize(
    ("rsi", "close", "lookback", "long", "short"),
    [
        # oversold two candles ago, back over the mean now
        ([25, 40, 55], [95, 99, 101], 3, True, False),
        # the extreme lies just outside the look-back
        ([25, 40, 55], [95, 99, 101], 2, False, False),
        # back over the mean, but never oversold
        ([35, 40, 55], [95, 99, 101], 3, False, False),
        # oversold, and not yet back
        ([25, 28, 29], [95, 96, 97], 3, False, False),
        # already over the mean one candle ago: the crossing was then
        ([25, 50, 55], [95, 101, 102], 3, False, False),
        # the mirror
        ([75, 60, 45], [105, 101, 99], 3, False, True),
        ([75, 60, 45], [105, 101, 99], 2, False, False),
    ],
)
def test_the_pullback_has_ended(rsi, close, lookback, long, short):
    signals = rsi_sma.pullback_ended(frame(rsi, close), **LIMITS, lookback=lookback)
    assert [bool(side.iloc[-1]) for side in signals] == [long, short]


def test_an_unknown_mean_is_no_signal():
    unknown = frame([25, 40, 55], [95, 99, 101]).assign(sma_20=[np.nan, np.nan, 100.0])
    long, short = rsi_sma.pullback_ended(unknown, **LIMITS, lookback=3)
    assert not long.any()
    assert not short.any()


@pytest.mark.parametrize(
    ("rsi", "close", "long", "short"),
    [
        (29, 101, True, False),
        (31, 101, False, False),
        (71, 99, False, True),
        (71, 101, False, False),
    ],
)
def test_the_literal_rule(rsi, close, long, short):
    signals = rsi_sma.literal(frame([rsi], [close]), **LIMITS)
    assert [bool(side.iloc[0]) for side in signals] == [long, short]


def analysed(candles: pd.DataFrame) -> pd.DataFrame:
    result = candles.join(rsi_sma.indicators(candles))
    result["own"] = rsi_sma.trend(result)
    result["higher"] = rsi_sma.higher_trend(result, "1h", "4h")
    result["long"], result["short"] = rsi_sma.pullback_ended(
        result, oversold=40, overbought=60, lookback=12
    )
    return result


def test_no_look_ahead():
    candles = factories.candles(900)
    whole = analysed(candles)
    assert whole["long"].any()
    assert whole["short"].any()
    assert set(whole["higher"]) == {-1, 0, 1}
    for end in (300, 301, 302, 303, 450, 899):
        pd.testing.assert_frame_equal(analysed(candles[:end]), whole[:end])


def test_a_higher_candle_counts_from_its_close():
    candles = factories.candles(800).assign(close=100.0)
    candles.loc[400:, "close"] = 200.0  # in the candle that opens at 16:00, a 4h candle's first
    higher = rsi_sma.higher_trend(candles, "1h", "4h")
    assert candles["date"][400].hour == 16
    assert list(higher[400:403]) == [0, 0, 0]
    assert higher[403] == 1


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
def test_the_unit_in_which_dates_are_stored_does_not_matter(unit):
    candles = factories.candles(800)
    expected = rsi_sma.higher_trend(candles, "1h", "4h")
    candles["date"] = candles["date"].dt.as_unit(unit)
    pd.testing.assert_series_equal(rsi_sma.higher_trend(candles, "1h", "4h"), expected)


@pytest.mark.real_data
def test_the_literal_rule_never_traded_on_real_candles(real_datadir):
    for path in sorted((real_datadir / "futures").glob("*-1h-futures.feather")):
        candles = pd.read_feather(path)
        frame = candles.join(rsi_sma.indicators(candles))
        long, short = rsi_sma.literal(frame, **LIMITS)
        assert len(candles) > 34_000
        assert int(long.sum() + short.sum()) == 0
