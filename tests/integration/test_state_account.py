"""The account and the limits in a bot's state file, beside what the venue has of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from perpkit.record import state, state_file
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import COARSE, add_fault, enter, hold, remove_fault
from tests.bench.live import live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)  # before a settlement
STEP = timedelta(seconds=5)
GUARDED = "GuardedSteered"
RISING = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (6, 50_500.0)], funding_rate=0.001)
STILL = scripted_market(START, [(0, 50_000.0)])


def shown(userdir) -> state.State:
    return state_file.read(userdir / "perpkit" / "memory.state.json")


def test_equity_positions_and_risk_are_those_of_the_venue(tmp_path):
    with live_bench(GUARDED, RISING, START, userdir=tmp_path) as (bot, venue):
        hold(bot, venue)
        bot.run_until(lambda: bot.now > START + timedelta(minutes=12), 13 * 12 * STEP, COARSE)
        found = shown(tmp_path)
        [held] = found.positions
        [view] = venue.exchange.engine.positions(venue.account)
        account = found.account
        wallet = float(venue.account.wallets["USDT"])
        fee = held.notional * bot.trades()[0].fee_close  # of the exit to come
        assert account.equity == pytest.approx(wallet + float(view.unrealized) - fee, rel=1e-5)
        assert account.unexplained == pytest.approx(0.0, abs=0.1)
        assert account.balance == pytest.approx(wallet)  # of which it has the funding as well
        assert timedelta() < bot.now - account.balance_at < timedelta(minutes=2)
        assert held.price == pytest.approx(50_500.0, rel=1e-3)
        assert held.mark_price == pytest.approx(float(view.mark_price), rel=1e-6)
        assert held.notional == account.gross == account.net
        assert held.notional == pytest.approx(held.amount * held.price)
        assert held.unrealised == account.unrealised
        # It was settled while the position was open, and Freqtrade has booked it.
        assert held.funding == account.funding == pytest.approx(-0.001 * 50_500 * held.amount, 0.01)
        lost = (held.price - held.stop_price) * held.amount
        assert held.at_risk == account.open_risk == pytest.approx(lost)
        assert held.stop_distance == pytest.approx(1 - held.stop_price / held.price)
        assert held.liquidation_distance == pytest.approx(
            1 - held.liquidation_price / held.mark_price
        )
        assert held.adl_rank == view.adl
        assert found.stops_missing == 0


def test_limits_orders_and_candles_are_shown(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, venue):
        hold(bot, venue)
        found = shown(tmp_path)
        asked = found.requests
        assert 0 < asked.used_weight < asked.weight_limit == 2400
        assert (asked.orders_10s, asked.orders_1m) == (2, 2)  # the entry and its stop
        assert asked.order_errors == {}
        candles = found.candles
        assert (candles.pairs, candles.without) == (1, 0)
        assert candles.oldest_pair == "BTC/USDT:USDT"
        assert candles.oldest_at == candles.newest_at
        assert (
            timedelta(0) <= found.written_at - candles.oldest_at < timedelta(minutes=1, seconds=9)
        )
        bot.run(14, STEP)
        assert shown(tmp_path).requests.orders_1m is None  # none was sent within a minute


def test_orders_that_the_exchange_refuses_are_counted_by_its_code(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, venue):
        fault = add_fault(
            venue, FaultKind.REFUSED, "POST /fapi/v1/order", parameters={"code": -2019}
        )
        bot.bot.strategy.side = "long"
        bot.run(3, STEP)
        refused = shown(tmp_path).requests.order_errors
        assert refused.keys() == {"-2019"}
        assert refused["-2019"] >= 1
        remove_fault(venue, fault)
        enter(bot, venue)
        assert shown(tmp_path).requests.order_errors == refused


def test_what_the_exchange_said_minutes_ago_is_not_shown(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, venue):
        hold(bot, venue)
        bot.run(15, STEP)
        assert shown(tmp_path).positions[0].mark_price == 50_000.0
        add_fault(venue, FaultKind.SERVER_ERROR, "GET /fapi/v3/positionRisk")
        bot.run(30, STEP)
        [held] = shown(tmp_path).positions
        assert (held.mark_price, held.adl_rank) == (None, None)
        assert held.price == pytest.approx(50_000.0, rel=1e-3)
        assert held.liquidation_distance == pytest.approx(1 - held.liquidation_price / held.price)


def test_only_the_owner_may_read_it(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, _):
        bot.run(2, STEP)
        path = tmp_path / "perpkit" / "memory.state.json"
        assert path.stat().st_mode & 0o777 == 0o600
