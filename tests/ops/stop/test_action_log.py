"""Each action is a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from perpkit.ops.stop.action_log import ActionLog, log_of
from tests.bench.dead_bot import dead_bot


def test_lines_have_a_time_and_what_is_said(tmp_path):
    said = []
    log = ActionLog(tmp_path / "deep" / "log.jsonl", said.append)
    log.write("order", "BTC: sell", quantity=Decimal("0.5"), side="SELL")
    log.write("answer", "filled")
    first, second = map(json.loads, log.path.read_text().splitlines())
    assert datetime.fromisoformat(first.pop("at")).utcoffset().total_seconds() == 0
    assert first == {"action": "order", "words": "BTC: sell", "quantity": "0.5", "side": "SELL"}
    assert second["words"] == "filled"
    assert said == ["BTC: sell", "filled"]


def test_what_cannot_be_written_is_said_once_and_holds_nothing_up(tmp_path):
    said = []
    (tmp_path / "file").write_text("")
    log = ActionLog(tmp_path / "file" / "log.jsonl", said.append)
    log.write("order", "one")
    log.write("order", "two")
    assert [each for each in said if "cannot be written" in each] == [said[1]]
    assert said[-1] == "two"


def test_a_file_for_each_account_mode_and_run(tmp_path):
    with dead_bot(tmp_path / "bot") as bot:
        name = log_of(bot.config, datetime(2026, 3, 1, 12, tzinfo=UTC)).name
    assert name.startswith("main.live.20260301T120000.")
