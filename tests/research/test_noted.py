"""Stops and refusals of a decision log, put beside the results that they are of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from perpkit.bot.decided import Decided
from perpkit.record.decision_log import DecisionLog
from perpkit.record.decisions import Decision, Kind, as_line
from perpkit.record.places import exported_decisions
from perpkit.research.noted import noted_beside, noted_in_export, with_stops
from perpkit.research.trades import Trade
from tests import factories
from tests.factories import START

BTC = "BTC/USDT:USDT"
OPENED = START.timestamp()


def stop(minutes: float, rate: float, opened: float = OPENED, **changed) -> Decision:
    at = START + timedelta(minutes=minutes)
    figures = {"stop": rate, "opened": opened}
    made = Decision(at, Kind.STOP, BTC, "long", "moved", f"{rate:g}", figures)
    return replace(made, **changed)


def trade(last_stop: float | None = 95.0, **changed) -> Trade:
    made = Trade(
        pair=BTC, is_short=False, leverage=1.0, opened=OPENED, closed=OPENED + 3600, profit=0.0,
        ratio=0.0, fee_open=0.0, fee_close=0.0, funding=0.0, fills=(), last_stop=last_stop,
    )  # fmt: skip
    return replace(made, **changed)


@pytest.mark.parametrize(
    ("noted", "of", "expected"),
    [
        ([stop(0, 90), stop(5, 95)], trade(), [90, 95]),
        ([stop(0, 90), stop(5, 96)], trade(), []),  # the log is of another run
        ([stop(0, 90)], trade(), []),  # its newest rows are missing
        ([stop(0, 95)], trade(None), []),
        ([stop(0, 95, side="short")], trade(), []),
        ([stop(0, 95, pair="ETH/USDT:USDT")], trade(), []),
        ([stop(0, 95, OPENED - 60)], trade(), []),  # of the trade before it
        ([stop(0, 90, OPENED - 60), stop(0, 95, OPENED + 0.0004)], trade(), [95]),
        ([stop(0, 95, kind=Kind.ENTERED)], trade(), []),
        ([stop(0, 95, figures={})], trade(), []),
    ],
)
def test_a_trade_has_the_stops_that_were_noted_of_it(noted, of, expected):
    [found] = with_stops([of], noted)
    assert [level.rate for level in found.stops] == expected


def test_logs_that_are_not_there_or_damaged_are_empty(tmp_path):
    assert noted_beside(tmp_path / "bot.sqlite") == ()
    assert noted_in_export(tmp_path / "none.zip", "Mine") == ()
    (tmp_path / "bot.decisions.jsonl").write_bytes(b"damaged\n" + as_line(stop(0, 90)))
    assert noted_beside(tmp_path / "bot.sqlite") == (stop(0, 90),)
    assert exported_decisions("result", "Mine") == "result_Mine.decisions.jsonl"


def test_a_stop_that_follows_the_price_is_noted_once_a_minute(tmp_path, trade_database):
    log = DecisionLog(tmp_path / "bot.decisions.jsonl", print)
    decided, held = Decided(log), factories.trade(BTC, open_rate=100.0, amount=1.0)
    for number in range(31):
        held.stop_loss = 90 + number / 10
        decided.stop_seen(held, START + timedelta(seconds=5 * number))
    decided.stop_seen(held, START + timedelta(seconds=156), last=True)
    found = noted_beside(tmp_path / "bot.sqlite")
    rates = [(row.at - START).total_seconds() for row in found]
    assert rates == [0, 60, 120, 156]
    assert [row.figures["stop"] for row in found] == pytest.approx([90, 91.2, 92.4, 93.0])
    assert [row.reason for row in found] == ["set", "moved", "moved", "moved"]
