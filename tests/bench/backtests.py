"""Stock backtests in this process, on made-up candles: seconds less than a subprocess each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.configuration.config_validation import validate_config_schema
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType, RunMode
from freqtrade.misc import file_dump_json
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.optimize.optimize_reports import generate_backtest_stats
from freqtrade.persistence import LocalTrade, PairLocks, Trade

from perpkit.bot.acceleration import switch
from perpkit.bot.watching.protection import WatchedProtection
from tests import factories
from tests.factories import START

STRATEGIES = Path(__file__).parent / "strategies"
PAIRS = [f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP")]
PRICES = (30_000.0, 2_000.0, 0.5)


@dataclass
class Backtested:
    """
    :param trades: every field of every trade, as Freqtrade exports them
    :param locks: (pair, side, from, until, reason) of each
    :param stats: as Freqtrade exports them
    :param frames: the analysed candles of each pair
    """

    trades: list[dict[str, Any]]
    locks: list[tuple[str, str, str, str, str]]
    strategy: Any
    stats: dict[str, Any]
    frames: dict[str, pd.DataFrame]

    def export(self, path: Path) -> Path:
        """Writes them as a .json of Freqtrade's older releases has them."""
        file_dump_json(path, self.stats, log=False)
        return path


def write_candles(datadir: Path, rows: int = 1_200, crash: int | None = None) -> None:
    """Writes 1h and 4h candles, marks and funding of `PAIRS`.

    :param crash: row in which the price of all pairs falls by a fifth, and stays there
    """
    handler = get_datahandler(datadir, "feather")
    for number, (pair, price) in enumerate(zip(PAIRS, PRICES, strict=True)):
        frame = factories.candles(rows, seed=20 + number, price=price)
        if crash is not None:
            after = np.arange(rows) > crash
            frame.loc[after, ["open", "high", "low", "close"]] *= 0.8
            frame.loc[crash, ["low", "close"]] *= 0.8
        handler.ohlcv_store(pair, "1h", frame, CandleType.FUTURES)
        handler.ohlcv_store(pair, "1h", frame, CandleType.MARK)
        handler.ohlcv_store(pair, "4h", _longer(frame), CandleType.FUTURES)
        rates = factories.funding(rows // 8)
        handler.ohlcv_store(pair, "1h", rates, CandleType.FUNDING_RATE)


def _longer(frame: pd.DataFrame) -> pd.DataFrame:
    """The same as 4h candles."""
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample("4h", on="date").agg(how).reset_index()


def backtest(config: dict[str, Any], strategy: str, **changed: Any) -> Backtested:
    """Runs a strategy of tests/bench/strategies.

    :param config: of a bot with `datadir`; needs the fixture `offline_markets`
    :param changed: settings on top of it
    """
    return _run(config, {"strategy": strategy, **changed})[strategy]


def backtest_list(
    config: dict[str, Any], strategies: list[str], **changed: Any
) -> dict[str, Backtested]:
    """Runs strategies one after the other, as `--strategy-list`; the result of each by name."""
    return _run(config, {"strategy_list": strategies, **changed})


def exported(config: dict[str, Any], strategy: str, folder: Path, **changed: Any) -> Path:
    """Runs a strategy as `freqtrade backtesting` does; its export, a zip file in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = {"exportdirectory": folder, "export": "trades", "strategy": strategy, **changed}
    whole = _config(config, {"original_config": config, **changed})
    with alone():
        testing = Backtesting(whole)
        try:
            testing.start()
        finally:
            Backtesting.cleanup()
            testing.exchange.close()
    [export] = folder.glob("*.zip")
    return export


def _config(config: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    config = {
        **config,
        "runmode": RunMode.BACKTEST,
        "strategy_path": str(STRATEGIES),
        "timerange": f"{START + pd.Timedelta('4D'):%Y%m%d}-",
        "dry_run_wallet": 10_000,
        "stake_amount": 1_000,
        "exchange": {**config["exchange"], "pair_whitelist": PAIRS},
        "export": "none",
        "backtest_cache": "none",
        **changed,
    }
    validate_config_schema(config, preliminary=True)  # which adds Freqtrade's defaults
    return config


def _run(config: dict[str, Any], changed: dict[str, Any]) -> dict[str, Backtested]:
    config = _config(config, changed)
    with alone():
        testing = Backtesting(config)
        try:
            data, timerange = testing.load_bt_data()
            return {
                own.get_strategy_name(): _one(testing, own, data, timerange)
                for own in testing.strategylist
            }
        finally:
            Backtesting.cleanup()
            testing.exchange.close()


def _one(testing: Backtesting, own: Any, data: Any, timerange: Any) -> Backtested:
    span = testing.backtest_one_strategy(own, data, timerange)
    name = own.get_strategy_name()
    content = testing.all_bt_content[name]
    stats = generate_backtest_stats(data, {name: content}, *span)
    trades = [trade.to_json() for trade in LocalTrade.bt_trades]
    locks = [_lock(lock) for lock in content["locks"]]
    dp, step = testing.dataprovider, testing.timeframe
    frames = {pair: dp.get_analyzed_dataframe(pair, step)[0] for pair in dp.current_whitelist()}
    return Backtested(trades, locks, own, stats, frames)


def _lock(lock: Any) -> tuple[str, str, str, str, str]:
    began, ends = lock.lock_time, lock.lock_end_time
    return lock.pair, lock.side, f"{began:%F %T}", f"{ends:%F %T}", str(lock.reason)


@contextmanager
def alone() -> Iterator[None]:
    """Leaves no state of a backtest to the next one of this process."""
    WatchedProtection.driven_at = None
    try:
        yield
    finally:
        WatchedProtection.driven_at = None
        switch.switch_off()
        Trade.use_db = PairLocks.use_db = False
        Trade.reset_trades()
        PairLocks.reset_locks()
        Trade.use_db = PairLocks.use_db = True
