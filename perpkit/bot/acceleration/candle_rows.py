"""The part "rows": the candles of a backtest, one pair after the other.

Freqtrade compares times of pandas for each pair at each candle, and shows each candle as progress.
Here these times are compared as integers, a pair without a trade and without a signal is not handed
out, since nothing is done with it, and progress is shown every few candles. With a detail timeframe
or a dynamic pairlist, the candles are Freqtrade's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.enums import BacktestState
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import DATE_IDX, LONG_IDX, OPEN_IDX, SHORT_IDX, Backtesting
from freqtrade.persistence import LocalTrade

from perpkit.bot.acceleration.part import Part, Replacements, Seam

_stock_generator = Backtesting.time_pair_generator
_SHOWN_EVERY = 20  # candles

Handed = tuple[datetime, str, tuple[Any, ...], bool, Any]


def time_pair_generator(
    self: Backtesting,
    start_date: datetime,
    end_date: datetime,
    pairs: list[str],
    data: dict[str, Any],
) -> Iterator[Handed]:
    """As `Backtesting.time_pair_generator`, without what is not looked at."""
    own = not self.timeframe_detail_td and not self.dynamic_pairlist
    generator = _candles if own else _stock_generator
    found: Iterator[Handed] = generator(self, start_date, end_date, pairs, data)
    return found


def _candles(
    self: Backtesting,
    start_date: datetime,
    end_date: datetime,
    pairs: list[str],
    data: dict[str, Any],
) -> Iterator[Handed]:
    steps = int((end_date - start_date) / self.timeframe_td)
    self._set_progress_step(BacktestState.BACKTEST, steps)
    provider, stake_currency = self.dataprovider, self.strategy.config["stake_currency"]
    bases = {pair: pair.split("/")[0] for pair in pairs}
    indexes = dict.fromkeys(pairs, 0)
    shown = 0
    for number, now in enumerate(self._time_generator(start_date, end_date), start=1):
        self.check_abort()
        _wrapped(self.strategy.bot_loop_start, supress_error=True)(current_time=now)
        holding = [trade.pair for trade in LocalTrade.bt_trades_open]
        self._capture_wallet(now, stake_currency, 1)
        nanoseconds = pd.Timestamp(now).value
        for pair in list(dict.fromkeys(holding + pairs)):
            rows, index = data[pair], indexes[pair]
            if index >= len(rows) or rows[index][DATE_IDX].value > nanoseconds:
                continue
            row = rows[index]
            indexes[pair] = index = index + 1
            provider._set_dataframe_max_index(pair, self.required_startup + index)
            entry = None
            if row[LONG_IDX] == 1 or row[SHORT_IDX] == 1:
                entry = self.check_for_trade_entry(row)
            if self.wallets.get_total(bases[pair]):
                self._capture_wallet(now, bases[pair], row[OPEN_IDX])
            provider._set_dataframe_max_date(now)
            if not LocalTrade.bt_trades_open_pp[pair] and (entry is None or pair in holding):
                continue  # there is nothing to do, or its trade has just been closed
            yield now, pair, row, now == end_date, entry
        if number % _SHOWN_EVERY == 0:
            self._increment_progress(_SHOWN_EVERY)
            shown = number
    self._increment_progress(steps - shown)


def _wrapped(*args: Any, **kwargs: Any) -> Any:
    # By this name, as another part may have replaced it.
    return backtesting.strategy_safe_wrapper(*args, **kwargs)


def _install(replacements: Replacements) -> None:
    replacements.put(Backtesting, "time_pair_generator", time_pair_generator, _stock_generator)


_RUN = "freqtrade.optimize.backtesting:Backtesting."

ROWS = Part(
    [
        Seam(f"{_RUN}time_pair_generator", ("4c0344a35320", "293bb211cda2")),
        Seam(f"{_RUN}_time_pair_generator_det", ("32f83cdf4a20",)),
        Seam(f"{_RUN}_time_generator_det", ("8159db3c541f",)),
        Seam(f"{_RUN}_time_generator", ("73b0776ec3bf",)),
        Seam(f"{_RUN}validate_row", ("814cef13da04",)),
        Seam(f"{_RUN}_sync_pair_index", ("6cfe2b211cd7",), optional=True),
        Seam(f"{_RUN}check_for_trade_entry", ("3c0a1467a8ed",)),
        Seam(f"{_RUN}_capture_wallet", ("f5d30c7a0d77",)),
        Seam(f"{_RUN}_increment_progress", ("d0e1503df7ac",)),
        Seam(f"{_RUN}backtest", ("b789d28404c3",)),
        Seam(f"{_RUN}backtest_loop", ("e6a713e72f92",)),
        Seam("freqtrade.wallets:Wallets.get_total", ("0f5a7338647c",)),
    ],
    _install,
)
