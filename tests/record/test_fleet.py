"""The folder of a fleet: whose a pair is, and when no bot may enter at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from perpkit.files import whole_file
from perpkit.record.fleet import (
    IN_FLIGHT,
    FleetError,
    FleetFolder,
    Rules,
    Watched,
    membership,
)

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
LATER = NOW + IN_FLIGHT + timedelta(seconds=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@pytest.fixture
def folder(tmp_path) -> FleetFolder:
    made = FleetFolder(tmp_path / "fleet")
    made.write_rules(Rules(bots=("a", "b"), pairs={BTC: "a"}))
    return made


def watch(folder, seconds=10, hold=""):
    folder.write_rules(Rules(bots=("a", "b"), pairs={BTC: "a"}, watched=True))
    until = NOW + timedelta(seconds=seconds)
    folder.write_watched(Watched(at=NOW, until=until, hold=hold))


@pytest.mark.parametrize(
    ("bot", "pair", "reason"),
    [
        ("a", BTC, ""),
        ("b", BTC, "BTC/USDT:USDT belongs to the bot a of the fleet"),
        ("a", ETH, ""),
        ("b", ETH, ""),
        ("c", ETH, "has no bot 'c', but a, b"),
    ],
)
def test_who_may_enter_a_pair(folder, bot, pair, reason):
    found = folder.against(bot, pair, NOW)
    assert found.endswith(reason)
    assert bool(found) is bool(reason)


def test_the_first_bot_has_a_pair_until_it_has_left_it(folder):
    assert folder.against("b", ETH, NOW) == ""
    assert folder.against("a", ETH, NOW) == "the bot b of the fleet came first in ETH/USDT:USDT"
    folder.keep("b", {ETH}, LATER)  # it holds it
    assert folder.against("a", ETH, LATER)
    assert folder.against("b", ETH, LATER) == ""  # an addition
    folder.keep("b", set(), LATER)  # which may be on its way
    assert folder.against("a", ETH, LATER)
    folder.keep("a", set(), LATER + 2 * IN_FLIGHT)
    assert folder.against("a", ETH, LATER)  # only the bot itself gives it up
    folder.keep("b", set(), LATER + 2 * IN_FLIGHT)
    assert folder.against("a", ETH, LATER) == ""


def test_what_is_held_is_claimed_and_no_claim_is_taken_away(folder):
    folder.keep("a", {ETH}, NOW)
    folder.keep("b", {ETH}, NOW)
    assert [(claim.pair, claim.bot) for claim in folder.claims()] == [(ETH, "a")]


def test_an_owner_waits_for_a_bot_that_came_before_the_rule(folder):
    folder.keep("b", {BTC}, NOW)
    assert folder.against("a", BTC, NOW) == "the bot b of the fleet came first in BTC/USDT:USDT"


def test_of_many_at_once_one_has_it(folder):
    bots = [f"bot{n}" for n in range(16)]
    folder.write_rules(Rules(bots=tuple(bots)))
    for number in range(20):
        pair = f"C{number}/USDT:USDT"
        with ThreadPoolExecutor(16) as pool:
            reasons = list(pool.map(lambda bot, pair=pair: folder.against(bot, pair, NOW), bots))
        assert reasons.count("") == 1
        [claim] = [each for each in folder.claims() if each.pair == pair]
        assert reasons[bots.index(claim.bot)] == ""


DAMAGES = [b"", b"{", b"[]", b"{}", b"\xff", b'{"bots": 1}', b'{"at": "now"}', b"x" * 2**21]


@pytest.mark.parametrize("content", DAMAGES)
@pytest.mark.parametrize("name", ["fleet.json", "watch.json"])
def test_a_damaged_file_lets_no_bot_enter(folder, name, content):
    watch(folder)
    assert folder.against_all("a", NOW) == ""
    (folder.path / name).write_bytes(content)
    assert "is damaged" in folder.against_all("a", NOW)
    assert folder.against("a", BTC, NOW)
    (folder.path / name).unlink()
    assert "is not there" in folder.against_all("a", NOW)
    (folder.path / name).mkdir()
    assert "cannot be read" in folder.against_all("a", NOW)


@pytest.mark.parametrize("content", DAMAGES)
def test_a_damaged_claim_lets_no_bot_enter_its_pair_and_no_other(folder, content):
    folder.against("a", ETH, NOW)
    [path] = (folder.path / "claims").iterdir()
    path.write_bytes(content)
    for bot in ("a", "b"):
        assert f"{path} is damaged" in folder.against(bot, ETH, NOW)
    assert folder.against("a", BTC, NOW) == ""
    for held in (set(), {ETH}, {BTC, ETH}):
        folder.keep("a", held, NOW)
    assert path.read_bytes() == content
    with pytest.raises(FleetError, match="is damaged"):
        folder.claims()  # the operator is shown it
    assert folder.against("b", BTC, NOW)


def test_a_link_to_nothing_is_not_claimed(folder):
    (folder.path / "claims").mkdir()
    (folder.path / "claims" / "ETH%2FUSDT%3AUSDT.json").symlink_to(folder.path / "nothing")
    assert "cannot be claimed" in folder.against("a", ETH, NOW)
    assert folder.against("a", BTC, NOW) == ""
    with pytest.raises(FleetError, match="cannot be claimed"):
        folder.keep("a", {ETH}, NOW)


def test_a_clock_that_was_set_back_keeps_no_claim(folder):
    folder.against("a", ETH, LATER)
    folder.keep("a", set(), NOW)
    assert folder.against("b", ETH, NOW) == ""


def test_a_claim_that_cannot_be_written_is_none(folder):
    (folder.path / "claims").write_text("in the way")
    assert "cannot be read (Not a directory)" in folder.against("a", ETH, NOW)
    with mock.patch.object(
        whole_file.os, "link", side_effect=OSError(28, "No space left on device")
    ):
        (folder.path / "claims").unlink()
        assert "cannot be claimed" in folder.against("a", ETH, NOW)
    assert not [*(folder.path / "claims").iterdir()]


@pytest.mark.parametrize(
    ("seconds", "hold", "reason"),
    [
        (10, "", ""),
        (0, "", ""),
        (-1, "", "were looked at last at 2026-03-02 10:00:00 UTC"),
        (10, "a bot says nothing", "a bot says nothing"),
    ],
)
def test_a_watched_fleet_needs_a_recent_look(folder, seconds, hold, reason):
    watch(folder, seconds, hold)
    found = folder.against_all("a", NOW)
    assert reason in found
    assert bool(found) is bool(reason)
    assert bool(folder.against("a", BTC, NOW)) is bool(reason)


@pytest.mark.parametrize(
    ("behind", "refused"),
    [(timedelta(seconds=60), False), (timedelta(seconds=61), True), (timedelta(days=300), True)],
)
def test_a_look_from_the_future_does_not_count(folder, behind, refused):
    watch(folder, seconds=10)
    found = folder.against_all("a", NOW - behind)
    assert ("in the future" in found) is bool(found) is refused


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"perpkit": {}},
        {"perpkit": None},
        {"perpkit": {"account": "main"}},
        {"perpkit": {"fleet_dir": None, "fleet_bot": None}},
    ],
)
def test_most_bots_belong_to_none(given):
    assert membership(given) is None


def test_a_bot_names_its_fleet(tmp_path):
    found = membership({"perpkit": {"fleet_dir": str(tmp_path), "fleet_bot": "a"}})
    assert (found.folder.path, found.bot) == (tmp_path, "a")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fleet_bot": "a"}, "perpkit.fleet_dir must be the path of a folder, got None"),
        ({"fleet_dir": "x"}, "perpkit.fleet_bot must be a name .* got None"),
        ({"fleet_dir": "", "fleet_bot": "a"}, "fleet_dir .* got ''"),
        ({"fleet_dir": 1, "fleet_bot": "a"}, "fleet_dir .* got 1"),
        (
            {"fleet_dir": "~nosuch/x", "fleet_bot": "a"},
            "perpkit.fleet_dir must be the path of a folder, got '~nosuch/x': there is no such",
        ),
        ({"fleet_dir": "x", "fleet_bot": "a b"}, "fleet_bot .* got 'a b'"),
        ("no object", "perpkit must be an object"),
    ],
)
def test_options_that_are_wrong_are_named(given, words):
    with pytest.raises(ValueError, match=words):
        membership({"perpkit": given})
