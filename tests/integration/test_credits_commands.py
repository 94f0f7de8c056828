"""The operator's commands at an account in credits mode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.level import Level
from perpkit.venue.engine import NewAlgo, NewOrder, Restrictions
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.desk import desk, trade
from tests.bench.live import CreditsVenue, shipped_credits
from tests.bench.planted import ACCOUNTS, KEY, SECRET, SWITCHED_OFF
from tests.conftest import REPOSITORY
from tests.integration.conftest import milliseconds

pytestmark = pytest.mark.integration

BTC = "BTCUSDT"


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    """Whose account has traded, and holds a position with its stop; nothing of it in dollars."""
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    pairs = ("BTC/USDT:USDT",)
    history = synthetic.generate(
        seed=4, start=milliseconds(since - timedelta(days=3)), days=5, pairs=pairs, base="5m"
    )
    made = Exchange(Market(history, SystemClock(), 4))
    wallets = {"BNFCR": Decimal(0), "BTC": Decimal("0.5")}
    may = Restrictions(addresses=frozenset({"127.0.0.1"}))
    account = made.engine.add_account(KEY, SECRET, wallets, made.market.now(), restrictions=may)
    now = made.catch_up(BTC)
    for side in ("BUY", "SELL", "BUY"):
        made.engine.place_order(account, NewOrder(BTC, side, "MARKET", Decimal("0.01")), now)
    stop = Decimal(int(made.market.price(BTC) * 0.9))
    made.engine.place_algo(
        account,
        NewAlgo(BTC, "SELL", "STOP_MARKET", trigger_price=stop, close_position=True),
        now,
    )
    return made


@pytest.fixture
def command(exchange, tmp_path) -> Iterator:
    """Runs `perpkit` with the shipped files, led to the venue, and returns code and document."""
    with running_venue(exchange.market, app=create_app(exchange.market, exchange=exchange)) as url:
        led = overlay(url, tmp_path / "rehearsal", accounts=ACCOUNTS, live=True)
        (tmp_path / "venue.json").write_text(json.dumps({**SWITCHED_OFF, **led}))
        (tmp_path / "user_data").mkdir()

        def run(*words: str, shipped: bool = True) -> tuple[int, dict]:
            files: list[Path] = [REPOSITORY / "config.json.example"]
            files += [REPOSITORY / "config.credits.json.example"] * shipped
            named = [f"-c{path}" for path in (*files, tmp_path / "venue.json")]
            named.append(f"--userdir={tmp_path / 'user_data'}")
            result = CliRunner().invoke(app, [*words, *named, "--json"])
            return result.exit_code, json.loads(result.stdout)

        yield run


def of(document: dict, *checks: str) -> dict[str, tuple[str, str]]:
    found = document["findings"]
    return {f["check"]: (f["level"], f["words"]) for f in found if f["check"] in checks}


def test_the_key_is_sound_with_the_shipped_settings_alone(command):
    code, document = command("keys", "check")
    assert code == 0
    assert of(document, "asset mode", "margin mode") == {
        "asset mode": ("ok", 'multi-assets, as "proxy_coin": "BNFCR" in the configuration says'),
        "margin mode": ("ok", "cross, as in 1 open positions"),
    }
    code, document = command("keys", "check", shipped=False)
    assert code == 1
    assert of(document, "asset mode")["asset mode"][0] == "fail"


def test_the_doctor_finds_nothing_and_counts_credits_one_for_one(tmp_path):
    def in_and_out(trader):
        trader.enter()
        trader.leave()

    venue = CreditsVenue(BNFCR=0, USDC=9_000, BTC="0.1")
    with desk(trade(tmp_path, in_and_out, venue=venue, **shipped_credits())) as found:
        findings = {f.check: f for f in found.findings()}
        assert [f for f in findings.values() if f.level is Level.FAIL] == []
        money = findings["incomes"]
        assert money.level is Level.OK
        assert "the database agrees" in money.words
        said = json.loads(found.doctor("--json").stdout)
        assert [f["words"] for f in said["findings"] if "margin_mode" in f["words"]] == []


def test_everything_is_closed(command, exchange):
    account = exchange.engine.account(KEY)
    assert any(p.amount for h in account.holdings.values() for p in h.held())
    code, document = command("stop", "--everything", "--why=test")
    assert (code, document["flat"]) == (0, True)
    exchange.catch_up()
    assert not any(p.amount for h in account.holdings.values() for p in h.held())
    assert exchange.engine.open_algos(account) == []
    assert {income.asset for income in account.incomes} <= {"BNFCR", "BTC"}
