"""Every small file that is read: after the change of any bit it is read, or has its one error.

Stores and archives have tests of their own: test_feather.py, test_zipped.py. The journal has one
in tests/record/test_journal.py.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from perpkit.bot.watching.calendar_file import CalendarFile
from perpkit.breakers.maintenance import MaintenanceLimits, decide, quiet_until
from perpkit.files.errors import FileError
from perpkit.ops.stored import BadInputError, load_candles
from perpkit.record import latch, runs, state_file
from perpkit.record.latch import LatchState
from perpkit.record.runs import Run, Runs, RunsError
from perpkit.record.state_file import StateFileError
from perpkit.rehearsal.datadir_mark import FILE, mark, marked
from perpkit.research.marked import load_export
from tests import factories
from tests.bench.damaged_files import flipped
from tests.bench.states import least
from tests.cases import SLOW

NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
WINDOW = {"from": "2026-03-02T06:00Z", "until": "2026-03-02T08:00Z", "note": "upgrade"}
PAIR = "BTC/USDT:USDT"
ORDER = {"order_filled_timestamp": 1, "amount": 1.0, "safe_price": 2.0, "ft_is_entry": True}
TRADE = {"pair": PAIR, "is_short": False, "is_open": True, "fee_open": 0.1, "fee_close": 0.1}
STATS = {
    "backtest_start": "2023-01-01 00:00:00",
    "backtest_end": "2023-01-02 00:00:00",
    "starting_balance": 1000.0,
    "trades": [{**TRADE, "orders": [ORDER], "close_timestamp": 5, "profit_abs": 1.0}],
}


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    :param made: makes one in a folder and returns its path
    :param errors: what reading may raise; none for a reader that never raises
    """

    made: Callable[[Path], Path]
    read: Callable[[Path], object]
    errors: tuple[type[Exception], ...] = ()


def _latch(folder: Path) -> Path:
    latch.write(folder / "main.live.json", LatchState.HALTED, "me@here", "a reason")
    return folder / "main.live.json"


def _read_latch(path: Path) -> None:
    """A latch that forbids new risk does so whatever bit of it changes."""
    assert latch.read(path).state is not LatchState.CLEAR


def _runs(folder: Path) -> Path:
    runs.write(folder / "x", Runs(runs=(Run(process="a", pid=1, started_at=NOW),), held="why"))
    return folder / "x"


def _state(folder: Path) -> Path:
    state_file.write(folder / "x", least())
    return folder / "x"


def _mark(folder: Path) -> Path:
    mark(folder, "synthetic market, seed 1")
    return folder / FILE


def _read_mark(path: Path) -> None:
    assert "made by a simulated venue" in (marked(path.parent) or "")


def _calendar(folder: Path) -> Path:
    (folder / "x").write_text(json.dumps([WINDOW]))
    return folder / "x"


def _read_calendar(path: Path) -> None:
    windows = CalendarFile(path).windows
    decide(MaintenanceLimits(), windows, NOW)
    quiet_until(MaintenanceLimits(), windows, NOW)


def _export(folder: Path) -> Path:
    (folder / "x.json").write_text(json.dumps({"strategy": {"A": STATS}}))
    return folder / "x.json"


def _zipped_export(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(_export(folder), "x.json")
    return folder / "x.zip"


def _read_export(path: Path) -> None:
    assert [trade["pair"] for trade in load_export(path)["trades"]]


def _read_zipped_export(path: Path) -> None:
    assert load_export(path) == STATS


def _candles(folder: Path) -> Path:
    factories.write_candles(folder, PAIR, factories.candles(20))
    return next(folder.rglob("*.feather"))


def _read_candles(path: Path) -> None:
    load_candles(path.parent.parent, PAIR, "feather", None)


KINDS = {
    "latch": Kind(_latch, _read_latch),
    "record of runs": Kind(_runs, runs.read, (RunsError,)),
    "state file": Kind(_state, state_file.read, (StateFileError,)),
    "mark of a venue's data": Kind(_mark, _read_mark),
    "calendar": Kind(_calendar, _read_calendar, (FileError,)),
    "export": Kind(_export, _read_export, (FileError,)),
    "zipped export": Kind(_zipped_export, _read_zipped_export, (FileError,)),
    "candles": Kind(_candles, _read_candles, (BadInputError,)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [61, pytest.param(7, marks=SLOW)])
def test_after_any_bit_a_file_is_read_or_has_its_one_error(tmp_path, kind, every):
    read, errors = KINDS[kind].read, KINDS[kind].errors
    path = KINDS[kind].made(tmp_path)
    read(path)
    content, refused = path.read_bytes(), 0
    for changed in flipped(content, range(0, 8 * len(content), every)):
        path.write_bytes(changed)
        try:
            read(path)
        except errors:
            refused += 1
    assert bool(refused) is bool(errors)
