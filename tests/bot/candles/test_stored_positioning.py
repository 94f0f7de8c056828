"""Stored positioning as breakers read it: one object while nothing is new, no later data."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.enums import RunMode

from perpkit.bot.candles.stored_positioning import StoredPositioning
from perpkit.market import store
from tests.factories import START

PAIR = "BTC/USDT:USDT"


def readings(first: int, last: int, ratio: float = 1.0) -> pd.DataFrame:
    dates = pd.date_range(START, periods=last + 1, freq="h")[first:]
    return pd.DataFrame({"date": dates, "long_short_ratio": ratio})


@pytest.fixture
def config(default_futures_config):
    store.merge(default_futures_config["datadir"], PAIR, "1h", readings(0, 9))
    return default_futures_config


def test_a_running_bot_sees_what_is_new_and_nothing_else(config):
    subject = StoredPositioning(config)
    first = subject.readings(PAIR)
    assert len(first["1h"]) == 10
    assert subject.readings(PAIR) is first
    store.merge(config["datadir"], PAIR, "1h", readings(10, 12))
    assert len(subject.readings(PAIR)["1h"]) == 13


def test_a_simulated_run_ends_with_its_time_range(config):
    stop = int((START + timedelta(hours=4)).timestamp())
    backtest = {**config, "runmode": RunMode.BACKTEST, "timerange": f"-{stop}"}
    subject = StoredPositioning(backtest)
    seen = subject.readings(PAIR)
    assert seen["1h"]["date"].iloc[-1] == START + timedelta(hours=4)
    store.merge(config["datadir"], PAIR, "1h", readings(10, 12))
    assert subject.readings(PAIR) is seen


def test_without_readings_there_are_none(config):
    assert StoredPositioning(config).readings("ETH/USDT:USDT") == {}


def test_a_damaged_file_is_named(config):
    path = store.path_of(config["datadir"], PAIR, "1h")
    path.write_bytes(b"nothing")
    with pytest.raises(store.StoreError, match=str(path)):
        StoredPositioning(config).readings(PAIR)
