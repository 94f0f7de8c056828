"""A bot of a fleet whose folder fails in ways that were not foreseen.

With a whole bot: tests/integration/test_fleet_member.py."""

from __future__ import annotations

from unittest import mock

import pytest

from perpkit.bot.live.fleet_member import FleetMember
from perpkit.bot.live.running_parts import RunningParts
from perpkit.bot.refusals import RefusalKind
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Trading
from perpkit.record.fleet import FleetFolder, Rules
from tests.bot.stack import BTC
from tests.factories import START


@pytest.fixture
def member(tmp_path, trade_database):
    FleetFolder(tmp_path).write_rules(Rules(bots=("a",)))
    return FleetMember({"perpkit": {"fleet_dir": str(tmp_path), "fleet_bot": "a"}})


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RecursionError("too deep")])
def test_any_error_is_a_reason_to_enter_nothing(member, monkeypatch, error):
    watch = mock.create_autospec(Watch, instance=True)
    member.follow(watch)
    member.step(START)
    assert member.refusal(BTC, START) is None
    with monkeypatch.context() as failing:
        failing.setattr(FleetFolder, "rules", mock.Mock(side_effect=error))
        for _ in range(3):
            member.step(START)
        why = member.refusal(BTC, START)
    words = f"the fleet's part has failed: {type(error).__name__}"
    assert (why.kind, why.reason.startswith(words)) == (RefusalKind.FLEET, True)
    [call] = watch.restrict.mock_calls  # said once
    assert call.args[1].trading is Trading.REDUCING
    assert call.args[1].reason.startswith(words)
    member.step(START)
    watch.lift.assert_called_once()


def test_what_guards_positions_comes_before_it():
    ran: list[str] = []
    parts = RunningParts.__new__(RunningParts)
    for name in ("_delistings", "_booking", "_alerts", "_performance", "_fleet"):
        part = mock.Mock()
        part.step.side_effect = lambda _now, name=name: ran.append(name)
        setattr(parts, name, part)
    parts.step(START)
    assert ran[-1] == "_fleet"
    assert len(ran) == 5
