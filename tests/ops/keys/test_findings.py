"""Keys and accounts at a venue that speaks as the exchange does: what the check says of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from perpkit.ops.exchange import exchange_client
from perpkit.ops.keys.finding import worst
from perpkit.ops.keys.findings import key_findings
from perpkit.ops.level import Level
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.planted import KEY, MARK, SECRET
from tests.ops.keys.conftest import DAY_MS, Bot


@contextmanager
def planned(bot: Bot, fault: Fault) -> Iterator[None]:
    name = bot.venue.market.faults.add(fault)
    try:
        yield
    finally:
        bot.venue.market.faults.remove(name)


CREDITS = {"margin_mode": "cross", "proxy_coin": "BNFCR"}
EUROPEAN = {"multi_assets": True, "wallets": {"BNFCR": Decimal(0), "USDC": Decimal(1000)}}
FAR = {"addresses": frozenset({"10.0.0.1"})}


def findings(bot: Bot, **settings: Any):
    config = bot.configure(settings.pop("exchange", None), **settings)
    return {f.check: f for f in key_findings(config, exchange_client(config.config))}


def wrong(found) -> dict[str, Level]:
    """The key in the overlay is in plain text: so it is in every one of these."""
    bad = {f.check: f.level for f in found.values() if f.level not in (Level.OK, Level.SKIPPED)}
    assert bad.pop("storage") is Level.WARN
    return bad


# What the key may do, how its account is set, what is configured: see docs/evidence/keys.md.
SETS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Level]]] = [
    ("reads and trades, bound", {}, {}, {}, {}),
    ("credits mode", {}, EUROPEAN, CREDITS, {}),
    ("multi-assets, meant", {}, {"multi_assets": True}, {**CREDITS, "proxy_coin": "USDT"}, {}),
    ("no credits", {}, {"multi_assets": True}, CREDITS, {"asset mode": Level.FAIL}),
    (
        "credits, another coin",
        {},
        {**EUROPEAN, "wallets": {"BNFCR": Decimal(-3), "USDC": Decimal(1000)}},
        {**CREDITS, "proxy_coin": "USDC"},
        {"asset mode": Level.FAIL},
    ),
    ("not bound", {"addresses": frozenset()}, {}, {}, {"addresses": Level.FAIL}),
    ("withdraws", {"withdraw": True}, {}, {}, {"withdrawals": Level.FAIL}),
    ("internal transfers", {"internal_transfer": True}, {}, {}, {"transfers": Level.FAIL}),
    ("universal transfers", {"universal_transfer": True}, {}, {}, {"transfers": Level.FAIL}),
    ("reads only", {"trade": False}, {}, {}, {"futures": Level.FAIL}),
    ("more than needed", {"spot": True, "margin": True}, {}, {}, {"other rights": Level.WARN}),
    ("options", {"options": True}, {}, {}, {"other rights": Level.WARN}),
    ("portfolio margin", {"portfolio_margin": True}, {}, {}, {"other rights": Level.WARN}),
    ("fix", {"fix_read": True, "fix_trade": True}, {}, {}, {"other rights": Level.WARN}),
    ("hedge mode", {}, {"hedge": True}, {}, {"position mode": Level.FAIL}),
    ("multi-assets", {}, {"multi_assets": True}, {}, {"asset mode": Level.FAIL}),
    (
        "multi-assets, isolated",
        {},
        {"multi_assets": True},
        {"margin_mode": "isolated", "proxy_coin": "BNFCR"},
        {"asset mode": Level.FAIL},
    ),
    (
        "multi-assets, cross, not said",
        {},
        {"multi_assets": True},
        {"margin_mode": "cross"},
        {"asset mode": Level.FAIL},
    ),
    (
        "credits configured, isolated",
        {},
        {},
        {"margin_mode": "isolated", "proxy_coin": "BNFCR"},
        {"asset mode": Level.FAIL},
    ),
    ("credits configured, not set", {}, {}, CREDITS, {"asset mode": Level.FAIL}),
    ("cross", {}, {}, {"margin_mode": "cross"}, {}),
    (
        "everything at once",
        {"withdraw": True, "universal_transfer": True, "addresses": frozenset(), "spot": True},
        {"hedge": True, "multi_assets": True},
        {},
        {
            "withdrawals": Level.FAIL,
            "transfers": Level.FAIL,
            "addresses": Level.FAIL,
            "other rights": Level.WARN,
            "position mode": Level.FAIL,
            "asset mode": Level.FAIL,
        },
    ),
]


@pytest.mark.parametrize(
    ("rights", "account", "config", "expected"),
    [pytest.param(*each[1:], id=each[0]) for each in SETS],
)
def test_permission_sets(bot, rights, account, config, expected):
    bot.allow(**rights)
    for name, value in account.items():
        setattr(bot.account, name, value)
    found = findings(bot, **config)
    assert wrong(found) == expected
    assert not [f for f in found.values() if f.level is Level.SKIPPED]
    # Each complaint comes with a way out, and none with a secret.
    assert all(f.fix for f in found.values() if f.level is not Level.OK)
    assert MARK not in str(found)


def test_a_key_of_another_address(bot):
    bot.allow(**FAR)
    found = findings(bot)
    assert wrong(found) == {"signed call": Level.FAIL}
    assert "-2015" in found["signed call"].words
    assert "trusted IPs" in found["signed call"].fix
    assert found["withdrawals"].level is found["position mode"].level is Level.SKIPPED


@pytest.mark.parametrize(
    ("key", "secret", "words", "fix"),
    [
        (KEY, "another", "-1022", "secret is not the one of this key"),
        ("unknown", SECRET, "-2015", "may be deleted"),
        ("not a key", SECRET, "-2014", "does not know this key"),
    ],
    ids=["secret", "unknown", "format"],
)
def test_a_key_that_is_refused(bot, key, secret, words, fix):
    found = findings(bot, exchange={"key": key, "secret": secret})
    assert wrong(found) == {"signed call": Level.FAIL}
    assert words in found["signed call"].words
    assert fix in found["signed call"].fix


def test_a_right_is_taken_from_all_keys(bot):
    """As when the exchange restricts the account: the wallet API, and the futures API, refuse."""
    fault = Fault(FaultKind.PERMISSION_REMOVED, parameters={"permission": "read"})
    with planned(bot, fault):
        found = findings(bot)
    assert wrong(found) == {"signed call": Level.FAIL}


@pytest.mark.parametrize(
    ("skew_ms", "level", "words"),
    [
        (0, Level.OK, "ms"),
        (2500, Level.WARN, "ms behind the exchange's: near"),
        (30_000, Level.FAIL, "ms behind the exchange's: it refuses"),
        (-30_000, Level.FAIL, "ms ahead of the exchange's: it refuses"),
    ],
)
def test_clocks(bot, skew_ms, level, words):
    bot.allow(trade=False)
    fault = Fault(FaultKind.CLOCK_SKEW, parameters={"ms": skew_ms})
    with planned(bot, fault):
        found = findings(bot)
    # The rights are found with any clock.
    clock = {"clock": level} if level is not Level.OK else {}
    assert wrong(found) == {**clock, "futures": Level.FAIL}
    assert words in found["clock"].words
    said = re.search(r"\d+", found["clock"].words)
    assert abs(int(said.group()) - abs(skew_ms)) < 400


def test_balances_that_cannot_be_read_are_no_sound_mode(bot, monkeypatch):
    for name, value in EUROPEAN.items():
        setattr(bot.account, name, value)
    config = bot.configure(**CREDITS)
    client = exchange_client(config.config)

    def refused():
        raise ccxt.PermissionDenied('binance {"code":-2015,"msg":"No."}')

    monkeypatch.setattr(client, "fapiPrivateV3GetAccount", refused)
    [mode] = [f for f in key_findings(config, client) if f.check == "asset mode"]
    assert mode.level is Level.SKIPPED
    assert "balances cannot be read" in mode.words


@pytest.mark.parametrize(
    ("days", "expires_in_days", "expected"),
    [
        (1, None, {}),
        (89, None, {}),
        (90, None, {"age": Level.WARN}),
        (1, 15, {}),
        (1, 14, {"expiry": Level.WARN}),
        (1, -1, {"expiry": Level.FAIL}),
        (400, 1, {"age": Level.WARN, "expiry": Level.WARN}),
    ],
)
def test_dates(bot, days, expires_in_days, expected):
    now = bot.venue.market.now()
    ends = None if expires_in_days is None else now + expires_in_days * DAY_MS
    bot.allow(made=now - days * DAY_MS, expires=ends)
    found = findings(bot)
    assert wrong(found) == expected
    assert f"{days} days, made 20" in found["age"].words


def test_how_old_is_old_can_be_chosen(bot):
    bot.allow(made=bot.venue.market.now() - 40 * DAY_MS)
    config = bot.configure()
    asked = {"now": datetime.now(UTC) + timedelta(days=1), "rotate_after_days": 41}
    found = key_findings(config, exchange_client(config.config), **asked)
    assert {f.check: f.level for f in found}["age"] is Level.WARN


@pytest.mark.parametrize(
    ("isolated", "margin_mode", "level"),
    [
        (True, "isolated", Level.OK),
        (False, "isolated", Level.FAIL),
        (True, "cross", Level.FAIL),
        (False, "cross", Level.OK),
    ],
)
def test_the_margin_mode_of_an_open_position(bot, isolated, margin_mode, level):
    if isolated:
        bot.venue.engine.set_margin_type(bot.account, "BTCUSDT", isolated=True)
    config = bot.configure(margin_mode=margin_mode)
    trader = exchange_client(config.config)
    trader.fapiPrivatePostOrder(
        {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.002"}
    )
    found = {f.check: f for f in key_findings(config, trader)}
    assert found["margin mode"].level is level
    assert ("BTCUSDT" in found["margin mode"].words) is (level is Level.FAIL)


def test_an_exchange_that_does_not_answer(bot):
    config = bot.configure()
    client = exchange_client(config.config)
    client.urls["api"] = dict.fromkeys(client.urls["api"], "http://127.0.0.1:9/fapi/v1")
    found = key_findings(config, client)
    assert [(f.check, f.level) for f in found][:2] == [
        ("clock", Level.FAIL),
        ("signed call", Level.FAIL),
    ]
    assert {f.level for f in found[2:-1]} == {Level.SKIPPED}
    assert worst(found) is Level.FAIL
    assert "signature" not in str(found)
    assert "127.0.0.1" not in str(found)


NOT_THE_EXCHANGES = ["<html>", None, {}, [], [{}], {"code": 200, "msg": "ok"}]


@pytest.mark.parametrize("answer", [*NOT_THE_EXCHANGES, {"assets": None}])
def test_balances_that_are_not_the_exchanges_are_unknown(bot, answer):
    for name, value in EUROPEAN.items():
        setattr(bot.account, name, value)
    config = bot.configure(**CREDITS)
    client = exchange_client(config.config)
    client.fapiPrivateV3GetAccount = lambda *_: answer
    levels = {f.check: f.level for f in key_findings(config, client)}
    assert levels["asset mode"] is Level.SKIPPED


def test_the_client_is_left_as_it_was(bot):
    """Though the check reads with the exchange's clock where this machine's is wrong."""
    config = bot.configure()
    client = exchange_client(config.config)
    before = client.options.get("timeDifference", 0)
    with planned(bot, Fault(FaultKind.CLOCK_SKEW, parameters={"ms": 30_000})):
        found = key_findings(config, client)
    assert {f.check: f.level for f in found}["reading"] is Level.OK
    assert client.options["timeDifference"] == before


@pytest.mark.parametrize("answer", NOT_THE_EXCHANGES)
@pytest.mark.parametrize(
    ("call", "check"),
    [
        ("fapiPublicGetTime", "clock"),
        ("sapiGetAccountApiRestrictions", "signed call"),
        ("fapiPrivateGetAccountConfig", "signed call"),
        ("fapiPrivateV3GetPositionRisk", "margin mode"),
    ],
)
def test_what_is_not_the_exchanges_answer_is_a_finding(bot, call, check, answer):
    """Of a proxy, or of the page on which a network wants a login."""
    config = bot.configure()
    client = exchange_client(config.config)
    setattr(client, call, lambda: answer)
    found = {each.check: each for each in key_findings(config, client)}
    if (call, answer) == ("fapiPrivateV3GetPositionRisk", []):  # nothing is open
        assert found[check].level is Level.OK
    else:
        assert found[check].level in (Level.FAIL, Level.SKIPPED)
