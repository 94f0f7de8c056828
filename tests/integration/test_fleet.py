"""`perpkit fleet` over three live bots on two accounts and one address of the venue."""

from __future__ import annotations

import json

import pytest

from perpkit.record.latch import LatchState, write
from tests.bench.emergency import pair
from tests.bench.fleet import BOTS, WALLET, fleet_place

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_three_bots_on_two_accounts_are_one_fleet(tmp_path):
    with fleet_place(tmp_path) as at:
        assert at.perpkit_fleet("pairs")[0] == 0
        # The sums have limits: until somebody looks, no bot enters.
        assert at.perpkit_fleet("watch", "--once")[0] == 1
        with at.trading() as bots:
            at.wait_until(lambda: all(map(at.state, BOTS)), "all started", bots)
            at.wait_until(lambda: watched(at), "all is known", bots)
            at.wait_until(lambda: is_ready(at), "in their pairs", bots)
            check_pairs(at)
            check_status(at)
            check_gross(at)
            check_stop(at)
            check_drawdown(at)


def watched(at) -> bool:
    return at.perpkit_fleet("watch", "--once")[0] == 0


def is_ready(at) -> bool:
    """A pair that is held by one bot is refused to the other; no bot is held back."""
    if not watched(at):
        return False
    refused = {name: refusals(at, name) for name in BOTS}
    taken = pair("ETH") in refused["a"] or pair("ETH") in refused["b"]
    return (
        at.held("first") == {"BTC", "ETH"}
        and at.held("second") == {"LTC", "XRP"}
        and taken
        and pair("LTC") in refused["b"]
        and all(each.covered for name in BOTS for each in at.state(name).positions or ())
        and all(at.state(name).trading.state == "active" for name in BOTS)
    )


def refusals(at, name: str) -> dict[str, str]:
    state = at.state(name)
    newest = state.refusals.newest if state and state.refusals else ()
    return {each.pair: each.reason for each in newest if each.kind == "fleet"}


def check_pairs(at):
    """By the file, and by first come."""
    held = {name: {each.pair for each in at.state(name).positions} for name in BOTS}
    assert sum(pair("ETH") in pairs for pairs in held.values()) == 1
    assert pair("LTC") not in held["b"]
    taken = "LTC/USDT:USDT belongs to the bot c of the fleet"
    assert refusals(at, "b")[pair("LTC")] == taken
    assert taken in at.why("b", "LTC")
    first = "a" if pair("ETH") in held["a"] else "b"
    second = {"a": "b", "b": "a"}[first]
    assert refusals(at, second)[pair("ETH")] == (
        f"the bot {first} of the fleet came first in ETH/USDT:USDT"
    )


def check_status(at):
    code, text = at.perpkit_fleet("status")
    assert code == 0, text
    assert text.count("request weight of this machine (a, b, c)") == text.count("weight") == 1
    content = json.loads(at.perpkit_fleet("status", "--json")[1])
    assert [row["bot"] for row in content["bots"]] == ["a", "b", "c"]
    assert [row["account"] for row in content["bots"]] == ["first", "first", "second"]
    assert {row["trading"] for row in content["bots"]} == {"active"}
    assert sum(row["positions"] for row in content["bots"]) == 4
    assert sum(row["covered"] for row in content["bots"]) == 4
    [total] = content["sums"]
    # The wallet of two bots on one account is counted once.
    assert total["equity"] == pytest.approx(2 * WALLET, rel=0.001)
    assert total["gross"] == pytest.approx(4 * 3_000, rel=0.05)
    [weight] = content["weights"]
    assert 0 < weight["used"] <= weight["limit"]


def check_gross(at):
    at.limit(max_gross=0.01, max_drawdown=0.5)
    code, text = at.perpkit_fleet("watch", "--once")
    assert code == 1
    assert "above 0.01" in text
    for name in BOTS:
        latch = at.latch(name)
        assert latch.state is LatchState.REDUCING
        assert latch.by.startswith("perpkit fleet watch")
        assert "exposure" in latch.why
    assert at.held("first") | at.held("second") == {"BTC", "ETH", "LTC", "XRP"}


def check_stop(at):
    code, text = at.perpkit_fleet("stop", "--json", "--why", "a test")
    assert code == 0, text
    assert at.held("first") == at.held("second") == set()
    assert {at.latch(name).state for name in BOTS} == {LatchState.HALTED}
    # What is exceeded still asks for less than that, and loosens nothing.
    at.perpkit_fleet("watch", "--once")
    assert {at.latch(name).why for name in BOTS} == {"a test"}


def check_drawdown(at):
    """The fees of all that are the loss; the peak is that of the first look."""
    for name in BOTS:
        write(at.latch_path(name), LatchState.CLEAR, "me@here", "as perpkit resume does")
    at.limit(max_drawdown=0.00001)
    code, text = at.perpkit_fleet("watch", "--once")
    assert code == 1
    for name in BOTS:
        latch = at.latch(name)
        assert latch.state is LatchState.HALTED, text
        assert "below its highest of" in latch.why
