"""`perpkit doctor --prune`: when it is refused, and what it says of the balance."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from filelock import FileLock
from freqtrade.persistence import Trade, init_db

from perpkit.record import state_file
from perpkit.record.journal import Intent, Journal, Outcome
from perpkit.record.order_ids import Purpose
from tests import factories
from tests.bench.doctor import NOW, SetUp
from tests.bench.states import least


@pytest.fixture
def bot(sound: SetUp) -> SetUp:
    """In live mode, with an open trade and two that closed in 2023."""
    files = sound.keep_trades()
    init_db(files.db_url)
    for days in range(2):
        opened = factories.START + timedelta(days=days)
        factories.trade("ETH/USDT:USDT", close_rate=30_900.0, opened=opened)
    engine = Trade.session.get_bind()
    Trade.session.remove()
    engine.dispose()
    return sound


def backups(bot: SetUp) -> list[str]:
    return [path.name for path in bot.home.rglob("*before-prune*")]


def test_it_says_what_is_gone_and_where_the_backup_is(bot):
    result = bot.doctor("--prune", "90d")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("1 trades that closed before ")
    [backup] = backups(bot)
    assert f"The database as it was: {bot.home}/bot/{backup}." in result.stdout
    assert "balance" not in result.stdout


@pytest.mark.parametrize(
    ("config", "option"),
    [({"dry_run": True}, "dry_run_wallet"), ({"available_capital": 500}, "available_capital")],
)
def test_where_the_balance_is_reckoned_from_the_trades_it_says_so(bot, config, option):
    bot.add(config)
    result = bot.doctor("--prune", "90d", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert (content["trades"], content["orders"]) == (1, 2)
    assert content["profit"] == pytest.approx(8.695, abs=0.001)
    assert f'+8.70 USDT, which Freqtrade adds to "{option}" no more' in content["words"][1]


@pytest.mark.parametrize("age", ["", "90", "30d", "0d", "-90d", "90h", "9999999d"])
def test_an_age_that_is_none_is_refused(bot, age):
    result = bot.doctor("--prune", age)
    assert result.exit_code == 2
    assert "--prune must be days such as 90d, at least 31d" in result.stderr
    assert backups(bot) == []


def test_while_the_bot_has_its_lock_it_is_refused(bot):
    with FileLock(bot.context().bot.places.lock):
        result = bot.doctor("--prune", "90d")
    assert result.exit_code == 2
    assert "the bot runs" in result.stderr
    assert backups(bot) == []


def test_while_the_bot_writes_its_state_it_is_refused(bot):
    state_file.write(bot.context().bot.places.state, least(written_at=NOW - timedelta(seconds=3)))
    with time_machine.travel(NOW, tick=False):
        result = bot.doctor("--prune", "90d")
    assert result.exit_code == 2
    assert "the bot was there 3 s ago" in result.stderr
    assert backups(bot) == []


def test_an_order_that_the_journal_has_not_settled_stays(bot):
    journal = Journal.open(bot.context().bot.places.journal)
    journal.begin("RsiSmaSwing", 1)
    intent = Intent(
        journal.next_id("", Purpose.EXIT), "ETH/USDT:USDT", "RsiSmaSwing", Purpose.EXIT, "sell",
        "limit", 0.01, 30_900.0, None, True, 3.0, None, 1,
    )  # fmt: skip
    journal.write(intent)
    journal.settle(intent.client_id, Outcome.ANSWERED, 2, "ETH/USDT:USDT-sell-202301010400")
    journal.close()
    result = bot.doctor("--prune", "90d")
    assert result.stdout.startswith("0 trades")


@pytest.mark.parametrize(
    ("db_url", "words"),
    [
        ("sqlite:///gone.sqlite", "There is no trade database gone.sqlite"),
        ("sqlite://", "in memory"),
        ("postgresql://me:planted@127.0.0.1:1/bot", "cannot be read as a trade database"),
    ],
)
def test_a_database_that_cannot_be_pruned_is_named(bot, db_url, words):
    bot.add({"db_url": db_url})
    result = bot.doctor("--prune", "90d")
    assert result.exit_code == 2
    assert words in result.stderr
    assert "planted" not in result.stderr
