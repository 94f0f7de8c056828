"""The performance monitor in a running bot: what it says, blocks and keeps; what ends it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.persistence import KeyValueStore
from freqtrade.rpc import RPC

from perpkit.bot.live.performance_watch import KEY, NAME
from perpkit.record import golive
from perpkit.record.golive import Horizon, Verdict, golive_file
from perpkit.record.machine_key import machine_key_made
from tests.bench.acts import MINUTE, STEP
from tests.bench.in_process import bench
from tests.bench.machine import machine  # noqa: F401
from tests.bench.scripted_market import scripted_market

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("machine")]

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# It falls far after a day, so that the stop closes what was bought, and stays there.
MARKET = scripted_market(
    START, [(0, 50_000.0), (1_450, 50_000.0), (1_460, 45_000.0), (4_000, 45_000.0)]
)
NARROW = (Horizon(days=1, low=-0.0005, high=0.01), Horizon(days=7, low=-0.0005, high=0.05))
STRATEGY = "GuardedSteered"


@contextmanager
def running(folder, at=START, strategy=STRATEGY, **performance):
    limits = {"every_hours": 1, **performance}
    use = {"use": {"refresh": False, "book": False}} if strategy == STRATEGY else {"attach": True}
    perpkit = {**use, "protections": [], "performance": limits}
    settings = {
        "db_url": f"sqlite:///{folder}/dry.sqlite",
        "perpkit": perpkit,
        "pairlists": [{"method": "StaticPairList"}],
        "stake_amount": 1_000,
        "max_open_trades": 1,
    }
    with bench(strategy, MARKET, at, userdir=folder, **settings) as bot:
        yield bot


def judge(folder, **changed):
    given = {
        "strategy": STRATEGY,
        "passed": True,
        "failed": (),
        "at": START,
        "until": START + 90 * DAY,
        "by": "me@here",
        "bound": {},
        "band": NARROW,
        **changed,
    }
    path = golive_file({"user_data_dir": folder}, given["strategy"])
    golive.write(path, Verdict(**given), machine_key_made())


def said(bot):
    return [m["msg"] for m in bot.messages if m.get("msg", "").find(NAME) >= 0]


def lose(bot):
    """Buys, and a day later it is sold by its stop."""
    bot.bot.strategy.side = "long"
    bot.run_until(bot.trades, 5 * MINUTE, STEP)
    bot.bot.strategy.side = None
    bot.sleep((DAY + 21 * MINUTE).total_seconds())
    bot.run_until(lambda: not bot.trades()[0].is_open, 5 * MINUTE, STEP)


def later(bot, cycles=1):
    """Each an hour after the one before; the bot itself would wake for each candle."""
    for _ in range(cycles):
        bot.sleep(HOUR.total_seconds())
        bot.run(1, STEP)


def restricted(bot):
    return [key for key in bot.bot.strategy._perpkit.watch.restrictions if key[0] == NAME]


def test_three_looks_outside_block_entries_until_an_operator_clears_it(tmp_path):
    judge(tmp_path)
    with running(tmp_path) as bot:
        bot.run(1, STEP)
        lose(bot)
        [first] = said(bot)
        assert first.startswith(f"{NAME}: -")
        assert "predicts -0.1% to +1." in first
        assert "2 more looks like it block new entries" in first
        now, stored = bot.now, KeyValueStore.get_string_value(KEY)

    # A restart neither forgets the looks nor looks sooner.
    with running(tmp_path, now) as bot:
        bot.run(3, STEP)
        assert KeyValueStore.get_string_value(KEY) == stored
        later(bot)
        assert restricted(bot) == []
        later(bot)
        [tripped] = said(bot)
        assert tripped.startswith(f"REDUCING: {NAME}: -")
        assert "outside in 3 looks in a row" in tripped
        bot.bot.strategy.side = "long"
        bot.run(12, STEP)
        assert len(bot.trades()) == 1
        now = bot.now

    with running(tmp_path, now) as bot:
        bot.bot.strategy.side = "long"
        bot.run(12, STEP)
        assert len(bot.trades()) == 1
        RPC(bot.bot)._rpc_delete_lock(pair="*")
        bot.run_until(lambda: len(bot.trades()) == 2, 2 * MINUTE, STEP)
        assert said(bot)[-1].startswith(f"ACTIVE: {NAME} has released: its lock was ended")
        later(bot, 3)
        assert restricted(bot) == []  # results count from then on


def test_it_watches_an_attached_strategy_as_well(tmp_path):
    judge(tmp_path, strategy="Steered")
    with running(tmp_path, strategy="Steered") as bot:
        bot.run(1, STEP)
        lose(bot)
        later(bot, 2)
        [_, tripped] = said(bot)
        assert tripped.startswith(f"REDUCING: {NAME}: -")
        bot.bot.strategy.side = "long"
        bot.run(12, STEP)
        assert len(bot.trades()) == 1


def test_the_band_of_a_verdict_that_did_not_pass_counts_as_well(tmp_path):
    judge(tmp_path, passed=False, failed=("API key",))
    with running(tmp_path) as bot:
        bot.run(1, STEP)
        lose(bot)
        [first] = said(bot)
        assert "2 more looks like it block new entries" in first


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (None, "there is no file"),
        ({"band": ()}, "has no band"),
        ({"band": (), "passed": False, "failed": ("days",)}, "has no band"),
    ],
)
def test_without_a_band_it_is_idle_and_says_so_once(tmp_path, caplog, changed, why):
    if changed is not None:
        judge(tmp_path, **changed)
    with running(tmp_path) as bot, caplog.at_level(logging.INFO):
        later(bot, 4)
        [line] = [r.message for r in caplog.records if "monitor is idle" in r.message]
        assert why in line
        assert said(bot) == []  # in dry-run it need not be there
        assert restricted(bot) == []
        assert KeyValueStore.get_string_value(KEY) is None


def test_it_never_stops_a_bot_by_an_error_of_its_own(tmp_path, caplog):
    judge(tmp_path)
    with running(tmp_path) as bot:
        KeyValueStore.store_value(KEY, "[1, 2")
        bot.run(2, MINUTE)  # what is damaged begins again
        assert "2026-03-02T10:00:20+00:00" in KeyValueStore.get_string_value(KEY)
        monitor = bot.bot.strategy._perpkit.running._performance
        monitor._account = None
        later(bot, 2)
        assert [r for r in caplog.records if "monitor is idle: it has failed" in r.message]
        assert restricted(bot) == []
