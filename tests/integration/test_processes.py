"""The `freqtrade trade` process stopped, terminated and killed while a position is open."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from tests.bench.in_process import STRATEGIES
from tests.bench.process import trading
from tests.cases import SLOW

pytestmark = pytest.mark.integration

OPENER = {"strategy_path": str(STRATEGIES), "max_open_trades": 1}
GRACEFUL = 128 + signal.SIGINT  # Freqtrade answers SIGTERM as it does Ctrl-C


def trades(bot) -> list[dict]:
    with closing(sqlite3.connect(f"file:{bot.userdir}/trades.sqlite?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        columns = "id, pair, is_open, amount, open_rate, open_date, stop_loss, exit_reason"
        return [dict(row) for row in db.execute(f"SELECT {columns} FROM trades ORDER BY id")]


@pytest.mark.parametrize(
    ("how", "code"),
    [
        pytest.param(signal.SIGINT, GRACEFUL, marks=SLOW),
        pytest.param(signal.SIGTERM, GRACEFUL, marks=SLOW),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_position_is_managed_on_after_the_end_of_the_process(bot, how, code):
    with trading(bot, "Opener", **OPENER) as process:
        process.wait_for("'type': entry_fill")
        process.wait_for("Bot heartbeat")
        # Its farewell is not looked at: a signal that falls into a database statement leaves
        # Freqtrade without a database for it.
        assert process.end(how) == code
    (left,) = trades(bot)
    assert left["is_open"]

    (bot.userdir / "leave").touch()
    with trading(bot, "Opener", **OPENER) as process:
        process.wait_for("'type': exit_fill")
        process.wait_for("Bot heartbeat")
        process.end()
    managed = trades(bot)[0]
    assert not managed["is_open"]
    assert managed["exit_reason"] == "told"
    same = ("id", "pair", "amount", "open_rate", "open_date", "stop_loss")
    assert [managed[key] for key in same] == [left[key] for key in same]
