"""Candles of files and of a running bot joined: none twice, none missing, the same until there are
new ones."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.enums import CandleType

from perpkit.bot.hybrid.history import StoredAndRecent
from perpkit.market.times import dated
from tests import factories

PAIR = "BTC/USDT:USDT"
WHOLE = dated(factories.candles(100))


class Recent:
    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def history(self, *_asked) -> pd.DataFrame:
        return self.frame


def joined(config, stored: pd.DataFrame | None, recent: Recent):
    if stored is not None:
        factories.write_candles(config["datadir"], PAIR, stored)
    feed = StoredAndRecent(config, recent)
    return lambda: feed.history(PAIR, "1h", CandleType.FUTURES, timedelta(days=1))


@pytest.mark.parametrize(
    ("stored", "recent", "expected"),
    [
        (slice(0, 60), slice(50, 100), slice(0, 100)),
        (slice(0, 50), slice(50, 100), slice(0, 100)),
        (slice(20, 100), slice(0, 100), slice(0, 100)),
        (slice(0, 40), slice(0, 0), slice(0, 40)),
        (None, slice(50, 100), slice(50, 100)),
    ],
)
def test_what_is_joined(default_futures_config, stored, recent, expected):
    on_disk = None if stored is None else WHOLE[stored]
    found = joined(default_futures_config, on_disk, Recent(WHOLE[recent]))()
    wanted = WHOLE[expected].reset_index(drop=True)
    pd.testing.assert_series_equal(found["date"].reset_index(drop=True), wanted["date"])
    assert found["close"].tolist() == pytest.approx(wanted["close"].tolist())


def test_it_is_the_same_frame_until_there_are_new_candles(default_futures_config):
    recent = Recent(WHOLE[50:90])
    ask = joined(default_futures_config, WHOLE[:60], recent)
    first = ask()
    assert ask() is first
    recent.frame = WHOLE[50:100]
    assert len(ask()) == 100


def test_no_candle_goes_missing_as_the_bot_runs_on(default_futures_config):
    """The bot holds forty candles; the files end with its start."""
    whole = dated(factories.candles(300))
    recent = Recent(whole[50:90])
    ask = joined(default_futures_config, whole[:60], recent)
    ask()
    for begin in range(60, 260, 10):
        recent.frame = whole[begin : begin + 40]
        found = ask()
        assert (found["date"].diff().dropna() == timedelta(hours=1)).all()
        assert found["date"].iloc[-1] == recent.frame["date"].iloc[-1]
        # As many as a training had at the start, and not ever more.
        assert len(found) == 60 + 40
