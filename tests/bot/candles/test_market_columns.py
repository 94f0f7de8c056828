"""Funding in the candles of a bot: worked out again when a rate has been settled, not before."""

from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.enums import CandleType

from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.market.funding import COLUMNS, funding_readings, with_funding
from tests import factories

BTC = "BTC/USDT:USDT"
CANDLES = factories.candles(400)


class Feed:
    """The same frame for as long as nothing is new, as the feeds have it."""

    def __init__(self) -> None:
        self.rates = pd.DataFrame()

    def settle(self, count: int) -> None:
        dates = [factories.START + timedelta(hours=8 * number) for number in range(count)]
        rates = [0.0001 * (1 + number % 5) for number in range(count)]
        self.rates = pd.DataFrame({"date": pd.DatetimeIndex(dates), "funding_rate": rates})

    def history(self, pair, timeframe, candle_type, warm_up):
        return self.rates if candle_type is CandleType.FUNDING_RATE else CANDLES


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
def columns(feed, tmp_path):
    return MarketColumns({"datadir": tmp_path}, feed, BTC)


@pytest.mark.parametrize("settled", [(0,), (30,), (30, 30), (30, 31), (0, 40), (40, 20)])
def test_columns_are_those_of_the_newest_rates(feed, columns, settled):
    for count in settled:
        feed.settle(count)
        joined = columns.join(CANDLES, BTC, "1h")
        expected = with_funding(CANDLES, feed.rates, "1h")
        pd.testing.assert_frame_equal(joined[list(COLUMNS)], expected[list(COLUMNS)])


def test_rates_that_have_not_changed_are_read_once(feed, columns, monkeypatch):
    read = []
    monkeypatch.setattr(
        "perpkit.bot.candles.market_columns.funding_readings",
        lambda rates: read.append(len(rates)) or funding_readings(rates),
    )
    for count in (30, None, None, 31, None):
        if count is not None:
            feed.settle(count)
        columns.join(CANDLES, BTC, "1h")
    assert read == [30, 31]


SEVERAL = [BTC, "ETH/USDT:USDT", "XRP/USDT:USDT"]


def test_pairs_without_positioning_share_a_line(feed, tmp_path, caplog):
    columns = MarketColumns({"datadir": tmp_path}, feed, BTC, lambda: SEVERAL)
    for pair in (*SEVERAL, *SEVERAL):
        columns.join(CANDLES, pair, "1h")
    said = [r.message for r in caplog.records if "positioning" in r.message]
    assert said == [f"No positioning data of {', '.join(SEVERAL)}: no bonus for positioning."]


@pytest.mark.parametrize("there", [[], [SEVERAL[1]]])
def test_pairs_without_funding_rates_share_a_line(feed, tmp_path, caplog, monkeypatch, there):
    feed.settle(30)
    own = feed.history

    def history(pair, timeframe, kind, warm_up):
        without = kind is CandleType.FUNDING_RATE and pair not in there
        return pd.DataFrame() if without else own(pair, timeframe, kind, warm_up)

    monkeypatch.setattr(feed, "history", history)
    columns = MarketColumns({"datadir": tmp_path}, feed, BTC, lambda: SEVERAL)
    for pair in (*SEVERAL, *SEVERAL, "SOL/USDT:USDT"):
        columns.join(CANDLES, pair, "1h")
    said = [r.message for r in caplog.records if "funding" in r.message]
    without = ", ".join(pair for pair in SEVERAL if pair not in there)
    assert said == [
        f"No funding rates of {pairs}: no bonus for funding, and a backtest charges none."
        for pairs in (without, "SOL/USDT:USDT")
    ]


def test_positioning_that_is_on_its_way_is_not_missed(feed, tmp_path, caplog):
    awaited = {*SEVERAL}
    columns = MarketColumns({"datadir": tmp_path}, feed, BTC, lambda: SEVERAL, awaited.__contains__)
    for pair in SEVERAL:
        columns.join(CANDLES, pair, "1h")
    assert "positioning" not in caplog.text
    awaited -= {*SEVERAL[1:]}
    for pair in SEVERAL:
        columns.join(CANDLES, pair, "1h")
    said = [r.message for r in caplog.records if "positioning" in r.message]
    assert said == [f"No positioning data of {', '.join(SEVERAL[1:])}: no bonus for positioning."]
