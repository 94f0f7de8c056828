"""An account on which the bot has died is flattened at the exchange, and nothing else touched."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from unittest import mock

import pytest

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.ours import BotsFiles
from perpkit.ops.stop.requests import Requests
from perpkit.record.journal import Journal
from perpkit.record.order_ids import tag_of_stop
from perpkit.venue.engine import NewOrder
from perpkit.venue.faults.faults import FaultKind as K
from tests.bench.dead_bot import (
    AMOUNTS,
    BY_HAND,
    INSTRUMENTS,
    DeadBot,
    dead_bot,
    market_of,
    symbol_of,
)
from tests.bench.files import TAG
from tests.cases import SLOW

BTC, ETH, SOL = "BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"
LONG = Decimal("0.010")


@pytest.fixture
def bot(tmp_path) -> Iterator[DeadBot]:
    with dead_bot(tmp_path / "bot") as made:
        yield made


def fills_of(bot: DeadBot, pair: str):
    return [fill for fill in bot.account.fills if fill.symbol == symbol_of(pair)]


# Without a fault


@pytest.mark.parametrize("sign", [1, -1])
def test_five_positions_with_all_their_orders_are_gone_at_once(bot, sign):
    for pair, amount in AMOUNTS.items():
        trade = bot.enter(pair, sign * amount)
        bot.take_profit(trade)
        bot.add(trade, amount)
    began = bot.clock.seconds
    said = bot.stop()
    assert said.flat
    assert (bot.held(), bot.open_ids()) == ({}, set())
    assert bot.clock.seconds - began < 6
    assert said.requests < 90
    assert {each.pair: each.amount for each in said.closed} == {
        pair: float(amount) for pair, amount in AMOUNTS.items()
    }
    assert len(said.cancelled) == 5 + 5 + 7  # SOL has three stops


def test_a_second_run_sends_nothing(bot):
    bot.enter(BTC, LONG)
    bot.stop()
    count = len(bot.sent())
    said = bot.stop()
    assert said.flat
    assert (said.closed, said.cancelled) == ((), ())
    assert len(bot.sent()) == count


def test_an_account_without_anything_is_flat_after_four_requests(bot):
    said = bot.stop()
    assert (said.flat, said.requests) == (True, 4)


def test_a_preview_sends_nothing_and_says_what_would_be_done(bot):
    trade = bot.enter(BTC, LONG)
    order, stop = bot.add(trade, LONG), next(iter(bot.account.algos))
    said = bot.stop(preview=True)
    assert not said.flat
    assert said.planned == (
        f"{BTC}: cancel entry order {order.id}",
        f"{BTC}: close 0.010 long",
        f"{BTC}: cancel conditional order {stop}",
    )
    assert bot.sent() == []
    assert said.left == ()


def test_a_preview_sends_nothing_where_it_cannot_see_all_at_first(bot):
    bot.enter(BTC, LONG)
    bot.rest(ETH, Decimal("0.2"))
    bot.fault(K.SERVER_ERROR, endpoint="GET /fapi/v1/openAlgoOrders", times=2)
    assert len(bot.stop(preview=True).planned) == 3
    assert bot.sent() == []


def test_a_preview_of_a_flat_account_is_flat(bot):
    said = bot.stop(preview=True)
    assert (said.flat, said.planned) == (True, ())


def test_a_dry_run_has_nothing_at_the_exchange(bot):
    config = bot.config
    config.config["dry_run"] = True
    said = bot.stop(config=config)
    assert (said.flat, said.requests) == (True, 0)


def test_a_position_above_the_market_lot_is_closed_in_several_orders(bot):
    bot.enter(SOL, Decimal(70))
    said = bot.stop()
    assert [float(fill.parameters["quantity"]) for fill in posted(bot)] == [30, 30, 10]
    assert said.closed[0].orders == 3


def posted(bot: DeadBot):
    return [each for each in bot.sent() if (each.method, each.path) == ("POST", "/fapi/v1/order")]


def test_every_order_can_only_reduce(bot):
    bot.enter(BTC, LONG)
    bot.enter(SOL, -AMOUNTS[SOL])
    bot.stop()
    assert posted(bot)
    assert {each.parameters["reduceOnly"] for each in posted(bot)} == {"true"}


# Beside others


def test_what_is_the_traders_stays(bot):
    trade = bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    bot.place(ETH, Decimal(1), client_id=f"{BY_HAND}eth")
    bot.place(BTC, LONG, 50_000.0, client_id=f"{BY_HAND}rest")
    bot.stop_at(BTC, -Decimal("0.005"), 55_000.0, f"{BY_HAND}stop")
    bot.take_profit(trade)
    said = bot.stop()
    assert said.flat
    assert bot.held() == {"BTCUSDT": Decimal("0.005"), "ETHUSDT": Decimal(1)}
    assert bot.open_ids() == {f"{BY_HAND}rest", f"{BY_HAND}stop"}
    assert said.notes == (
        f"{BTC}: 0.005 long is not the bot's, and is left alone",
        f"{ETH}: 1.000 long is not the bot's, and is left alone",
    )


def test_a_position_of_the_other_side_is_not_touched(bot):
    bot.enter(BTC, LONG)
    bot.place(BTC, -Decimal("0.015"), client_id=f"{BY_HAND}short")  # closes the bot's, and more
    said = bot.stop()
    assert said.flat
    assert bot.held(BTC) == -Decimal("0.005")
    assert posted(bot) == []
    assert bot.open_ids() == set()  # a stop of the bot's protects nothing there


def test_a_position_that_was_handed_over_keeps_its_stop(bot):
    """After /delete it is the trader's."""
    trade = bot.enter(BTC, LONG)
    bot.hand_over(trade)
    bot.enter(ETH, Decimal("0.2"))
    assert bot.stop().flat
    assert bot.held() == {"BTCUSDT": LONG}
    assert len(bot.open_ids()) == 1
    assert bot.stop(everything=True).flat
    assert (bot.held(), bot.open_ids()) == ({}, set())


def test_what_the_trader_has_closed_already_is_not_closed_again(bot):
    bot.enter(BTC, LONG)
    bot.place(BTC, -Decimal("0.004"), client_id=f"{BY_HAND}less")
    assert bot.stop().flat
    assert bot.held() == {}


def test_everything_means_everything(bot):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    bot.place(ETH, -Decimal(1), client_id=f"{BY_HAND}eth")
    bot.stop_at(ETH, Decimal(1), 3_500.0, f"{BY_HAND}stop")
    for number in range(5):
        bot.place(SOL, Decimal(1), 140.0 - number, client_id=f"{BY_HAND}{number}")
    said = bot.stop(everything=True)
    assert said.flat
    assert (bot.held(), bot.open_ids()) == ({}, set())
    assert len([e for e in bot.sent() if e.path == "/fapi/v1/allOpenOrders"]) == 1
    assert len(said.cancelled) == 7
    assert said.notes == ()


def test_both_sides_of_an_account_in_hedge_mode(bot):
    engine, now = bot.exchange.engine, bot.market.now()
    engine.set_position_mode(bot.account, hedge=True)
    bot.exchange.catch_up("BTCUSDT")
    for side, position in (("BUY", "LONG"), ("SELL", "SHORT")):
        new = NewOrder("BTCUSDT", side, "MARKET", LONG, position_side=position)
        engine.place_order(bot.account, new, now)
    said = bot.stop(everything=True)
    assert said.flat
    assert bot.held() == {}
    assert {(each.side, each.amount) for each in said.closed} == {("long", 0.01), ("short", 0.01)}


# While the market moves


@pytest.mark.parametrize(
    "after_ms",
    [
        200,  # between the look at the stop and the order: nothing is sold
        500,  # after the order: the stop is not there any more
    ],
)
def test_a_stop_that_fires_meanwhile_leaves_the_trader_his_part(bot, after_ms):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    at = bot.market.now() + after_ms
    bot.fault(K.PRICE_GAP, since=at, symbol="BTCUSDT", parameters={"change": -0.12})
    assert bot.stop().flat
    bot.clock.sleep(60)
    assert bot.held(BTC) == Decimal("0.015")
    assert bot.open_ids() == set()


@pytest.mark.parametrize("sign", [1, -1])
def test_after_a_stop_that_fires_beside_an_order_nothing_more_is_sold(bot, sign):
    """Both have closed all of the bot's part: what is left is the trader's."""
    bot.enter(BTC, sign * LONG)
    bot.place(BTC, sign * Decimal("0.035"), client_id=f"{BY_HAND}part")
    gap = {"symbol": "BTCUSDT", "parameters": {"change": sign * -0.12}}
    said = bot.stop(client=after_the_first_order(bot, lambda: bot.fault(K.PRICE_GAP, **gap)))
    assert len(posted(bot)) == 1
    assert bot.held(BTC) == sign * Decimal("0.025")
    assert said.flat
    assert said.notes == (
        f"{BTC}: 0.010 more than the bot's part was closed, as one of its stops has filled at the "
        "same time",
        f"{BTC}: 0.025 {'long' if sign > 0 else 'short'} is not the bot's, and is left alone",
    )


def before_the_first(bot: DeadBot, wanted: str, act: Callable[[], object]):
    """A client before whose first request of this method something happens."""
    client, done = bot.client(), []
    send = client.request

    def request(path, api="public", method="GET", *args, **kwargs):
        if method == wanted and not done:
            done.append(act())
        return send(path, api, method, *args, **kwargs)

    client.request = request
    return client


def after_the_first_order(bot: DeadBot, act: Callable[[], object]):
    """A client after whose first order something happens, before its answer is read."""
    client, done = bot.client(), []
    send = client.request

    def request(path, api="public", method="GET", *args, **kwargs):
        answer = send(path, api, method, *args, **kwargs)
        if method == "POST" and not done:
            done.append(act())
        return answer

    client.request = request
    return client


def test_an_addition_that_fills_meanwhile_is_closed(bot):
    trade = bot.enter(BTC, LONG)
    added = bot.add(trade, Decimal("0.02"))
    bot.after(
        0.1,
        lambda: bot.exchange.engine.fill_order(
            bot.account, added.id, Decimal("0.02"), bot.exchange.catch_up("BTCUSDT")
        ),
    )
    assert bot.stop().flat
    assert bot.held() == {}


def test_an_entry_that_has_filled_in_part_is_closed_and_cancelled(bot):
    order = bot.rest(BTC, Decimal("0.02"))
    bot.exchange.engine.fill_order(bot.account, order.id, Decimal("0.003"), bot.market.now())
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    assert bot.stop().flat
    assert bot.held() == {"BTCUSDT": Decimal("0.005")}
    assert bot.open_ids() == set()


def test_an_entry_without_a_fill_is_only_cancelled(bot):
    """Its trade has the amount that was wished for."""
    bot.rest(BTC, Decimal("0.02"))
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    assert bot.stop().flat
    assert bot.held() == {"BTCUSDT": Decimal("0.005")}


def test_an_entry_whose_answer_died_with_the_bot_is_closed(bot):
    bot.sent_unanswered(BTC, LONG)
    assert bot.stop().flat
    assert bot.held() == {}


def test_a_position_that_is_shown_late_is_waited_for_and_keeps_its_stop(bot):
    """The database has its fill, and the exchange does not show it yet."""
    bot.fault(K.LATE_FILLS, parameters={"ms": 3_000})
    bot.enter(BTC, LONG)
    bot.after(1, lambda: resting.update(bot.open_ids()))
    resting: set[str] = set()
    said = bot.stop()
    assert len(resting) == 1
    assert said.flat
    assert bot.held() == {}


def test_an_entry_that_is_still_on_its_way_is_waited_for(bot):
    client_id = bot.sent_unanswered(BTC, LONG, arrives=False)
    bot.after(8, lambda: bot.place(BTC, LONG, client_id=client_id))
    said = bot.stop()
    assert said.flat
    assert bot.held() == {}
    assert [each.amount for each in said.closed] == [0.01]


def test_a_thin_book_is_taken_in_slices(tmp_path):
    """A tenth of the position rests within 1%."""
    with dead_bot(tmp_path / "bot", history=market_of(thin={ETH: 20_000.0})) as bot:
        order = bot.rest(ETH, Decimal("0.2"), away=0.005)
        bot.exchange.engine.fill_order(
            bot.account, order.id, Decimal("0.2"), bot.exchange.catch_up("ETHUSDT")
        )
        began = bot.clock.seconds
        said = bot.stop()
        assert said.flat
        assert bot.held() == {}
        assert bot.clock.seconds - began < 15
        sold = [fill for fill in fills_of(bot, ETH) if fill.side.sign < 0]
        first = [fill for fill in sold if fill.order_id == sold[0].order_id]
        assert min(float(fill.price) for fill in first) > 0.99 * INSTRUMENTS[ETH][1]
        assert said.closed[0].orders > 1


# Through an exchange that fails


def test_an_order_without_an_answer_is_looked_up_and_not_sent_again(bot):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    bot.fault(K.RESPONSE_LOST, endpoint="POST /fapi/v1/order", times=1)
    assert bot.stop().flat
    assert bot.held(BTC) == Decimal("0.005")
    assert len(posted(bot)) == 1


def test_where_it_cannot_be_looked_up_the_traders_part_is_not_sold(bot):
    """Not before the order can arrive no more."""
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    bot.clock.sleep(1)
    bot.fault(K.RESPONSE_LOST, endpoint="POST /fapi/v1/order", times=1)
    bot.fault(K.LATE_ORDERS, parameters={"ms": 4_000}, times=1)
    bot.fault(K.LATE_FILLS, parameters={"ms": 4_000}, times=1)
    assert bot.stop().flat
    assert bot.held(BTC) == Decimal("0.015")


def test_an_order_that_never_arrived_is_sent_again(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.RESET, endpoint="POST /fapi/v1/order", times=2)
    assert bot.stop().flat
    assert bot.held() == {}


def closed_after(bot: DeadBot, began: int) -> dict[str, float]:
    """Seconds until the last fill of each symbol."""
    return {f.symbol: (f.time - began) / 1000 for f in bot.account.fills if f.time > began}


def test_one_pair_that_hangs_holds_up_no_other(bot):
    for pair, amount in AMOUNTS.items():
        bot.enter(pair, amount)
    began = bot.market.now()
    bot.fault(K.TIMEOUT, 40, symbol="BTCUSDT")
    assert bot.stop().flat
    closed = closed_after(bot, began)
    last = closed.pop("BTCUSDT")
    assert len(closed) == 4
    assert max(closed.values()) < 10
    assert last < 50


def test_one_pair_whose_orders_hang_is_the_last_from_then_on(bot):
    """What is the bot's of a shared position must be fresh when it is sold."""
    for pair, amount in AMOUNTS.items():
        bot.enter(pair, amount)
        if pair != BTC:
            bot.place(pair, amount, client_id=f"{BY_HAND}{symbol_of(pair)}")
    began = bot.market.now()
    bot.fault(K.TIMEOUT, 40, endpoint="POST /fapi/v1/order", symbol="BTCUSDT")
    assert bot.stop().flat
    closed = closed_after(bot, began)
    assert 40 < closed.pop("BTCUSDT") < 50
    assert max(closed.values()) < 15
    assert bot.held() == {symbol_of(p): a for p, a in AMOUNTS.items() if p != BTC}


@pytest.mark.parametrize("hanging", [[BTC], [BTC, SOL, "XRP/USDT:USDT"]])
def test_pairs_whose_look_ups_hang_hold_up_no_shared_position(bot, hanging):
    """Not for longer than the first round, in which each of them is asked for."""
    for pair in hanging:
        trade = bot.enter(pair, AMOUNTS[pair])
        bot.fill(bot.add(trade, AMOUNTS[pair]))
        bot.fault(K.TIMEOUT, 60, endpoint="GET /fapi/v1/order", symbol=symbol_of(pair))
    bot.enter(ETH, AMOUNTS[ETH])
    bot.place(ETH, AMOUNTS[ETH], client_id=f"{BY_HAND}part")
    began = bot.market.now()
    assert bot.stop().flat
    closed = closed_after(bot, began)
    assert closed.pop("ETHUSDT") < 5 * len(hanging) + 5
    assert len(closed) == len(hanging)
    assert max(closed.values()) < 60 + 5 * len(hanging) + 10
    assert bot.held() == {"ETHUSDT": AMOUNTS[ETH]}


def test_one_pair_that_is_refused_holds_up_no_other(bot):
    for pair, amount in AMOUNTS.items():
        bot.enter(pair, amount)
    began = bot.market.now()
    bot.fault(K.REFUSED, 30, endpoint="POST *", symbol="BTCUSDT", parameters={"code": -1111})
    said = bot.stop()
    assert said.flat
    closed = closed_after(bot, began)
    assert 30 < closed.pop("BTCUSDT") < 34
    assert max(closed.values()) < 5
    assert said.requests < 200


def test_a_contract_that_is_closed_is_named_and_the_others_go(bot):
    bot.enter(BTC, LONG)
    bot.enter(ETH, Decimal("0.2"))
    bot.fault(K.SYMBOL_STATUS, symbol="BTCUSDT")
    said = bot.stop()
    assert not said.flat
    assert bot.held() == {"BTCUSDT": LONG}
    assert len(bot.open_ids()) == 1  # its stop
    assert any("Symbol is closed" in each for each in said.left)
    assert said.seconds < 75
    assert said.requests < 250


def test_a_market_order_that_is_refused_is_a_limit_that_crosses(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.REFUSED, endpoint="POST /fapi/v1/order", times=1, parameters={"code": -4131})
    assert bot.stop().flat
    assert bot.held() == {}
    [_, limit] = posted(bot)
    assert (limit.parameters["type"], limit.parameters["timeInForce"]) == ("LIMIT", "IOC")
    assert limit.parameters["reduceOnly"] == "true"
    assert 0.94 * 60_000 < float(limit.parameters["price"]) < 60_000


def test_a_lot_that_is_smaller_than_it_says(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.REFUSED, endpoint="POST /fapi/v1/order", times=2, parameters={"code": -4005})
    assert bot.stop().flat
    amounts = [each.parameters["quantity"] for each in posted(bot)]
    assert amounts[:3] == ["0.010", "0.005", "0.002"]
    assert bot.held() == {}


@pytest.mark.parametrize("kind", [K.RATE_LIMITED, K.BANNED])
def test_nothing_is_sent_before_the_time_that_the_exchange_names(bot, kind):
    bot.enter(BTC, LONG)
    began = bot.clock.seconds
    bot.fault(kind, endpoint="POST /fapi/v1/order", times=1, parameters={"retry_after_s": 20})
    assert bot.stop().flat
    assert 20 < bot.clock.seconds - began < 26
    times = [entry.time for entry in bot.log.after(0, 1000)]
    waits = [after - before for before, after in pairwise(times)]
    assert max(waits) >= 20_000
    assert bot.held() == {}


def test_a_ban_for_longer_than_there_is_time_is_not_waited_for(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.BANNED, parameters={"retry_after_s": 3600})
    said = bot.stop(deadline=300)
    assert not said.flat
    assert said.seconds < 5
    assert "the exchange takes no request for" in said.left[0]
    assert said.requests == 1


@pytest.mark.parametrize("skew", [30_000, -30_000])
def test_a_clock_that_is_off_is_set(bot, skew):
    bot.enter(BTC, LONG)
    bot.fault(K.CLOCK_SKEW, parameters={"ms": skew})
    said = bot.stop()
    assert said.flat
    assert said.seconds < 6
    assert bot.held() == {}


def test_a_key_that_never_worked_is_given_up(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.PERMISSION_REMOVED, parameters={"permission": "ip"})
    said = bot.stop()
    assert not said.flat
    assert 15 < said.seconds < 25
    assert "does not take the key" in said.left[0]


def test_an_exchange_that_never_answers_is_given_up_in_time(bot):
    bot.enter(BTC, LONG)
    bot.fault(K.TIMEOUT)
    said = bot.stop(deadline=60)
    assert not said.flat
    assert said.seconds < 66
    assert said.requests < 30
    assert len(bot.open_ids()) == 1


def test_a_stop_stays_while_positions_cannot_be_seen(bot):
    bot.enter(BTC, LONG)
    bot.rest(ETH, Decimal("0.2"))
    bot.fault(K.SERVER_ERROR, endpoint="GET /fapi/v3/positionRisk")
    said = bot.stop(deadline=30)
    assert not said.flat
    assert len(bot.open_ids()) == 1  # the entry is gone
    assert bot.held() == {"BTCUSDT": LONG}


def proxied(bot: DeadBot, method: str, path: str, answers: list[object], arrives: bool = True):
    """A client that gets these answers of a proxy with HTTP 200, and then the exchange's own."""
    client = bot.client()
    send = client.request

    def request(asked, api, verb, *args, **kwargs):
        if not answers or (verb, asked) != (method, path):
            return send(asked, api, verb, *args, **kwargs)
        if arrives:
            send(asked, api, verb, *args, **kwargs)
        said = answers.pop()
        client.handle_errors(200, "OK", path, verb, {}, json.dumps(said), said, {}, "")
        return said

    client.request = request
    return client


FORBIDDEN = {"message": "Forbidden"}


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "exchangeInfo", FORBIDDEN),
        ("GET", "positionRisk", FORBIDDEN),
        ("GET", "positionRisk", [{}]),
        ("GET", "openOrders", FORBIDDEN),
        ("GET", "openAlgoOrders", [{}]),
        ("GET", "order", FORBIDDEN),
        ("POST", "order", FORBIDDEN),
        ("POST", "order", {"code": "AccessDenied"}),
        ("POST", "order", [{}]),
        ("DELETE", "order", FORBIDDEN),
        ("DELETE", "algoOrder", FORBIDDEN),
    ],
)
def test_json_that_is_not_the_exchanges_says_nothing_of_the_account(bot, method, path, answer):
    """Of a proxy, for example: it is neither an empty account nor the end of the stop."""
    bot.fill(bot.add(bot.enter(BTC, LONG), LONG))
    bot.rest(ETH, Decimal("0.2"))
    odd = [answer]
    said = bot.stop(client=proxied(bot, method, path, odd), deadline=60)
    assert (said.flat, [each.amount for each in said.closed], odd) == (True, [0.02], [])
    assert (bot.held(), bot.open_ids()) == ({}, set())
    # What is certain is closed before the fill of the added order is known.
    assert len(posted(bot)) == (2 if (method, path) == ("GET", "order") else 1)


def test_a_proxys_answer_to_a_cancel_is_not_called_cancelled(bot):
    order = bot.rest(ETH, Decimal("0.2"))
    client = proxied(bot, "DELETE", "order", [FORBIDDEN] * 1000, arrives=False)
    said = bot.stop(client=client, deadline=30)
    assert (said.flat, said.cancelled) == (False, ())
    assert str(order.id) in said.left[0]


@pytest.mark.parametrize("rows", [[], [{}], ["BTCUSDT"]])
def test_contracts_that_are_not_listed_are_asked_for_after_a_pause(bot, rows):
    bot.enter(BTC, LONG)
    client = proxied(bot, "GET", "exchangeInfo", [{"symbols": rows}] * 3)
    said = bot.stop(client=client, deadline=60)
    assert said.flat
    assert said.seconds > 3


DOWN = {"status": 502, "executed": "no"}


def test_an_order_whose_cancel_was_lost_is_not_called_cancelled(bot):
    """The exchange is down from then on, so no listing shows it either."""
    order = bot.rest(ETH, Decimal("0.2"))
    down = {"endpoint": "* *", "parameters": DOWN}
    client = before_the_first(bot, "DELETE", lambda: bot.fault(K.SERVER_ERROR, **down))
    said = bot.stop(client=client, deadline=30)
    assert len(bot.open_ids()) == 1
    assert (said.flat, said.cancelled) == (False, ())
    assert any(f"{ETH}: entry order {order.id} may rest: " in each for each in said.left)


def test_an_order_that_fills_before_its_cancel_is_not_called_cancelled(bot):
    """The answer says nothing of it, and what is seen next is that it is not there."""
    order = bot.rest(ETH, Decimal("0.2"))
    bot.fault(K.SERVER_ERROR, endpoint="DELETE *", times=1, parameters=DOWN)
    said = bot.stop(client=before_the_first(bot, "DELETE", lambda: bot.fill(order)))
    assert said.flat
    [gone] = said.cancelled[:1]
    assert str(gone).endswith(
        f"entry order {order.id} cancelled or filled: it is not there any more"
    )


def test_what_was_done_in_the_round_that_gives_up_is_not_left(bot):
    bot.enter(BTC, LONG)
    order = bot.rest(ETH, Decimal("0.2"))
    banned = {"endpoint": "*", "parameters": {"retry_after_s": 3600}}
    ban = after_the_first_order(bot, lambda: bot.fault(K.BANNED, **banned))
    said = bot.stop(client=ban)
    assert not said.flat
    assert [each.order_id for each in said.cancelled] == [str(order.id)]
    assert [each.amount for each in said.closed] == [0.01]
    [stop] = [each for each in said.left if "conditional order" in each]
    assert said.left == (stop,)  # no position, and no entry


# With what is left of the bot's files


def test_without_the_trade_database_nothing_is_sold_and_stops_stay(bot):
    bot.enter(BTC, LONG)
    bot.rest(ETH, Decimal("0.2"))
    (bot.files.folder / "trades.sqlite").rename(bot.files.folder / "gone")
    said = bot.stop()
    assert not said.flat
    assert bot.held() == {"BTCUSDT": LONG}
    assert len(bot.open_ids()) == 1
    assert any("whether that is the bot's is not known" in each for each in said.left)
    assert any("There is no trade database" in each for each in said.notes)
    assert bot.stop(everything=True).flat
    assert (bot.held(), bot.open_ids()) == ({}, set())


def damage(path) -> None:
    path.write_bytes(b"not a database at all" * 100)


def newer(path) -> None:
    with sqlite3.connect(path) as journal:
        journal.execute("UPDATE about SET value = '99' WHERE key = 'schema'")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda path: path.unlink(), "is gone"),
        (damage, "fails"),
        (newer, "has schema 99"),
    ],
)
def test_without_a_sound_journal_the_database_says_what_is_the_bots(bot, what, said):
    bot.enter(BTC, LONG)
    bot.rest(ETH, Decimal("0.2"))
    bot.place(BTC, Decimal("0.005"), client_id=f"{BY_HAND}part")
    bot.forget_journal()
    what(bot.files.path)
    found = bot.stop()
    assert bot.held() == {"BTCUSDT": Decimal("0.005")}
    assert any(said in each for each in found.notes)
    # Some of what is left may be the bot's: it keeps the stop, and that is said.
    assert len(bot.open_ids()) == 1
    assert not found.flat


def test_without_a_journal_a_sound_database_is_enough_if_alone(bot):
    bot.enter(BTC, LONG)
    bot.forget_journal()
    bot.files.path.unlink()
    assert bot.stop().flat
    assert (bot.held(), bot.open_ids()) == ({}, set())


def test_a_stop_that_fired_while_the_bot_was_dead_has_closed_its_part(bot):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    bot.fault(K.PRICE_GAP, symbol="BTCUSDT", parameters={"change": -0.12})
    bot.clock.sleep(60)
    assert bot.held(BTC) == Decimal("0.015")
    assert bot.stop().flat
    assert bot.held(BTC) == Decimal("0.015")
    assert posted(bot) == []


# Runs that end early


class Killed(BaseException):
    """As by `kill -9`: nothing is cleaned up."""


@pytest.mark.parametrize("arrived", [pytest.param(False, marks=SLOW), True])
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_run_that_is_killed_is_finished_by_the_next(bot, tmp_path, nth, arrived):
    bot.enter(BTC, LONG)
    bot.enter(SOL, AMOUNTS[SOL])
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    bot.place(SOL, Decimal(25), client_id=f"{BY_HAND}sol")
    log = ActionLog(tmp_path / "log" / "main.live.1.jsonl")
    # A process that is killed may not come to write down what it has closed.
    with mock.patch.object(BotsFiles, "write_closings"), pytest.raises(Killed):
        bot.stop(client=killing(bot, nth, arrived), log=log)
    later = ActionLog(tmp_path / "log" / "main.live.2.jsonl")
    # The age of the first one's log is waited for.
    with mock.patch("perpkit.ops.stop.earlier_runs.time.time", hand_time(bot, time.time())):
        assert bot.stop(log=later).flat
    assert bot.held() == {"BTCUSDT": Decimal("0.015"), "SOLUSDT": Decimal(25)}
    assert bot.open_ids() == set()
    # Both runs' closings are there for the bot to book.
    assert closings(bot) == filled_by_stops(bot)


@pytest.mark.parametrize("nth", [2, 4])
def test_a_run_that_is_interrupted_has_written_down_what_it_has_closed(bot, nth):
    bot.enter(BTC, LONG)
    bot.enter(SOL, AMOUNTS[SOL])
    with pytest.raises(Killed):
        bot.stop(client=killing(bot, nth, arrived=False))
    assert closings(bot) == filled_by_stops(bot) != {}


def test_each_round_writes_down_what_it_has_closed(bot):
    """Before the next one, which may never come."""
    bot.enter(BTC, LONG)
    written: list[dict[str, float]] = []
    pause = Requests.pause

    def paused(requests: Requests, seconds: float) -> None:
        written.append(closings(bot))
        pause(requests, seconds)

    with mock.patch.object(Requests, "pause", paused):
        bot.stop()
    assert written[0] == filled_by_stops(bot) != {}


def test_what_was_closed_more_than_a_week_ago_is_known(bot):
    """A bot that was not started since has not booked it."""
    bot.enter(BTC, LONG)
    bot.stop()
    bot.clock.sleep(timedelta(days=20).total_seconds())
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    said = bot.stop()
    assert said.flat
    assert bot.held(BTC) == Decimal("0.015")


def test_what_everything_has_closed_is_not_booked_as_the_bots(bot):
    """The trader's part was in the same order, so the bot looks for its own when it starts."""
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    assert bot.stop(everything=True).flat
    assert bot.held() == {}
    bot.place(BTC, Decimal("0.004"), client_id=f"{BY_HAND}later")
    said = bot.stop()
    assert said.flat
    assert not [note for note in said.notes if "more than the bot's part" in note]
    assert bot.held(BTC) == Decimal("0.004")
    assert closings(bot) == {} != filled_by_stops(bot)


def closings(bot: DeadBot) -> dict[str, float]:
    """Of runs of `perpkit stop`, as the bot's journal has them: amounts by the exchange's id."""
    journal = Journal.open(bot.files.path)
    try:
        entries = [e for e in journal.open_entries() if tag_of_stop(e.intent.client_id)]
        return {str(entry.order_id): entry.intent.amount for entry in entries}
    finally:
        journal.close()


def filled_by_stops(bot: DeadBot) -> dict[str, float]:
    return {
        str(order.id): float(order.quantity)
        for order in bot.account.orders.values()
        if tag_of_stop(order.client_id) and order.executed
    }


def killing(bot: DeadBot, nth: int, arrived: bool):
    """A client whose process is killed at its nth request that changes something."""
    client, count = bot.client(), 0
    send = client.request

    def request(path, api="public", method="GET", *args, **kwargs):
        nonlocal count
        if method == "GET":
            return send(path, api, method, *args, **kwargs)
        count += 1
        if count == nth and not arrived:
            raise Killed
        answer = send(path, api, method, *args, **kwargs)
        if count == nth:
            raise Killed
        return answer

    client.request = request
    return client


def test_an_order_on_its_way_when_a_run_was_killed_is_waited_for(bot, tmp_path):
    bot.enter(BTC, LONG)
    bot.place(BTC, Decimal("0.015"), client_id=f"{BY_HAND}part")
    log = ActionLog(tmp_path / "log" / "main.live.1.jsonl")
    with pytest.raises(Killed):
        bot.stop(client=killing(bot, 1, arrived=False), log=log)
    client_id = json.loads(log.path.read_text().splitlines()[-1])["newClientOrderId"]
    bot.after(3, lambda: bot.place(BTC, -LONG, client_id=client_id, reduce_only=True))
    real = time.time()
    later = ActionLog(tmp_path / "log" / "main.live.2.jsonl")
    with mock.patch("perpkit.ops.stop.earlier_runs.time.time", hand_time(bot, real)):
        assert bot.stop(log=later).flat
    bot.clock.sleep(10)
    assert bot.held(BTC) == Decimal("0.015")


def hand_time(bot: DeadBot, real: float):
    began = bot.clock.seconds
    return lambda: real + bot.clock.seconds - began


# What is written down


def test_each_action_is_a_line_of_json_before_it_is_sent(bot, tmp_path):
    bot.enter(BTC, LONG)
    log = ActionLog(tmp_path / "stop.jsonl")
    bot.stop(log=log)
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert [line["action"] for line in lines] == ["seen", "order", "answer", "cancel", "cancelled"]
    assert lines[1]["newClientOrderId"].startswith(f"perpkit-{TAG}-")
    assert all(datetime.fromisoformat(line["at"]).tzinfo is not None for line in lines)
    assert "secret" not in log.path.read_text()
