"""One look at a fleet: which latches it sets, and when it holds entries back."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest

from perpkit.ops.fleet.fleet_file import Fleet, Limits
from perpkit.ops.fleet.watch import look, rules_of
from perpkit.ops.stop.accounts import AccountEntry
from perpkit.record.fleet import FleetFolder
from perpkit.record.latch import LatchFile, LatchState
from perpkit.record.state_file import write
from tests.bench.states import NOW, least
from tests.ops.fleet.factories import account, member

CLEAR, REDUCING, HALTED = LatchState
STEP = timedelta(seconds=10)
LIMITS = Limits(max_gross=2.0, max_drawdown=0.2)


class Desk:
    """A fleet of two bots on two accounts, whose states a test writes."""

    def __init__(self, folder, keys=("one", "two"), **given):
        self.members = [
            member(name, key, folder=folder, **given) for name, key in zip("ab", keys, strict=True)
        ]
        entries = [(each.bot, AccountEntry(each.bot.name, folder)) for each in self.members]
        self.fleet = Fleet(folder / "x.toml", FleetFolder(folder / "fleet"), LIMITS, tuple(entries))
        self.fleet.folder.write_rules(rules_of(self.fleet))

    def state(self, name, equity=1_000.0, gross=0.0, **given):
        [found] = [each for each in self.members if each.bot.name == name]
        write(found.state, least(account=account(equity, gross), **given))

    def look(self, at=NOW, **given):
        return look(self.fleet, self.members, at, STEP, **given)

    @property
    def latches(self):
        return [each.latch.read().state for each in self.members]

    def refused(self, at=NOW):
        return self.fleet.folder.against_all("a", at)


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    made.state("a")
    made.state("b")
    return made


def test_while_all_is_well_nothing_is_set(desk):
    assert "is not there" in desk.refused()  # as long as no look was taken
    seen = desk.look()
    assert (seen.well, seen.set, desk.latches) == (True, [], [CLEAR, CLEAR])
    assert desk.refused() == ""
    assert seen.peaks == {"live": 2_000}
    assert desk.refused(NOW + timedelta(minutes=1)) == ""
    assert "has ended, or hangs" in desk.refused(NOW + timedelta(seconds=61))


@pytest.mark.parametrize(
    ("equity", "gross", "latches"),
    [
        (1_000.0, 2_000.0, [CLEAR, CLEAR]),
        (1_000.0, 2_001.0, [REDUCING, REDUCING]),
        (801.0, 0.0, [CLEAR, CLEAR]),
        (800.0, 0.0, [HALTED, HALTED]),
        (800.0, 5_000.0, [HALTED, HALTED]),
    ],
)
def test_a_limit_over_the_sum_sets_the_latch_of_each_bot(desk, equity, gross, latches):
    desk.look()
    for name in "ab":
        desk.state(name, equity, gross)
    seen = desk.look()
    assert desk.latches == latches
    assert bool(seen.set) is (latches != [CLEAR, CLEAR])
    assert desk.look().set == []  # it is set already
    if seen.broken:
        latch = desk.members[0].latch.read()
        assert latch.by.startswith("perpkit fleet watch, ")
        assert latch.why == seen.broken[-1].why


def test_the_loss_of_one_account_is_the_fleets(desk):
    desk.look()
    desk.state("a", 590.0)
    desk.look()
    assert desk.latches == [HALTED, HALTED]


def test_no_latch_is_loosened(desk):
    desk.members[0].latch.write(HALTED, "me@here", "my reasons")
    desk.state("a", gross=5_000.0)
    desk.look()
    assert desk.latches == [HALTED, REDUCING]
    assert desk.members[0].latch.read().why == "my reasons"
    desk.state("a")
    assert desk.look().well
    assert desk.latches == [HALTED, REDUCING]


@pytest.mark.parametrize("missing", ["no file", "old", "damaged", "no account"])
def test_a_bot_that_says_nothing_holds_back_all_and_sells_nothing(desk, missing):
    desk.look()
    path = desk.members[1].state
    at = NOW
    if missing == "no file":
        path.unlink()
    elif missing == "damaged":
        path.write_bytes(b"{")
    elif missing == "no account":
        write(path, least())
    else:
        at += timedelta(minutes=5)
        desk.state("a", written_at=at)
    seen = desk.look(at)
    assert "b: " in seen.hold
    assert desk.refused(at) == seen.hold
    assert (desk.latches, seen.sums[0].equity) == ([CLEAR, CLEAR], None)
    desk.state("a", written_at=at)
    desk.state("b", written_at=at)
    assert desk.look(at).well
    assert desk.refused(at) == ""


def test_a_bot_that_does_not_follow_the_fleet_is_held_by_its_latch(tmp_path):
    desk = Desk(tmp_path, unled="it does not follow the fleet")
    desk.state("a")
    desk.look()
    assert desk.latches == [REDUCING, REDUCING]


def test_a_damaged_peak_holds_entries_back(desk):
    desk.look()
    (desk.fleet.folder.path / "peaks.json").write_bytes(b"{")
    assert "peaks.json is damaged" in desk.look().hold
    assert desk.latches == [CLEAR, CLEAR]


def test_a_latch_that_cannot_be_set_is_a_problem_and_holds_entries_back(tmp_path):
    desk = Desk(tmp_path, latch=LatchFile(tmp_path / "absent" / "main.live.json", True))
    for name in "ab":
        desk.state(name, gross=5_000.0)
    seen = desk.look()
    assert "cannot be set" in seen.problems[0]
    assert "cannot be set" in desk.refused()


def test_after_a_withdrawal_the_operator_says_so(desk):
    desk.look()
    for name in "ab":
        desk.state(name, 500.0)
    assert desk.look(new_peak={"live"}).well
    assert desk.latches == [CLEAR, CLEAR]


def test_a_part_of_an_account_that_comes_or_goes_is_no_loss_and_no_profit(tmp_path):
    desk = Desk(tmp_path, keys=("one", "one"), own_capital=True)
    for name in "ab":
        desk.state(name, 950.0)
    desk.look()
    both, desk.members = desk.members, desk.members[:1]
    seen = desk.look()
    assert (seen.well, seen.peaks) == (True, {"live": 950})
    desk.members = both
    assert desk.look().peaks == {"live": 1_900}
    assert desk.latches == [CLEAR, CLEAR]


def test_a_look_that_cannot_be_written_tightens_all_the_same(desk, monkeypatch):
    full = mock.Mock(side_effect=OSError(28, "No space left on device"))
    desk.look()
    desk.state("a", gross=9_000.0)
    with monkeypatch.context() as failing:
        failing.setattr(FleetFolder, "write_watched", full)
        seen = desk.look()
    assert "the look cannot be written" in seen.problems[0]
    assert (len(seen.set), desk.latches) == (2, [REDUCING, REDUCING])


def test_bots_are_held_to_looks_only_where_there_are_limits(desk):
    unlimited = Fleet(desk.fleet.path, desk.fleet.folder, Limits(), desk.fleet.bots)
    desk.fleet.folder.write_rules(rules_of(unlimited))
    assert desk.refused(NOW + timedelta(days=1)) == ""
