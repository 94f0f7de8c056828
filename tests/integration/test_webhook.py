"""Alerts over HTTP become orders of a live bot at the venue, through Freqtrade's own REST API."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from perpkit.breakers.breaker import Decision, Trading
from perpkit.ops.webhook.app import create_app
from perpkit.ops.webhook.door import Door
from perpkit.ops.webhook.orders import Orders
from perpkit.ops.webhook.reasons import newest_refusal
from tests.bench.acts import live_stops
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences
from tests.bench.rest import served_rest
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
SECRET = "correct horse battery"
STILL = scripted_market(START, [(0, 50_000.0)])


@contextmanager
def webhook(tmp_path, strategy="Braked", **settings):
    venue = SameVenue()
    given = {
        **LIVE,
        "db_url": f"sqlite:///{tmp_path}/trades.sqlite",
        "breakers": [],
        "stake_amount": "unlimited",
        "force_entry_enable": True,
        **settings,
    }
    with bench(strategy, STILL, START, serve=venue.serve, userdir=tmp_path, **given) as bot:
        bot.run(2, STEP)
        [log] = [*tmp_path.rglob("*.decisions.jsonl")] or [tmp_path / "none"]
        door = Door(SECRET, now=lambda: bot.now)
        with served_rest(bot) as rest:
            app = create_app(door, Orders(rest, partial(newest_refusal, log)))
            yield bot, venue, partial(post, TestClient(app), bot)


def post(client, bot, action, **given):
    alert = {"secret": SECRET, "time": bot.now.isoformat(), "symbol": "BTCUSDT.P"}
    answer = client.post("/alert", json=alert | {"action": action} | given)
    return answer.status_code, answer.json()


def test_an_alert_enters_with_a_stop_and_another_one_leaves(tmp_path):
    with webhook(tmp_path) as (bot, venue, send):
        status, answer = send("buy", position="long", tag="breakout")
        assert (status, answer["result"], answer["trades"]) == (200, "entered", [1])
        bot.run_until(lambda: live_stops(venue), timedelta(minutes=2), STEP)
        assert venue.amount > 0
        assert bot.trades()[0].enter_tag == "webhook breakout"
        # By the risk of the strategy: 1% of 10,000 is lost at a stop 5% away.
        assert float(venue.amount) * 50_000 == pytest.approx(2_000, abs=60)
        assert send("long", id="again")[0] == 409
        assert send("sell", position="flat")[1]["result"] == "exited"
        bot.run_until(lambda: not venue.amount, timedelta(minutes=2), STEP)
        bot.run(4, STEP)
        assert send("exit")[1]["result"] == "nothing"
        assert differences(bot.trades(), venue) == []


def test_a_refusal_of_a_breaker_is_answered_with_its_reason(tmp_path):
    with webhook(tmp_path) as (bot, venue, send):
        reducing = Decision(Trading.REDUCING, 0.5, reason="the market falls")
        with mock.patch.object(bot.bot.strategy.watch, "decision", return_value=reducing):
            status, answer = send("long")
        assert (status, answer["result"]) == (409, "refused")
        assert "the market falls" in answer["reason"]
        assert not venue.account.orders


def test_forced_entries_that_are_switched_off_are_explained(tmp_path):
    with webhook(tmp_path, force_entry_enable=False) as (_, venue, send):
        status, answer = send("short")
        assert (status, answer["result"]) == (409, "refused")
        assert '"force_entry_enable": true' in answer["reason"]
        assert not venue.account.orders
