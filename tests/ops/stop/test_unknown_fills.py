"""What the exchange does not report of the bot's orders is not sold, and keeps its stops."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from freqtrade.persistence import Trade

from perpkit.venue.faults.faults import FaultKind as K
from tests.bench.dead_bot import BY_HAND, DeadBot, dead_bot

BTC = "BTC/USDT:USDT"
LONG = Decimal("0.010")
LOOK_UP = "GET /fapi/v1/order"
OF_STOPS = "GET /fapi/v1/openAlgoOrders", "GET /fapi/v1/algoOrder"


@pytest.fixture
def bot(tmp_path) -> Iterator[DeadBot]:
    with dead_bot(tmp_path / "bot") as made:
        yield made


def test_what_is_certain_is_closed_while_fills_are_not_known(bot):
    """The rest keeps its stop until they are known."""
    bot.fill(bot.add(bot.enter(BTC, LONG), Decimal("0.005")))
    bot.fault(K.SERVER_ERROR, 20, endpoint=LOOK_UP)
    early: list[tuple[Decimal, int]] = []
    bot.after(15, lambda: early.append((bot.held(BTC), len(bot.open_ids()))))
    said = bot.stop()
    assert early == [(Decimal("0.005"), 1)]
    assert said.flat
    assert (bot.held(), bot.open_ids()) == ({}, set())


@pytest.mark.parametrize("beside", [Decimal("0.015"), None])
def test_an_account_with_fills_that_stay_unknown_is_not_flat(bot, beside):
    trade = bot.enter(BTC, LONG)
    added = bot.add(trade, Decimal("0.005"))
    bot.fill(added)
    if beside:
        bot.place(BTC, beside, client_id=f"{BY_HAND}part")
    bot.fault(K.SERVER_ERROR, endpoint=LOOK_UP)
    said = bot.stop(deadline=30)
    assert not said.flat
    assert bot.held(BTC) == Decimal("0.005") + (beside or 0)
    assert len(bot.open_ids()) == 1  # the stop
    [why] = [each for each in said.left if "is not known" in each]
    assert why.startswith(f"{BTC}: what of it is the bot's is not known: order {added.id}: ")
    assert said.requests < 120


def test_what_the_files_know_of_an_entry_is_certain(bot):
    order = bot.rest(BTC, LONG)
    bot.fill(order)
    stored = Trade.get_open_trades()[0].orders[0]
    stored.filled = 0.004
    Trade.commit()
    bot.fault(K.SERVER_ERROR, endpoint=LOOK_UP)
    assert not bot.stop(deadline=30).flat
    assert bot.held(BTC) == Decimal("0.006")


@pytest.mark.parametrize("known", [True, False])
def test_of_an_exit_that_may_have_filled_the_traders_part_is_not_sold(bot, known):
    bot.fill(bot.take_profit(bot.enter(BTC, LONG)))
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    bot.fault(K.SERVER_ERROR, 20 if known else None, endpoint=LOOK_UP)
    assert bot.stop(deadline=60).flat is known
    assert bot.held(BTC) == Decimal("0.015")
    assert len(bot.open_ids()) == (0 if known else 1)


@pytest.mark.parametrize("amount", [LONG, -LONG])
@pytest.mark.parametrize("known", [True, False])
def test_a_position_that_is_all_there_is_closed_with_stops_unseen(bot, amount, known):
    """None of them can have filled. They stay until they are seen."""
    bot.enter(BTC, amount)
    for endpoint in OF_STOPS:
        bot.fault(K.SERVER_ERROR, 20 if known else None, endpoint=endpoint)
    early: list[tuple[Decimal, int]] = []
    bot.after(15, lambda: early.append((bot.held(BTC), len(bot.open_ids()))))
    said = bot.stop(deadline=60)
    assert early == [(Decimal(0), 1)]
    assert said.flat is known
    assert len(bot.open_ids()) == (0 if known else 1)


def test_beside_an_exit_that_may_have_filled_it_is_not_all_of_the_bots(bot):
    bot.fill(bot.take_profit(bot.enter(BTC, LONG)))
    bot.place(BTC, LONG, client_id=f"{BY_HAND}part")
    for endpoint in (LOOK_UP, *OF_STOPS):
        bot.fault(K.SERVER_ERROR, endpoint=endpoint)
    assert not bot.stop(deadline=30).flat
    assert bot.held(BTC) == LONG


@pytest.mark.parametrize("beside", ["0.015", "-0.004"])
def test_of_another_amount_nothing_is_sold_while_stops_cannot_be_seen(bot, beside):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal(beside), client_id=f"{BY_HAND}part")
    for endpoint in OF_STOPS:
        bot.fault(K.SERVER_ERROR, endpoint=endpoint)
    assert not bot.stop(deadline=30).flat
    assert bot.held(BTC) == LONG + Decimal(beside)
    assert len(bot.open_ids()) == 1


def test_a_stop_that_rests_no_more_may_have_filled(bot):
    bot.enter(BTC, LONG)
    [stop] = bot.exchange.engine.open_algos(bot.account)
    bot.exchange.engine.cancel_algo(bot.account, bot.market.now(), algo_id=stop.id)
    bot.fault(K.SERVER_ERROR, endpoint="GET /fapi/v1/algoOrder")
    assert not bot.stop(deadline=30).flat
    assert bot.held(BTC) == LONG


@pytest.mark.parametrize("held", [True, False])
def test_a_stop_whose_order_is_forgotten_has_filled_nothing(bot, held):
    """The exchange forgets an order without a fill three days after it was placed."""
    bot.enter(BTC, LONG)
    bot.fault(K.EMPTY_BOOK, 10, symbol="BTCUSDT")
    bot.fault(K.PRICE_GAP, 60, symbol="BTCUSDT", parameters={"change": -0.12})
    bot.clock.sleep(61)
    assert bot.held(BTC) == LONG
    if not held:
        bot.place(BTC, -LONG, client_id=f"{BY_HAND}close")
    bot.clock.sleep(4 * 24 * 3600)
    said = bot.stop()
    assert said.flat
    assert said.seconds < 10
    assert bot.held() == {}


@pytest.mark.parametrize("known", [True, False])
def test_without_knowing_what_an_earlier_run_has_closed_nothing_is_sold(bot, known):
    bot.enter(BTC, LONG)
    bot.stop()
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    bot.fault(K.SERVER_ERROR, 20 if known else None, endpoint="GET /fapi/v1/allOrders")
    assert bot.stop(deadline=60).flat is known
    assert bot.held(BTC) == Decimal("0.015")


def test_a_preview_says_what_is_not_known(bot):
    trade = bot.enter(BTC, LONG)
    bot.fill(bot.add(trade, LONG))
    bot.fault(K.SERVER_ERROR, endpoint=LOOK_UP)
    said = bot.stop(preview=True)
    assert not said.flat
    assert said.planned == (f"{BTC}: close 0.010 long",)  # its stop stays
    [unknown] = said.left
    assert unknown.startswith(f"{BTC}: what of it is the bot's is not known: order ")
    assert said.seconds < 15
