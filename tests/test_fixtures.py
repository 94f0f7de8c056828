"""The fixtures themselves: what other tests may take for granted."""

import gc
import socket

import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.persistence import Trade

from tests import factories
from tests.freqtrade_cli import run_freqtrade


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_the_exchange_knows_markets_precision_and_tiers_without_network(
    no_network, futures_exchange
):
    assert set(futures_exchange.markets) == set(factories.PAIRS)
    assert futures_exchange.price_to_precision("BTC/USDT:USDT", 30000.17) == 30000.2
    assert futures_exchange.amount_to_precision("ADA/USDT:USDT", 12.7) == 12
    assert futures_exchange.get_min_pair_stake_amount("BTC/USDT:USDT", 30_000, -0.05) > 5
    assert futures_exchange.get_max_leverage("BTC/USDT:USDT", 100) > 100


def test_candles_are_seeded_consistent_and_in_utc():
    frame = factories.candles(200)
    pd.testing.assert_frame_equal(frame, factories.candles(200))
    assert not frame.equals(factories.candles(200, seed=8))
    assert str(frame["date"].dt.tz) == "UTC"
    assert (frame["high"] >= frame[["open", "close"]].max(axis=1)).all()
    assert (frame["low"] <= frame[["open", "close"]].min(axis=1)).all()


@pytest.mark.parametrize("legacy", [False, True])
def test_funding_has_the_rate_in_open_in_both_layouts(legacy):
    frame = factories.funding([0.0001, -0.0002], every="4h", legacy=legacy)
    assert frame["open"].tolist() == [0.0001, -0.0002]
    assert ("funding_rate" in frame) is not legacy
    assert frame["date"].diff().iloc[1] == pd.Timedelta("4h")


def test_trades_are_stored_long_and_short_open_and_closed(mock_trades):
    assert [(t.is_short, t.is_open) for t in Trade.get_trades()] == [
        (False, True),
        (True, True),
        (False, False),
        (True, False),
    ]
    long, short, won, lost = mock_trades
    assert long.stop_loss < long.open_rate
    assert short.stop_loss > short.open_rate
    assert won.close_profit > 0
    assert lost.close_profit < 0


def test_each_test_starts_with_an_empty_database(trade_database):
    assert Trade.get_trades().all() == []


def test_a_stock_command_runs_in_this_environment():
    result = run_freqtrade(["--version"])
    assert result.returncode == 0, result.stdout
    assert "Freqtrade Version" in result.stdout


def test_a_written_market_is_read_back_by_freqtrade(tmp_path):
    pair = "BTC/USDT:USDT"
    factories.write_market(tmp_path, {pair: factories.funding([0.0001] * 9)}, rows=72)
    handler = get_datahandler(tmp_path, "feather")
    for kind, rows in [("futures", 72), ("mark", 72), ("funding_rate", 9)]:
        stored = handler.ohlcv_load(pair, "1h", candle_type=CandleType(kind), fill_missing=False)
        assert len(stored) == rows
    assert stored["open"].tolist() == [0.0001] * 9


def test_the_collector_passes_over_what_was_collected():
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000
