"""Planted faults that only a look at the exchange, Telegram or the bot can find, with their fix."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from perpkit.ops.doctor import telegram
from perpkit.ops.level import Level
from perpkit.venue.engine import NewAlgo, NewOrder
from perpkit.venue.exchange.account_settings import SettingsChange, change
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.desk import Desk
from tests.bench.planted import KEY, SECRET
from tests.bench.web import CHAT, TOKEN, bots_api, telegram_api, unused_port

pytestmark = pytest.mark.integration

SYMBOL, ETHER = "BTCUSDT", "ETHUSDT"
API = {
    "enabled": True,
    "listen_ip_address": "127.0.0.1",
    "username": "operator",
    "password": "a password of the REST API",
    "jwt_secret_key": "a0b1" * 16,
    "CORS_origins": [],
}
TELEGRAM = {"enabled": True, "token": TOKEN, "chat_id": CHAT}
Plant = Callable[[Desk], Any]


def fault(kind: FaultKind, **given: Any) -> Plant:
    def plant(desk: Desk) -> None:
        desk.exchange.market.faults.add(Fault(kind, since=desk.exchange.market.now(), **given))

    return plant


def key(**restrictions: Any) -> Plant:
    return lambda desk: desk.restrict(**restrictions)


def config(**given: Any) -> Plant:
    return lambda desk: desk.config.update(given)


def api(**given: Any) -> Plant:
    return config(api_server={**API, "listen_port": unused_port(), **given})


def without_key(desk: Desk) -> None:
    for name in ("KEY", "SECRET"):
        del os.environ[f"FREQTRADE__EXCHANGE__{name}"]


def running_with_api(desk: Desk) -> None:
    """A bot has the lock, and its API does not answer."""
    api()(desk)
    desk.hold_lock()


def account(**given: Any) -> Plant:
    def plant(desk: Desk) -> None:
        for name, value in given.items():
            setattr(desk.account, name, value)

    return plant


def books(statement: str, *values: Any) -> Plant:
    return lambda desk: desk.write(statement, *values)


def settings(**given: Any) -> Plant:
    def plant(desk: Desk) -> None:
        desk.exchange.catch_up()
        engine, now = desk.exchange.engine, desk.exchange.market.now()
        change(engine, desk.account, SYMBOL, SettingsChange(**given), now)

    return plant


def by_hand(desk: Desk) -> None:
    """The trader opens a position in a coin that the bot has no trade of."""
    now = desk.exchange.catch_up(ETHER)
    order = NewOrder(ETHER, "BUY", "MARKET", Decimal("0.5"), client_id="web_1")
    desk.exchange.engine.place_order(desk.account, order, now)


def by_hand_and_back(desk: Desk) -> None:
    """As `by_hand`, 60 times over and closed: only the account's income tells."""
    now = desk.exchange.catch_up(ETHER)
    for side in ("BUY", "SELL") * 2:
        order = NewOrder(ETHER, side, "MARKET", Decimal("1"), client_id=f"web_{side}")
        desk.exchange.engine.place_order(desk.account, order, now)


def without_stop(desk: Desk) -> None:
    now = desk.exchange.catch_up()
    desk.exchange.engine.cancel_all_algos(desk.account, SYMBOL, now)


def smaller(desk: Desk) -> None:
    now = desk.exchange.catch_up(SYMBOL)
    order = NewOrder(SYMBOL, "SELL", "MARKET", Decimal("0.01"), reduce_only=True, client_id="web_2")
    desk.exchange.engine.place_order(desk.account, order, now)


def other_margin(desk: Desk) -> None:
    """The exchange changes it for no position: the configuration is what is wrong."""
    desk.config["margin_mode"] = "cross"


def in_profit(desk: Desk) -> None:
    fault(FaultKind.PRICE_GAP, parameters={"change": 0.01})(desk)


def of_a_copy(desk: Desk, *, resting: bool = True) -> None:
    """Another bot with the same files sends an order of the same tag."""
    ours = next(o.client_id for o in desk.account.orders.values() if "-" in o.client_id[11:])
    theirs = re.sub(r"-[0-9a-z]{6}-", "-zzzzzz-", ours)
    now = desk.exchange.catch_up(SYMBOL)
    if resting:
        order = NewOrder(
            SYMBOL, "BUY", "LIMIT", Decimal("0.002"), Decimal(48_000), "GTC", client_id=theirs
        )
    else:
        order = NewOrder(SYMBOL, "BUY", "MARKET", Decimal("0.002"), client_id=theirs)
    desk.exchange.engine.place_order(desk.account, order, now)


def stop_of_a_copy(desk: Desk) -> None:
    ours = next(a.client_id for a in desk.account.algos.values())
    theirs = re.sub(r"-[0-9a-z]{6}-", "-zzzzzz-", ours)
    now = desk.exchange.catch_up(SYMBOL)
    stop = NewAlgo(
        SYMBOL,
        "SELL",
        "STOP_MARKET",
        Decimal("0.037"),
        trigger_price=Decimal(40_000),
        reduce_only=True,
        client_id=theirs,
    )
    desk.exchange.engine.place_algo(desk.account, stop, now)


# What is planted; the check that finds it, its words, and the fix that it prints.
FAULTS: dict[str, tuple[Plant, str, Level, str, str]] = {
    "clock behind": (
        fault(FaultKind.CLOCK_SKEW, parameters={"ms": 20_000}),
        "exchange", Level.FAIL, r"(19999|2000\d) ms behind .* refused \(-1021\)", "synchronise",
    ),
    "clock ahead": (
        fault(FaultKind.CLOCK_SKEW, parameters={"ms": -1500}),
        "exchange", Level.FAIL, r"(1499|150\d) ms ahead of .* refused \(-1021\)", "synchronise",
    ),
    "clock drifts": (
        fault(FaultKind.CLOCK_SKEW, parameters={"ms": -700}),
        "exchange", Level.WARN, r"(699|70\d) ms ahead of", "synchronise",
    ),
    "exchange away": (
        fault(FaultKind.MAINTENANCE),
        "exchange", Level.FAIL, "does not answer", "network",
    ),
    "exchange bans": (
        fault(FaultKind.BANNED),
        "exchange", Level.FAIL, "does not answer: .*", "until the ban has ended",
    ),
    "token of Telegram": (
        config(telegram={**TELEGRAM, "token": "1:wrong-token"}),
        "telegram", Level.FAIL, r"refuses the token \(401\)", "@BotFather",
    ),
    "chat of Telegram": (
        config(telegram={**TELEGRAM, "chat_id": "99887766"}),
        "telegram", Level.FAIL, "chat not found", "/start",
    ),
    "no token": (
        config(telegram={"enabled": True, "token": "", "chat_id": ""}),
        "telegram", Level.FAIL, "must be given", "FREQTRADE__TELEGRAM__TOKEN",
    ),
    "REST for everybody": (
        api(listen_ip_address="0.0.0.0"),
        "rest api", Level.FAIL, r"0\.0\.0\.0: every network", "127.0.0.1",
    ),
    "REST key": (
        api(jwt_secret_key="somethingrandom"),
        "rest api", Level.FAIL, "jwt_secret_key must be random", "JWT_SECRET_KEY",
    ),
    "REST without password": (
        api(password=""),
        "rest api", Level.FAIL, "password must not be empty", "API_SERVER__PASSWORD",
    ),
    "REST silent": (
        running_with_api,
        "rest api", Level.FAIL, "The bot runs, and its REST API does not answer", "log",
    ),
    "live without a key": (
        without_key,
        "key", Level.FAIL, "Live without a key", "perpkit keys store",
    ),
    "key may withdraw": (
        key(withdraw=True),
        "key", Level.FAIL, "withdrawals", "take it from the key",
    ),
    "key for every address": (
        key(addresses=frozenset()),
        "key", Level.FAIL, "every address", "restrict it",
    ),
    "key without futures": (
        key(trade=False),
        "key", Level.FAIL, "futures: not allowed", "allow futures",
    ),
    "hedge mode": (
        account(hedge=True),
        "key", Level.FAIL, "hedge mode", "One-way",
    ),
    "multi-assets mode": (
        account(multi_assets=True),
        "key", Level.FAIL, "multi-assets", "Single-Asset",
    ),
    "another instance": (
        of_a_copy,
        "other instance", Level.FAIL, r"BTCUSDT: 1 orders with this bot's tag", "perpkit adopt",
    ),
    "another instance's stop": (
        stop_of_a_copy,
        "other instance", Level.FAIL, r"BTCUSDT: 1 orders with this bot's tag", "perpkit adopt",
    ),
    "another instance, nothing open": (
        lambda desk: of_a_copy(desk, resting=False),
        "other instance", Level.FAIL, r"BTCUSDT: 1 orders with this bot's tag", "perpkit adopt",
    ),
    "account locked": (
        fault(FaultKind.TRADING_LOCKED),
        "trading status", Level.FAIL, r"account is locked until 2026-03-02 .*TMV.*-4400", "wait",
    ),
    "symbol locked": (
        fault(FaultKind.TRADING_LOCKED, symbol=ETHER, parameters={"indicator": "GCR"}),
        "trading status", Level.FAIL, "ETHUSDT is locked .*GCR", "wait",
    ),
    "first for deleveraging": (
        in_profit,
        "adl rank", Level.WARN, "BTCUSDT: rank 4 of 4", "part of the profit",
    ),
    "fee too small": (
        config(fee=0.0002),
        "commission", Level.WARN, r"0\.0500% as taker; .*0\.0200%", '"fee": 0.0005',
    ),
    "dearer than assumed": (
        account(taker=Decimal("0.0007")),
        "commission", Level.WARN, r"0\.0700% as taker; Freqtrade reckons", '"fee": 0.0007',
    ),
    "position smaller": (
        smaller,
        "positions", Level.FAIL, r"0\.037 long in the database, 0\.027 at", "start the bot",
    ),
    "position of nobody": (
        by_hand,
        "positions", Level.WARN, r"ETHUSDT: 0\.5 at the exchange, and no open trade", "by hand",
    ),
    "trade closed in the database": (
        books("UPDATE trades SET is_open = 0, close_date = open_date WHERE is_open = 1"),
        "positions", Level.WARN, r"BTCUSDT: 0\.037 at the exchange, and no open trade", "start the",
    ),
    "no stop": (
        without_stop,
        "positions", Level.FAIL, r"no stop at the exchange for 0\.037 of 0\.037", "start the bot",
    ),
    "leverage": (
        settings(leverage=20),
        "positions", Level.WARN, r"leverage is 20x at the exchange, \dx in", "back to",
    ),
    "margin mode": (
        other_margin,
        "positions", Level.FAIL, 'isolated at the exchange, "margin_mode" is "cross"', "close it",
    ),
    "funding not booked": (
        books("UPDATE trades SET funding_fees = 0 WHERE is_open = 0"),
        "incomes", Level.WARN, r"funding -9\.75 at the exchange, 0\.00 in", "funding",
    ),
    "profit of a trade": (
        books("UPDATE trades SET close_profit_abs = close_profit_abs + 1.5 WHERE is_open = 0"),
        "incomes", Level.WARN, r"profit 107\.32 at .*, 108\.82 in .*\(\+1\.50\)", "trade history",
    ),
    "an exit that is missing": (
        books("DELETE FROM orders WHERE ft_order_side = 'sell' AND filled > 0.0195"),
        "incomes", Level.WARN, r"profit 107\.32 at .* by its trades, 49\.36 by", "trade history",
    ),
    "a price of an order": (
        books("UPDATE orders SET average = average * 1.01 WHERE filled > 0.038"),
        "incomes", Level.WARN, r"profit 107\.32 at .* by its trades, 87\.82 by", "trade history",
    ),
    "a trade that is missing": (
        books("DELETE FROM trades WHERE is_open = 0"),
        "incomes", Level.WARN, "BTC/USDT:USDT: profit 107.32 at", "trade history",
    ),
    "a pair that is missing": (
        books("DELETE FROM trades"),
        "incomes", Level.WARN, "BTCUSDT: profit 107.32, .* and no trade", "a copy",
    ),
    "traded by hand": (
        by_hand_and_back,
        "incomes", Level.WARN, "ETHUSDT: profit .* and no trade", "your own trading",
    ),
}  # fmt: skip


# Checks that cannot but find it, too.
ALSO: dict[str, set[str]] = {
    "hedge mode": {"positions"},
    "another instance, nothing open": {"positions"},
    "a pair that is missing": {"positions"},
}


@pytest.fixture(autouse=True)
def telegrams_address(monkeypatch):
    with telegram_api() as address:
        monkeypatch.setattr(telegram, "API", address)
        yield


def shown(found) -> str:
    return "\n".join(f"{f.level} {f.check}: {f.words} -> {f.fix}" for f in found)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_with_its_fix(desk, name):
    plant, check, level, words, fix = FAULTS[name]
    plant(desk)
    found = desk.findings()
    assert any(
        (f.check, f.level) == (check, level) and re.search(words, f.words) and fix in f.fix
        for f in found
    ), shown(found)
    others = {f.check for f in found if f.level.is_finding} - {check}
    assert others == ALSO.get(name, set()), shown(found)


def test_nothing_on_a_sound_set_up(desk):
    own = {**API, "listen_port": unused_port()}
    desk.config |= {"telegram": TELEGRAM, "api_server": own}
    with bots_api(own):
        found = desk.findings(20_000)
    assert [f for f in found if f.level is not Level.OK] == [], shown(found)
    assert {f.check for f in found} == {
        "exchange", "telegram", "rest api", "key", "other instance", "trading status", "adl rank",
        "commission", "positions", "incomes", "capital",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"username": "another"}, "refuses username and password"),
        ({"password": "another password"}, "refuses username and password"),
    ],
)
def test_a_login_that_the_bot_does_not_know(desk, own, words):
    runs = {**API, "listen_port": unused_port()}
    desk.config["api_server"] = {**runs, **own}
    with bots_api(runs):
        found = desk.findings()
    assert any(f.level is Level.FAIL and words in f.words for f in found), shown(found)


def test_nothing_is_asked_of_an_account_in_dry_run(desk):
    desk.config["dry_run"] = True
    without_key(desk)
    found = desk.findings()
    levels = {f.check: f.level for f in found}
    skipped = {
        "key", "other instance", "trading status", "adl rank", "commission", "positions", "incomes",
    }  # fmt: skip
    assert {check for check in skipped if levels[check] is Level.SKIPPED} == skipped, shown(found)
    assert levels["exchange"] is Level.OK


def test_without_the_exchange_the_rest_is_skipped(desk):
    fault(FaultKind.RESET)(desk)
    found = desk.findings(200)
    assert [f.check for f in found if f.level.is_finding] == ["exchange"], shown(found)


def test_a_key_that_is_refused_is_one_finding(desk):
    os.environ["FREQTRADE__EXCHANGE__KEY"] = "one that the exchange does not know"
    found = desk.findings()
    assert {f.check for f in found if f.level.is_finding} == {"key"}, shown(found)


def test_no_secret_and_no_change(desk, monkeypatch):
    desk.config |= {"telegram": {**TELEGRAM, "token": "1:wrong-token"}, "api_server": {**API}}
    before = {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}
    sent = []
    ask = desk.wire.ask
    monkeypatch.setattr(desk.wire, "ask", lambda *given: sent.append(given[0]) or ask(*given))
    found = desk.findings(200)
    text = json.dumps([(f.words, f.fix) for f in found])
    for secret in (KEY, SECRET, "wrong-token", API["password"], API["jwt_secret_key"], CHAT):
        assert secret not in text
    after = {p: p.read_bytes() for p in desk.folder.rglob("*") if p.is_file()}
    del after[desk.folder / "last.json"]
    before.pop(desk.folder / "last.json", None)
    assert after == before
    assert set(sent) == {"GET"}


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_telegram_that_cannot_be_reached(desk, monkeypatch, scheme):
    monkeypatch.setattr(telegram, "API", f"{scheme}://127.0.0.1:{unused_port()}")
    desk.config["telegram"] = TELEGRAM
    [found] = [f for f in desk.findings() if f.check == "telegram"]
    assert (found.level, "cannot be reached" in found.words) == (Level.FAIL, True), found.words
    assert TOKEN not in f"{found.words}{found.fix}"
