"""What `perpkit metrics` exports of a whole bot at the venue. With a real Prometheus: `make
prometheus`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from perpkit.ops.metrics.collector import Bot, StateCollector
from tests.bench.acts import COARSE, hold
from tests.bench.leak_scan import look_at
from tests.bench.live import live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
FALLING = scripted_market(START, [(0, 50_000.0), (4, 50_000.0), (8, 49_750.0)])


def scrape(path, now):
    """Values by name and labels other than `bot`."""
    text = generate_latest(StateCollector([Bot("mine", path)], now=lambda: now)).decode()
    look_at(text, "metrics")
    return {
        (
            sample.name,
            *(value for label, value in sorted(sample.labels.items()) if label != "bot"),
        ): (sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_bot_that_loses_shows_its_drawdown_and_its_breaker(tmp_path):
    settings = {"breakers": [{"method": "DrawdownBreaker"}], "stake_amount": "unlimited"}
    with live_bench("Braked", FALLING, START, userdir=tmp_path, **settings) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: bot.now > START + timedelta(minutes=9), timedelta(minutes=9), COARSE)
        bot.run(2, STEP)
        path = tmp_path / "perpkit" / "memory.state.json"
        found = scrape(path, bot.now)
        assert found["perpkit_state_up",] == 1
        wallet, [view] = venue.account.wallet, venue.exchange.engine.positions(venue.account)
        equity = float(wallet + view.unrealized)
        assert found["perpkit_account_equity",] == pytest.approx(equity, rel=1e-3)
        peak, drawdown = (
            found["perpkit_account_peak_equity",],
            found["perpkit_account_drawdown_ratio",],
        )
        assert peak > found["perpkit_account_equity",]
        assert drawdown == pytest.approx(1 - found["perpkit_account_equity",] / peak)
        assert found["perpkit_stops_missing",] == 0
        assert found["perpkit_breaker_restrictions", "DrawdownBreaker", "halted"] == 0
        assert found["perpkit_breaker_size_factor", "DrawdownBreaker"] == 1
        assert found["perpkit_books_compared",] == 1
        unknown = {labels[0] for (name, *labels), v in found.items() if "unknown" in name and v}
        assert unknown == {"perpkit_orders", "perpkit_orders_ratio"}  # none within a minute
        late = scrape(path, bot.now + timedelta(minutes=3))
        assert late["perpkit_state_up",] == 0
        assert not [name for name, *_ in late if "account" in name or "position" in name]
