"""The analyzed candles that callbacks read: `dp.get_analyzed_dataframe(...)`.

In a backtest each call cuts a new frame (40 to 120 us). Callbacks of one candle are given the same
one here, as long as none of them keeps or has changed it. pandas makes this exact: Freqtrade's
frame refers to the same columns, so one who writes to it writes to a copy, in other blocks.
"""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from freqtrade.data.dataprovider import MAX_DATAFRAME_CANDLES, DataProvider
from freqtrade.enums import TRADE_MODES, CandleType
from pandas import DataFrame, MultiIndex

from perpkit.bot.acceleration.frame_rows import Table, managers, tables, with_tables
from perpkit.bot.acceleration.part import Part, Replacements, Seam

# What a frame consists of that has been given no attributes.
_BARE = frozenset({"_mgr", "_attrs", "_flags"})
# References to a frame that only a `Cut` has: its own, a local name and an argument.
_ALONE = 3
_ONCE = 2  # its own and an argument

Key = tuple[str, str, Any]


class Cut:
    """The newest frame that was cut from an analyzed one.

    :param source: the analyzed frame of a pair
    :param end: its rows before this are those that a strategy may see
    """

    def __init__(self, source: DataFrame, end: int, table: Table) -> None:
        self.source, self.table, self._end = source, table, end
        start = max(0, end - MAX_DATAFRAME_CANDLES)
        self.frame: DataFrame = source.iloc[start:end]
        self._manager: Any = self.frame._mgr
        self._blocks, self._axes = self._manager.blocks, tuple(self._manager.axes)
        tables.add(self._manager, table, start)

    def drop(self) -> None:
        tables.discard(self._manager)

    def serves(self, source: DataFrame, end: int) -> bool:
        """Whether it is what Freqtrade would cut, and nothing else refers to it."""
        manager: Any = source._mgr
        return (
            self._end == end
            and self.source is source
            and self.table.blocks is manager.blocks
            and self._is_as_cut(source, manager)
        )

    def _is_as_cut(self, source: DataFrame, of_source: Any) -> bool:
        frame, manager = self.frame, self._manager
        return bool(
            sys.getrefcount(frame) == _ALONE
            and frame._mgr is manager
            and manager.blocks is self._blocks
            and all(map(_same, manager.axes, self._axes, of_source.axes))
            and _BARE.issuperset(vars(frame))
            and not (frame.attrs or source.attrs)
            and sys.getrefcount(vars(frame)["_attrs"]) == _ONCE
            and frame.flags == source.flags
        )


def _same(axis: Any, as_cut: Any, of_source: Any) -> bool:
    return axis is as_cut and axis.name is of_source.name and not isinstance(axis, MultiIndex)


class Cuts:
    """Of each analyzed frame the newest one."""

    def __init__(self) -> None:
        self._of: dict[Key, Cut] = {}

    def forget(self) -> None:
        tables.forget()
        self._of.clear()

    def frame(self, key: Key, source: DataFrame, end: int) -> DataFrame:
        cut = self._of.get(key)
        if cut is None or not cut.serves(source, end):
            cut = self._cut(key, cut, source, end)
        return cut.frame

    def _cut(self, key: Key, last: Cut | None, source: DataFrame, end: int) -> Cut:
        manager: Any = source._mgr
        if last is not None and last.table.blocks is manager.blocks:
            table = last.table
        else:
            table = Table(manager)
        if last is not None:
            last.drop()
        self._of[key] = cut = Cut(source, end, table)
        return cut


_cuts = Cuts()


def _counts_references() -> bool:
    """Whether this Python counts references to a frame as `Cut` expects: a release may count one
    less where a local name is an argument, and a frame that a strategy keeps would go out again."""
    source = DataFrame({"close": [1.0, 2.0]})
    cut = Cut(source, 1, Table(source._mgr))
    alone = cut.serves(source, 1)
    kept = cut.frame
    serves_kept = cut.serves(source, 1)
    cut.drop()
    return alone and kept is cut.frame and not serves_kept


def _install(replacements: Replacements) -> None:
    if not _counts_references():
        raise RuntimeError("this Python counts references in another way")
    stock, clear = DataProvider.get_analyzed_dataframe, DataProvider.clear_cache

    def get_analyzed_dataframe(self: Any, pair: str, timeframe: str) -> tuple[DataFrame, datetime]:
        key = pair, timeframe, self._config.get("candle_type_def", CandleType.SPOT)
        analyzed = self._DataProvider__cached_pairs.get(key)
        end = self._DataProvider__slice_index.get(pair)
        if analyzed is None or end is None or self.runmode in TRADE_MODES:
            result: tuple[DataFrame, datetime] = stock(self, pair, timeframe)
            return result
        return _cuts.frame(key, analyzed[0], end), analyzed[1]

    def clear_cache(self: Any) -> None:
        _cuts.forget()  # or they would keep the frames of the last epoch of hyperopt
        clear(self)

    replacements.put(DataProvider, "get_analyzed_dataframe", get_analyzed_dataframe, stock)
    replacements.put(DataProvider, "clear_cache", clear_cache, clear)
    kind = managers.BlockManager
    replacements.put(kind, "fast_xs", with_tables(kind.fast_xs), kind.fast_xs)


FRAMES = Part(
    [
        Seam("freqtrade.data.dataprovider:DataProvider.get_analyzed_dataframe", ("cd2d55588009",)),
        Seam("freqtrade.data.dataprovider:DataProvider.clear_cache", ("c2cef0f6126b",)),
        Seam("pandas.core.internals.managers:BlockManager.fast_xs", ("24f6ff1156a6",)),
        # Where pandas copies what it is about to write to, if another frame refers to it.
        Seam("pandas.core.internals.managers:BlockManager.column_setitem", ("54c9067c9fd0",)),
        Seam("pandas.core.internals.managers:BlockManager.iset", ("a89d2d9da8ab",)),
        Seam("pandas.core.internals.managers:BaseBlockManager.setitem", ("2b1744533999",)),
    ],
    _install,
    _cuts.forget,
)
