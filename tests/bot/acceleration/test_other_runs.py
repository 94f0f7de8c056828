"""Backtests of spot markets, and the candles of signals that a backtest can export."""

from __future__ import annotations

from typing import Any
from zipfile import ZipFile

import ccxt
import joblib
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from freqtrade.exchange import Exchange
from pandas.testing import assert_frame_equal

from tests import factories
from tests.bench.backtests import PRICES, backtest, exported, write_candles
from tests.cases import SLOW

pytestmark = SLOW

SPOT_PAIRS = ["BTC/USDT", "ETH/USDT", "XRP/USDT"]
LONG_ONLY = """
from tests.bench.strategies.{base} import {base}


class LongOnly({base}):
    can_short = False
"""


def spot_market(base: str) -> dict[str, Any]:
    info = factories.symbol_info(base)
    del info["contractType"], info["deliveryDate"], info["marginAsset"]
    binance = ccxt.binance()
    # Lists of margin trading, which ccxt asks the exchange for.
    binance.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    market: dict[str, Any] = binance.parse_market({**info, "isSpotTradingAllowed": True})
    assert market["spot"]
    return market


@pytest.fixture
def spot_config(default_futures_config, offline_markets, monkeypatch):
    config = default_futures_config
    markets = [spot_market(pair.partition("/")[0]) for pair in SPOT_PAIRS]
    monkeypatch.setattr(
        Exchange,
        "_load_async_markets",
        lambda exchange, *_, **__: exchange._api_async.set_markets(markets),
    )
    handler = get_datahandler(config["datadir"], "feather")
    for number, (pair, price) in enumerate(zip(SPOT_PAIRS, PRICES, strict=True)):
        frame = factories.candles(600, seed=20 + number, price=price)
        handler.ohlcv_store(pair, "1h", frame, CandleType.SPOT)
    return {
        **config,
        "trading_mode": "spot",
        "margin_mode": "",
        "candle_type_def": CandleType.SPOT,
        "exchange": {**config["exchange"], "pair_whitelist": SPOT_PAIRS},
    }


@pytest.mark.parametrize("base", ["PlainTrend", "PlainAveraging", "UsualCallbacks"])
def test_every_trade_of_a_spot_market_is_the_same(spot_config, tmp_path, base):
    (tmp_path / "LongOnly.py").write_text(LONG_ONLY.format(base=base))
    config = {**spot_config, "enable_protections": True}
    own = {"strategy_path": str(tmp_path), "exchange": config["exchange"]}
    stock = backtest(config, "LongOnly", perpkit={"acceleration": False}, **own)
    ours = backtest(config, "LongOnly", **own)
    assert len(stock.trades) > 10
    assert {trade["trading_mode"] for trade in stock.trades} == {"spot"}
    assert ours.trades == stock.trades
    assert ours.locks == stock.locks
    balances = [each.stats["strategy"]["LongOnly"]["final_balance"] for each in (stock, ours)]
    assert balances[0] == balances[1]


def test_exported_candles_of_signals_are_the_same(
    default_futures_config, offline_markets, tmp_path
):
    write_candles(default_futures_config["datadir"], rows=600)
    found = {}
    for accelerated in (False, True):
        path = exported(
            default_futures_config,
            "PlainTrend",
            tmp_path / str(accelerated),
            export="signals",
            max_open_trades=1,  # or no signal is rejected
            perpkit={"acceleration": accelerated},
        )
        found[accelerated] = _signals(path)
    stock, ours = found[False], found[True]
    assert {name for name, _ in stock} == {"signals", "rejected", "exited"}
    assert stock.keys() == ours.keys()
    for key, frame in stock.items():
        assert len(frame) > 5
        assert_frame_equal(ours[key], frame, check_exact=True)


def _signals(export) -> dict[tuple[str, str], Any]:
    """Its frames by kind and pair."""
    found = {}
    with ZipFile(export) as file:
        for name in file.namelist():
            if name.endswith(".pkl"):
                kind = name.removesuffix(".pkl").rpartition("_")[2]
                with file.open(name) as opened:
                    frames = joblib.load(opened)["PlainTrend"]
                found |= {(kind, pair): frame for pair, frame in frames.items()}
    return found
