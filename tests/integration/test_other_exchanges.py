"""Stock Freqtrade with the risk stack on Bybit and OKX, as their documented answers have them."""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path

import pytest
from freqtrade.persistence import Trade

from perpkit.bot.watching import beside
from perpkit.record.latch import LatchState, latch_of, write
from tests.bench.other_exchanges.desk import Desk
from tests.bench.other_exchanges.running import NAMES, bot_at, desk_of

pytestmark = pytest.mark.integration

WALLET = 10_000.0
SETTINGS = {
    "max_open_trades": 2,
    "pairlists": [{"method": "StaticPairList"}],
    "perpkit": {"use": {"refresh": False}},
}
TROUBLE = ("Traceback", "KeyError", "TypeError", "failed", "cannot be", "could not be")
# What these exchanges lack is said in one line.
ONE_LINE = "stop guard, journal of orders, reconciliation"


@pytest.fixture(params=NAMES)
def name(request) -> str:
    return request.param


def at(name: str, folder: Path, **settings):
    return bot_at(name, folder, "GuardedOpener", **{**SETTINGS, **settings})


def open_trades() -> list[Trade]:
    return sorted(Trade.get_open_trades(), key=lambda trade: trade.id)


def in_base(desk: Desk, pair: str, contracts: float) -> float:
    return contracts * desk.contracts[pair.split("/")[0]].size


def reason_of(trade: Trade) -> str | None:
    """Of its last order: on OKX Freqtrade books each exit as `stoploss_on_exchange`, when it has
    cancelled the stop, because the answer of a stop states no filled amount."""
    return trade.orders[-1].ft_order_tag


def check_sizes(desk: Desk, trades: list[Trade]) -> None:
    """Each stop costs 1% of the equity or a step less, and liquidation is well beyond it."""
    assert [trade.pair for trade in trades] == ["BTC/USDT:USDT", "DOGE/USDT:USDT"]
    for trade in trades:
        contract = desk.contracts[trade.pair.split("/")[0]]
        lost = trade.amount * (trade.open_rate - trade.stop_loss)
        step = contract.step * contract.size * trade.open_rate
        assert 0.0093 * WALLET - step < lost < 0.0102 * WALLET
        assert trade.leverage == 3.0
        stop = trade.open_rate - trade.stop_loss
        assert trade.open_rate - trade.liquidation_price > 2 * stop


def no_trouble(caplog) -> None:
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert [words for words in said if any(bad in words for bad in TROUBLE)] == []
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


def test_a_dry_run_enters_with_the_right_sizes(name, tmp_path, caplog):
    with at(name, tmp_path, dry_run=True) as (bot, desk):
        bot.run(3)
        check_sizes(desk, open_trades())
        words = [str(message.get("msg")) for message in bot.messages]
    assert len([line for line in words if ONE_LINE in line]) == 1
    assert desk.orders == {}
    no_trouble(caplog)


def test_the_shipped_example_trades_as_it_stands(name, tmp_path, caplog):
    """Its strategy and its pairlists, with a market that trends: DOGE's funding is beyond the band
    of its filter, and ETH's within it, but more than a trade of two days is expected to earn."""
    pairs = ["BTC/USDT:USDT", "ETH/USDT:USDT", "DOGE/USDT:USDT"]
    use, exchange = {"use": {"refresh": False}}, {"pair_whitelist": pairs}
    desk = desk_of(name)
    desk.drift = 0.01
    desk.funding.update({"DOGE": 0.002, "ETH": 0.0009})
    with bot_at(name, tmp_path, None, desk=desk, perpkit=use, exchange=exchange) as (bot, _):
        bot.run(3)
        assert bot.bot.strategy.get_strategy_name() == "TrendFollowing"
        assert bot.bot.active_pair_whitelist == pairs[:2]
        assert "FundingBreaker" in bot.bot.strategy.watch.breakers
        assert {(trade.pair, trade.trade_direction) for trade in open_trades()} == {
            ("BTC/USDT:USDT", "long")
        }
        [lock] = bot.locks()
        assert (lock.pair, lock.side) == ("ETH/USDT:USDT", "long")
        assert lock.reason.startswith("FundingBreaker reducing: longs pay 0.090% per 8 h")
    no_trouble(caplog)


def test_no_breaker_blocks_a_quiet_market(name, tmp_path, caplog):
    """Those of the package, for longer than any may be without an answer."""
    use = {"use": {"refresh": False}}
    with bot_at(name, tmp_path, None, perpkit=use) as (bot, _):
        bot.run(20, timedelta(minutes=1))
        assert "FlashCrashBreaker" in bot.bot.strategy.watch.breakers
        # VenueHealthBreaker measures real time, and a busy machine is slow.
        locks = [lock.reason for lock in bot.locks() if "VenueHealth" not in lock.reason]
        assert locks == []
    no_trouble(caplog)


def test_a_pair_with_a_thin_book_is_left_out(name, tmp_path, caplog):
    """A contract of OKX is a hundredth of a bitcoin, or a thousand coins."""
    depth = {"method": "LiquidityFilter", "min_depth": 5_000_000}
    desk = desk_of(name)
    desk.depth["BTC"] = 30_000.0  # at fifty prices
    with at(name, tmp_path, desk=desk, dry_run=True, pairlists=[*SETTINGS["pairlists"], depth]) as (
        bot,
        _,
    ):
        bot.run(1)
        assert bot.bot.active_pair_whitelist == ["DOGE/USDT:USDT"]
    no_trouble(caplog)


def test_a_live_bot_keeps_stops_at_the_exchange_and_is_stopped_out(name, tmp_path, caplog):
    with at(name, tmp_path, dry_run=False) as (bot, desk):
        bot.run(3)
        trades = open_trades()
        check_sizes(desk, trades)
        words = [str(message.get("msg")) for message in bot.messages]
        assert len([line for line in words if ONE_LINE in line]) == 1
        stops = {f"{stop.base}/USDT:USDT": stop for stop in desk.stops()}
        for trade in trades:
            stop, held = stops[trade.pair], desk.held[trade.pair.split("/")[0]]
            assert (stop.side, stop.reduce_only, stop.amount) == ("sell", True, held.amount)
            assert in_base(desk, trade.pair, stop.amount) == pytest.approx(trade.amount)
            assert stop.trigger == pytest.approx(trade.stop_loss, rel=1e-4)
        desk.moved["BTC"] = 0.947  # through the stop, and not through its limit on 2026.6
        bot.run(3)
        btc = bot.trades()[0]
        assert not btc.is_open
        assert btc.exit_reason == "stoploss_on_exchange"
        assert btc.close_profit_abs == pytest.approx(-btc.amount * btc.open_rate * 0.054, rel=0.05)
        assert desk.held["BTC"].amount == 0.0
        assert [stop.base for stop in desk.stops()] == ["DOGE"]
    no_trouble(caplog)


def test_a_refused_entry_is_no_trade_and_the_next_one_is(name, tmp_path):
    code = {"bybit": "110007", "okx": "51008"}[name]
    with at(name, tmp_path, dry_run=False) as (bot, desk):
        desk.refusals = [(code, "Insufficient balance")] * 2
        bot.run(1)
        assert not open_trades()
        assert desk.orders == {}
        bot.run(2, timedelta(minutes=5))
        check_sizes(desk, open_trades())


def test_a_halt_closes_everything_and_nothing_is_entered(name, tmp_path, caplog):
    with at(name, tmp_path, dry_run=False) as (bot, desk):
        bot.run(2)
        assert len(open_trades()) == 2
        write(latch_of(bot.bot.config), LatchState.HALTED, "me@here", "a test")
        bot.run(3)
        assert not open_trades()
        assert {reason_of(trade) for trade in bot.trades()} == {"halted"}
        assert all(not held.amount for held in desk.held.values())
        assert desk.stops() == []
        before = len(desk.orders)
        bot.run(3, timedelta(minutes=5))
        assert len(desk.orders) == before
    no_trouble(caplog)


def reasons(bot) -> str:
    return "; ".join(str(lock.reason) for lock in bot.locks())


def test_the_running_price_of_a_pair_blocks_it_and_is_never_missed(name, tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "PATIENCE_S", 10)  # never missed on a busy machine
    breakers = {**SETTINGS["perpkit"], "protections": [{"method": "FlashCrashBreaker"}]}
    with at(name, tmp_path, perpkit=breakers) as (bot, desk):
        bot.run(3, timedelta(minutes=4))  # longer than a bot may be without running prices
        assert "FlashCrashBreaker" not in reasons(bot)
        for moved in (0.85, 0.849, 0.848, 0.847):  # a trade for each look
            desk.moved["DOGE"] = moved
            bot.run(1, timedelta(seconds=5))
        assert "FlashCrashBreaker reducing: DOGE/USDT:USDT fell 15" in reasons(bot)


def test_an_announced_end_is_left_in_time(name, tmp_path):
    with at(name, tmp_path, dry_run=False) as (bot, desk):
        bot.run(2)
        field = {"bybit": "deliveryTime", "okx": "expTime"}[name]
        soon = int((bot.now + timedelta(hours=2)).timestamp() * 1000)
        bot.bot.exchange.markets["BTC/USDT:USDT"]["info"][field] = str(soon)
        bot.run(3)
        assert [trade.pair for trade in open_trades()] == ["DOGE/USDT:USDT"]
        assert desk.held["BTC"].amount == 0.0
        assert reason_of(bot.trades()[0]) == "delisting"
