"""Funding in the candles of a bot: worked out again when a rate has been settled, not before."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import CandleType

from perpkit.bot.candles.known_funding import KnownFunding
from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.market.funding import COLUMNS, with_funding
from tests import factories

BTC = "BTC/USDT:USDT"
CANDLES = factories.candles(400)


class Feed:
    """The same frame for as long as nothing is new, as the feeds have it."""

    def __init__(self) -> None:
        self.rates = pd.DataFrame()
        self.funding = KnownFunding()

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


def premium(rows: int) -> pd.DataFrame:
    wave = 0.0001 * np.sin(np.arange(rows)) + 0.001
    return CANDLES[:rows].assign(open=wave, close=wave)


def with_premium(feed, tmp_path, monkeypatch, hours: pd.DataFrame, exchange: str = "bybit"):
    own = feed.history
    monkeypatch.setattr(
        feed,
        "history",
        lambda pair, timeframe, kind, warm_up: (
            hours if kind is CandleType.PREMIUMINDEX else own(pair, timeframe, kind, warm_up)
        ),
    )
    config = {"datadir": tmp_path, "exchange": {"name": exchange}}
    return MarketColumns(config, feed, BTC, premium=True)


def test_the_premium_is_joined_as_of_its_close(feed, tmp_path, monkeypatch):
    feed.settle(40)
    columns = with_premium(feed, tmp_path, monkeypatch, premium(300))
    joined = columns.join(CANDLES, BTC, "1h")
    # The candle that closes together with an hour of the premium has its close, and later ones for
    # two hours more.
    assert joined["premium"][:300].tolist() == premium(300)["close"].tolist()
    assert joined["premium"][300:302].tolist() == [premium(300)["close"].iloc[-1]] * 2
    assert joined["premium"][302:].isna().all()
    # The interval is known once rates are; 8 hours of premium at 0.1% make about 0.05%.
    assert joined["premium_funding_8h"].notna().sum() > 250
    assert joined["premium_funding_8h"][290] == pytest.approx(0.0005, abs=0.0001)
    # Later hours of it, and later rates, change nothing.
    for end in (100, 200):
        feed.settle(-(-end // 8))
        earlier = with_premium(feed, tmp_path, monkeypatch, premium(end)).join(
            CANDLES[:end], BTC, "1h"
        )
        names = ["premium", "premium_funding_8h"]
        pd.testing.assert_frame_equal(earlier[names], joined[:end][names])


def test_a_pair_without_the_premium_index_is_named_once(feed, tmp_path, monkeypatch, caplog):
    columns = with_premium(feed, tmp_path, monkeypatch, pd.DataFrame())
    for _ in range(2):
        assert columns.join(CANDLES, BTC, "1h")["premium"].isna().all()
    said = [r.message for r in caplog.records if "premium" in r.message]
    assert said == [f"No 1h candles of the premium index of {BTC}: its columns are unknown."]


def test_an_exchange_without_a_premium_index_is_named_once(feed, tmp_path, monkeypatch, caplog):
    """Asked for one, ccxt gives candles of the price of OKX."""
    columns = with_premium(feed, tmp_path, monkeypatch, CANDLES, "okx")
    for pair in SEVERAL[:2]:
        assert columns.join(CANDLES, pair, "1h")["premium"].isna().all()
    said = [r.message for r in caplog.records if "premium" in r.message]
    assert said == ["okx has no premium index: its columns are unknown."]


def test_without_the_switch_there_is_no_premium(columns):
    assert "premium" not in columns.join(CANDLES, BTC, "1h")


def test_funding_is_paid_in_the_candle_that_ends_with_its_settlement(feed, columns):
    feed.settle(6)
    paid = columns.funding_paid(CANDLES, BTC, "1h")
    rates = feed.rates.set_index("date")["funding_rate"].drop(CANDLES["date"].iloc[0])
    closes = pd.DatetimeIndex(CANDLES["date"]) + timedelta(hours=1)
    expected = rates.reindex(closes[1:]).fillna(0.0)
    np.testing.assert_allclose(np.diff(paid), expected, atol=1e-15)
    assert paid[-1] == pytest.approx(feed.rates["funding_rate"].sum())
