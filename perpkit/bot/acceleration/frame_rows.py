"""Rows of analyzed candles, such as `dataframe.iloc[-1]`, from tables of 32 rows each.

pandas collects a row of mixed columns value by value (3 us each, and more for strings), and does so
at every callback. Here the values of 32 candles are collected at once, as the same objects.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pandas import StringDtype
from pandas.arrays import DatetimeArray

managers: Any = import_module("pandas.core.internals.managers")  # has no types

_SIZE = 32
# Of one frame: enough for a strategy that also compares with a few earlier candles.
_KEPT = 8

Row = NDArray[np.object_]


class Table:
    """
    :param manager: of an analyzed frame; the table is of its present blocks
    """

    def __init__(self, manager: Any) -> None:
        self.blocks = manager.blocks
        self._columns, self._length = len(manager.axes[0]), len(manager.axes[1])
        self._parts: dict[int, list[Row]] = {}
        # With columns of one kind a row has its dtype, and is fast; it is left to pandas.
        self.mixed = len(self.blocks) > 1 and manager._get_interleaved_dtype() == np.dtype(object)

    def row(self, number: int) -> Row:
        part = self._parts.get(number // _SIZE)
        if part is None:
            if len(self._parts) == _KEPT:
                del self._parts[min(self._parts)]
            part = self._parts[number // _SIZE] = self._collected(number // _SIZE * _SIZE)
        return part[number % _SIZE].copy()

    def _collected(self, first: int) -> list[Row]:
        last = min(first + _SIZE, self._length)
        rows = [np.empty(self._columns, dtype=object) for _ in range(first, last)]
        for block in self.blocks:
            for item, column in enumerate(block.mgr_locs):
                for row, value in zip(rows, _values(block, item, first, last), strict=True):
                    row[column] = value
        return rows


def _values(block: Any, item: int, first: int, last: int) -> list[Any]:
    """What `block.iget((item, row))` returns for each of the rows."""
    values = block.values  # noqa: PD011
    if isinstance(values, np.ndarray | DatetimeArray):  # of two dimensions
        return list(values[item, first:last])
    if isinstance(values.dtype, StringDtype):
        return list(values[first:last].to_numpy(dtype=object))
    return [block.iget((item, row)) for row in range(first, last)]


class Tables:
    """Which frames are cut from one that has a table: by the identity of their managers."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Any, Any, Table, int]] = {}

    def add(self, manager: Any, table: Table, start: int) -> None:
        """
        :param manager: of the frame that was cut
        :param start: its first row in the whole frame
        """
        if table.mixed:
            self._of[id(manager)] = manager, manager.blocks, table, start

    def discard(self, manager: Any) -> None:
        self._of.pop(id(manager), None)

    def forget(self) -> None:
        self._of.clear()

    def row(self, manager: Any, place: int) -> Row | None:
        """None if the frame has no table, or has been written to since it was cut."""
        known = self._of.get(id(manager))
        if known is None or manager.blocks is not known[1]:
            return None
        _, _, table, start = known
        length = len(manager.axes[1])
        place = place + length if place < 0 else place
        return table.row(start + place) if 0 <= place < length else None


tables = Tables()


def with_tables(stock: Any) -> Any:
    """
    :param stock: pandas' own `BlockManager.fast_xs`
    """

    def fast_xs(self: Any, loc: int) -> Any:
        row = tables.row(self, loc)
        if row is None:
            return stock(self, loc)
        block = managers.new_block(
            row, placement=managers.BlockPlacement(slice(0, len(row))), ndim=1
        )
        return managers.SingleBlockManager(block, self.axes[0].view())

    return fast_xs
