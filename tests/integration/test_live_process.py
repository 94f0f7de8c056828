"""The stock `freqtrade trade` process in live mode, over TLS, killed with a position open."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from freqtrade.persistence import Trade, init_db

from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.in_process import STRATEGIES
from tests.bench.live import LIVE, Venue, differences
from tests.bench.process import trading
from tests.cases import SLOW
from tests.integration.conftest import Bot, bot_at, present_venue

pytestmark = pytest.mark.integration

PAIR = "ETH/USDT:USDT"


@pytest.fixture
def venue() -> Venue:
    return present_venue(PAIR)


@pytest.fixture
def live_bot(venue: Venue, tmp_path, stored) -> Iterator[Bot]:
    with bot_at(venue, tmp_path, stored) as bot:
        yield bot


def settings_for(side: str) -> dict[str, Any]:
    return {
        **LIVE,
        "exchange": {**LIVE["exchange"], "pair_whitelist": [PAIR]},
        "strategy_path": str(STRATEGIES),
        "side": side,
    }


def stored_trades(bot: Bot) -> list[Trade]:
    init_db(f"sqlite:///{bot.userdir}/trades.sqlite")
    return list(Trade.get_trades().unique())


@pytest.mark.parametrize(
    ("side", "gap"), [("long", -0.12), pytest.param("short", 0.12, marks=SLOW)]
)
def test_the_stop_at_the_exchange_triggers(live_bot, venue, side, gap):
    with trading(live_bot, "LiveOpener", **settings_for(side)) as process:
        process.wait_for("'type': entry_fill")
        for _ in range(2):
            process.wait_for("Bot heartbeat")
        (live_bot.userdir / "leave").touch()  # no second entry; the price is faster than the exit
        market = venue.exchange.market
        parameters = {"change": gap, "mark_share": 1.0}
        market.faults.add(Fault(FaultKind.PRICE_GAP, since=market.now(), parameters=parameters))
        process.wait_for("'type': exit_fill")
        process.wait_for("Bot heartbeat")
        process.end()
    assert venue.amount == 0
    try:
        (trade,) = stored_trades(live_bot)
        assert trade.close_profit < -0.3
        assert differences([trade], venue) == []
    finally:
        Trade.session.remove()


def test_a_partly_filled_entry_times_out_and_keeps_what_was_filled(live_bot, venue):
    patience = {"unfilledtimeout": {"entry": 6, "exit": 60, "unit": "seconds"}, "waits": True}
    with trading(live_bot, "LiveOpener", **settings_for("long"), **patience) as process:
        process.wait_for("'type': entry")
        (entry,) = venue.account.orders.values()
        half = entry.quantity / 2 // Decimal("0.001") * Decimal("0.001")
        now = venue.exchange.market.now()
        venue.exchange.engine.fill_order(venue.account, entry.id, half, now)
        process.wait_for("'type': entry_cancel")
        for _ in range(2):
            process.wait_for("Bot heartbeat")
        process.end()
    assert entry.status == "CANCELED"
    assert venue.amount == half
    (stop,) = venue.exchange.engine.open_algos(venue.account)
    assert stop.quantity == half
    try:
        assert differences(stored_trades(live_bot), venue) == []
    finally:
        Trade.session.remove()


@pytest.mark.parametrize("side", ["long", pytest.param("short", marks=SLOW)])
def test_killed_and_started_again_with_a_position_open(live_bot, venue, side):
    settings = settings_for(side)
    with trading(live_bot, "LiveOpener", **settings) as process:
        process.wait_for("'type': entry_fill")
        for _ in range(2):  # the stop is placed in the loop after the fill
            process.wait_for("Bot heartbeat")
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
    held = venue.amount
    assert (held > 0) is (side == "long")
    (stop,) = venue.exchange.engine.open_algos(venue.account)
    assert stop.quantity == abs(held)

    with trading(live_bot, "LiveOpener", **settings) as process:
        process.wait_for("Bot heartbeat")
        assert venue.amount == held
        assert [a.id for a in venue.exchange.engine.open_algos(venue.account)] == [stop.id]
        (live_bot.userdir / "leave").touch()
        process.wait_for("'type': exit_fill")
        process.wait_for("Bot heartbeat")
        log = "".join(process.log)  # before an interrupt, which may hit anything
        process.end()
    assert venue.amount == Decimal(0)
    assert venue.exchange.engine.open_algos(venue.account) == []
    assert "Traceback" not in log, log[-4000:]

    try:
        assert differences(stored_trades(live_bot), venue) == []
    finally:
        Trade.session.remove()
    assert venue.exchange.checker.breaches == []
