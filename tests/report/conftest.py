"""A run by hand: three trades in ten days of two pairs, whose every figure can be worked out."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

START = datetime(2023, 1, 1, tzinfo=UTC)
BTC, SPIKED = "BTC/USDT:USDT", "ETH/USDT:USDT"
HOURS = 24 * 10


def at(hour: float) -> int:
    """Milliseconds of an hour of the run."""
    return int((START + timedelta(hours=hour)).timestamp() * 1000)


def order(hour: float, amount: float, rate: float, entry: bool, tag: str = "") -> dict[str, Any]:
    return {
        "order_filled_timestamp": at(hour),
        "amount": amount,
        "safe_price": rate,
        "ft_is_entry": entry,
        "ft_order_tag": tag,
    }


def trade(pair: str, profit: float, orders: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "pair": pair,
        "is_short": False,
        "is_open": False,
        "fee_open": 0.0,
        "fee_close": 0.0,
        "open_timestamp": orders[0]["order_filled_timestamp"],
        "close_timestamp": orders[-1]["order_filled_timestamp"],
        "profit_abs": profit,
        "profit_ratio": profit / 1000,
        "exit_reason": "exit_signal",
        "enter_tag": "",
        "leverage": 1.0,
        "min_rate": 90.0,
        "max_rate": 120.0,
        "initial_stop_loss_abs": 90.0,
        "initial_stop_loss_ratio": -0.1,
        "funding_fees": 0.0,
        "orders": orders,
        **more,
    }


def lock(pair: str, begins: float, ends: float, reason: str) -> dict[str, Any]:
    return {
        "pair": pair,
        "side": "*",
        "lock_timestamp": at(begins),
        "lock_end_timestamp": at(ends),
        "reason": reason,
    }


def document(*trades: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An export as Freqtrade writes it, of a strategy `ByHand`."""
    stats = {
        "strategy_name": "ByHand",
        "backtest_start": f"{START:%Y-%m-%d %H:%M:%S}",
        "backtest_end": f"{START + timedelta(hours=HOURS):%Y-%m-%d %H:%M:%S}",
        "starting_balance": 1000.0,
        "stake_currency": "USDT",
        "timeframe": "1h",
        "trading_mode": "futures",
        "stoploss": -0.1,
        "pairlist": [BTC, SPIKED],
        "locks": [],
        "trades": list(trades),
        **more,
    }
    return {"strategy": {"ByHand": stats}}


def write(path: Path, content: dict[str, Any]) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def three_trades() -> list[dict[str, Any]]:
    """A long that lost 50, a long that made 100, a short, by parts, that made 30."""
    return [
        trade(BTC, -50.0, [order(1, 5, 100, True, "a 0.70"), order(10, 5, 90, False)],
              enter_tag="a 0.70", exit_reason="stop_loss", max_rate=101.0),
        trade(BTC, 100.0, [order(30, 5, 90, True), order(60, 5, 110, False)], enter_tag="b 0.90",
              initial_stop_loss_abs=80.0),
        trade(SPIKED, 30.0, [order(100, 2, 110, True), order(110, 1, 100, False, "part"),
                             order(130, 1, 90, False)],
              is_short=True, initial_stop_loss_abs=120.0),
    ]  # fmt: skip


@pytest.fixture
def datadir(tmp_path: Path) -> Path:
    """Closes of 100, then 90 from hour 9 on, then 110 from hour 59 on, then 90 from 129 on."""
    folder = tmp_path / "data"
    (folder / "futures").mkdir(parents=True)
    hours = np.arange(HOURS + 1)
    close = np.select([hours < 9, hours < 59, hours < 129], [100.0, 90.0, 110.0], 90.0)
    frame = pd.DataFrame(
        {
            "date": pd.date_range(START, periods=len(hours), freq="1h"),
            "open": close, "high": close, "low": close, "close": close, "volume": 1.0,
        }
    )  # fmt: skip
    for pair in (BTC, SPIKED):
        get_datahandler(folder, "feather").ohlcv_store(pair, "1h", frame, CandleType.FUTURES)
    return folder
