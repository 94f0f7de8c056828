"""A running bot says what makes its cycles slow, and trades as before."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.bench.acts import STEP
from tests.bench.in_process import bench
from tests.bench.live import LIVE, differences, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
# In an hour without a move nothing was traded, and CryptoVixBreaker takes it for a missing one.
MARKET = [(-600, 49_990.0), (0, 50_000.0), (10, 50_000.0)]


def lines(caplog, beginning):
    return [x for x in (r.getMessage() for r in caplog.records) if x.startswith(beginning)]


@pytest.mark.parametrize("mode", ["dry_run", "live"])
def test_functions_and_columns_are_named(caplog, mode):
    """An attached strategy in dry-run, one of the package live."""
    market = scripted_market(START, MARKET)
    if mode == "live":
        with live_bench("GuardedSteered", market, START) as (bot, venue):
            traded(bot)
            assert differences(bot.trades(), venue) == []
    else:
        settings = {**LIVE, "dry_run": True, "perpkit": {"attach": True}}
        with bench("Steered", market, START, **settings) as bot:
            traded(bot)
    (slow,) = lines(caplog, "Slow cycle: the analysis of 1 pairs took ")
    assert "more than 10% of the throttle (0.001 s). It was spent in " in slow
    assert "Perpkit's breakers and guard" in slow
    (columns,) = lines(caplog, "Columns that take longest in an analysis of ")
    assert re.search(r"(vol_1h|enter_long|enter_short) [\d.]+ ms \(\w*teered\.py:\d+\)", columns)


def traded(bot) -> None:
    # With a tenth of this, every cycle is slow; a configuration has whole seconds.
    bot.bot.config["internals"]["process_throttle_secs"] = 0.001
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: [t for t in bot.trades() if not t.has_open_orders], 5 * STEP, STEP)
    bot.bot.strategy.side = None
    bot.bot.strategy.leave = True
    bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=3), STEP)
    bot.run(2, STEP)


def test_a_bot_at_its_usual_pace_says_nothing(caplog):
    caplog.set_level(logging.INFO)
    settings = {**LIVE, "internals": {"process_throttle_secs": 3600}, "dry_run": True}
    with bench("GuardedSteered", scripted_market(START, MARKET), START, **settings) as bot:
        bot.run(4, STEP)
    assert lines(caplog, "Slow cycle") == []
