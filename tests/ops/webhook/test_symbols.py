from __future__ import annotations

import pytest

from perpkit.ops.webhook.symbols import pair_of


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [
        ("BTCUSDT.P", "BTC/USDT:USDT"),
        ("BINANCE:BTCUSDT.P", "BTC/USDT:USDT"),
        ("binance:ethusdc.p", "ETH/USDC:USDC"),
        ("BTCUSDT", "BTC/USDT:USDT"),
        ("BTCUSDTPERP", "BTC/USDT:USDT"),
        (" 1000PEPEUSDT.P ", "1000PEPE/USDT:USDT"),
        ("BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("BTC/USDT", "BTC/USDT:USDT"),
        ("BTC/USDC:USDC", "BTC/USDC:USDC"),
        ("ETHBTC.P", "ETH/BTC:BTC"),
        ("BTCDOMUSDT.P", "BTCDOM/USDT:USDT"),
        ("USDCUSDT.P", "USDC/USDT:USDT"),
        ("币安人生USDT.P", "币安人生/USDT:USDT"),
    ],
)
def test_a_symbol_is_a_pair(symbol, pair):
    assert pair_of(symbol) == pair


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "BTC",
        "USDT",
        "BYBIT:BTCUSDT.P",  # another exchange's
        "BTCUSD.P",  # coin-margined
        "BTCUSDT.PS",
        "BTCUSDT_261225",  # dated
        "BTC/USDT:USDC",
        "BTC/USDT:USDT-261225",
        "BTC USDT",
        "../BTC/USDT",
    ],
)
def test_what_is_no_perpetual_is_refused_by_name(symbol):
    with pytest.raises(ValueError, match=r"must be a perpetual"):
        pair_of(symbol)
