"""A live bot that belongs to a fleet: what it enters, what it says, and that it still exits."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.enums import SignalDirection
from freqtrade.exceptions import FreqtradeException
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.refusals import RefusalKind
from perpkit.record.fleet import FleetFolder, Rules, Watched
from tests.bench.acts import MINUTE, STEP, live_stops
from tests.bench.live import differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
PAIR = "BTC/USDT:USDT"
RULES = Rules(bots=("swing", "other"))


@contextmanager
def fleet_bot(folder, rules=RULES, **options):
    fleet = FleetFolder(folder / "fleet")
    fleet.write_rules(rules)
    own = {"use": {"refresh": False}, "fleet_dir": str(fleet.path), "fleet_bot": "swing"}
    with live_bench(
        "GuardedSteered", STILL, START, perpkit={**own, **options}, force_entry_enable=True
    ) as (bot, venue):
        bot.run(1, STEP)
        yield bot, venue, fleet


def force_entry(bot):
    return RPC(bot.bot)._rpc_force_entry(PAIR, None, order_side=SignalDirection.LONG)


def said(bot) -> list[str]:
    return [m["msg"] for m in bot.messages if "Fleet" in m.get("msg", "")]


def refused(bot) -> set[str]:
    kinds = (RefusalKind.FLEET, RefusalKind.BREAKER)
    return {each.reason for each in bot.bot.strategy.refusals.newest if each.kind in kinds}


def damage(fleet):
    (fleet.path / "fleet.json").write_bytes(b"{")


def remove(fleet):
    (fleet.path / "fleet.json").unlink()


def forget(fleet):
    fleet.write_rules(Rules(bots=("other",)))


def hold(fleet):
    fleet.write_rules(Rules(bots=("swing",), watched=True))
    fleet.write_watched(Watched(at=START, until=START + timedelta(days=1), hold="b says nothing"))


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (damage, "fleet.json is damaged"),
        pytest.param(remove, "fleet.json is not there", marks=SLOW),
        pytest.param(forget, "has no bot 'swing', but other", marks=SLOW),
        (hold, "b says nothing"),
    ],
)
def test_without_the_fleet_it_enters_nothing_and_says_so_once(tmp_path, act, words):
    with fleet_bot(tmp_path) as (bot, venue, fleet):
        act(fleet)
        bot.bot.strategy.side = "long"
        bot.run(20, STEP)
        assert venue.amount == 0
        [message] = said(bot)
        assert message.startswith("REDUCING: Fleet: ")
        assert words in message
        assert "Exits and stops go on" in message
        with pytest.raises(RPCException):
            force_entry(bot)
        assert any(words in reason for reason in refused(bot))
        fleet.write_rules(RULES)
        bot.run_until(lambda: venue.amount, 3 * MINUTE, STEP)
        assert "the fleet may enter again" in said(bot)[1]


def test_a_pair_of_another_bot_is_refused_and_others_are_not_said(tmp_path):
    with fleet_bot(tmp_path, Rules(bots=("swing", "other"), pairs={PAIR: "other"})) as given:
        bot, venue, fleet = given
        bot.bot.strategy.side = "long"
        bot.run(10, STEP)
        with pytest.raises(RPCException):
            force_entry(bot)
        assert venue.amount == 0
        assert refused(bot) == {f"{PAIR} belongs to the bot other of the fleet"}
        assert said(bot) == []
        assert fleet.claims() == []


def test_what_it_holds_is_claimed_until_it_has_left_it(tmp_path):
    with fleet_bot(tmp_path) as (bot, venue, fleet):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount and live_stops(venue), 3 * MINUTE, STEP)
        assert [(each.pair, each.bot) for each in fleet.claims()] == [(PAIR, "swing")]
        assert fleet.against("other", PAIR, bot.now)
        # What is wrong with the fleet keeps no exit and no stop from anything.
        damage(fleet)
        bot.bot.strategy.side, bot.bot.strategy.leave = None, True
        bot.run_until(lambda: not venue.amount, 3 * MINUTE, STEP)
        fleet.write_rules(RULES)
        bot.run_until(lambda: not fleet.claims(), 4 * MINUTE, STEP)
        bot.run(3, STEP)
        assert fleet.against("other", PAIR, bot.now) == ""
        assert differences(bot.trades(), venue) == []


def test_an_addition_is_refused_as_well(tmp_path):
    with fleet_bot(tmp_path) as (bot, venue, fleet):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount and live_stops(venue), 3 * MINUTE, STEP)
        before = venue.amount
        bot.bot.strategy.position_adjustment_enable = True
        damage(fleet)
        with pytest.raises(RPCException):
            force_entry(bot)
        bot.run(2, STEP)
        assert venue.amount == before


def test_options_that_are_wrong_end_the_start(tmp_path):
    words = r"perpkit\.fleet_bot must be a name"
    with pytest.raises(FreqtradeException, match=words), fleet_bot(tmp_path, fleet_bot="a b"):
        pass
