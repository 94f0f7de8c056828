"""A copy of a simulated trade is what `deepcopy` makes of it, whatever is done with either."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy
from datetime import timedelta

import pytest
from freqtrade.persistence import LocalTrade, Trade
from freqtrade.strategy import strategy_wrapper
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import trade_copies
from perpkit.bot.acceleration.part import FUNDING_SUM
from perpkit.bot.acceleration.trade_copies import COPIES, copied
from perpkit.bot.layer.uncopied import given_on
from tests import factories

pytestmark = pytest.mark.usefixtures("simulated")

HOUR = timedelta(hours=1)


def simulated_trade(orders: int = 2, **more) -> LocalTrade:
    trade = LocalTrade(
        id=7,
        pair="BTC/USDT:USDT",
        open_rate=1000.0,
        open_date=factories.START,
        amount=0.5,
        stake_amount=500.0,
        leverage=2.0,
        fee_open=0.0005,
        fee_close=0.0005,
        is_open=True,
        **more,
    )
    for number in range(orders):
        order = factories._filled(trade, "buy", 1000.0 - number, factories.START + number * HOUR)
        order._trade_bt = trade
        trade.orders.append(order)
    return trade


def seen(trade) -> dict:
    """All that a strategy can see in a trade, its orders included."""
    attributes = {name: value for name, value in vars(trade).items() if name != "orders"}
    return attributes | {
        "orders": [
            {n: v for n, v in vars(order).items() if n not in ("_sa_instance_state", "_trade_bt")}
            for order in trade.orders
        ],
        "owners": [order.trade is trade for order in trade.orders],
        "types": [type(trade), *map(type, trade.orders)],
        "entries": trade.nr_of_successful_entries,
        "profit": trade.calc_profit_ratio(990.0),
        "said": [str(trade), *map(str, trade.orders)],
        "json": trade.to_json(),
        "stake": [order.stake_amount for order in trade.orders],
    }


def set_stop(trade, number):
    trade.stop_loss = float(number)


def note(trade, number):
    trade.note = number


def note_list(trade, number):
    trade.notes = [*getattr(trade, "notes", []), number]


def extend_notes(trade, number):
    getattr(trade, "notes", []).append(number)


def adjust(trade, number):
    trade.adjust_stop_loss(1000.0 + number, -0.01)


def set_filled(trade, number):
    if trade.orders:
        trade.orders[number % len(trade.orders)].filled = float(number)


def tag(trade, number):
    if trade.orders:
        trade.orders[-1].ft_order_tag = f"tag {number}"


def note_order(trade, number):
    if trade.orders:
        trade.orders[0].notes = [number]


def drop(trade, number):
    del trade.orders[number % 3 :]


def append(trade, number):
    order = factories._filled(trade, "buy", 900.0 + number, factories.START)
    order._trade_bt = trade
    trade.orders.append(order)


def append_twice(trade, number):
    trade.orders.extend(trade.orders[:1])


def replace_list(trade, number):
    trade.orders = list(reversed(trade.orders))


def leverage_of_owner(trade, number):
    if trade.orders:
        trade.orders[0].trade.leverage = 1.0 + number


def other_owner(trade, number):
    if trade.orders:
        trade.orders[0]._trade_bt = simulated_trade(0)


def recalculate(trade, number):
    trade.recalc_trade_from_orders()


OPERATIONS = [
    set_stop, note, note_list, extend_notes, adjust, set_filled, tag, note_order, drop, append,
    append_twice, replace_list, leverage_of_owner, other_owner, recalculate,
]  # fmt: skip
# On the trade, on its newest copy, or copy it (from the trade or from the newest copy).
WHERE = ("trade", "copy", "copy again", "copy of the copy")


@given(
    st.lists(
        st.tuples(st.sampled_from(WHERE), st.sampled_from(OPERATIONS), st.integers(0, 9)),
        max_size=12,
    ),
    st.integers(0, 3),
)
def test_it_is_a_deep_copy_whatever_is_done(operations, orders):
    def run(how):
        trades = [simulated_trade(orders)]
        trades.append(how(trades[0]))
        for where, operation, number in operations:
            if where == "copy again":
                trades.append(how(trades[0]))
            elif where == "copy of the copy":
                trades.append(how(trades[-1]))
            else:
                operation(trades[0 if where == "trade" else -1], number)
        return [seen(trade) for trade in trades]  # also those that a strategy has kept

    assert run(copied) == run(deepcopy)


@pytest.mark.parametrize("again", [copy, deepcopy, copied], ids=lambda each: each.__name__)
def test_a_copy_can_be_copied(again):
    trade = copied(simulated_trade())
    expected = seen(again(trade)) | {"owners": []}
    assert expected == seen(trade) | {"owners": []}


def test_a_copy_can_be_pickled_as_a_deep_copy_can():
    for how in (copied, deepcopy):
        trade = pickle.loads(pickle.dumps(how(simulated_trade())))
        assert seen(trade) == seen(simulated_trade())


@pytest.mark.parametrize("notes", [0, [1]])
def test_what_other_parts_remember_in_a_trade_is_not_in_a_copy(notes):
    trade = simulated_trade()
    trade.__dict__[FUNDING_SUM], trade.notes = object(), notes
    assert FUNDING_SUM not in vars(copied(trade))


def test_it_is_another_trade_with_other_orders():
    trade = simulated_trade()
    copy = copied(trade)
    assert copy != trade
    assert hash(copy) != hash(trade)
    assert not {*map(id, copy.orders)} & {*map(id, trade.orders)}
    assert type(copy) is LocalTrade
    assert {copy: 1, trade: 2}[copy] == 1


def test_plain_trades_are_not_copied_deeply(monkeypatch):
    """Seen to fail when the copy falls back to `deepcopy`, so that this part does nothing."""
    monkeypatch.setattr(trade_copies, "deepcopy", None)
    assert seen(copied(simulated_trade(3))) == seen(simulated_trade(3))


@pytest.mark.parametrize("spoil", [note_list, note_order, append_twice, other_owner])
def test_what_is_not_plain_is_copied_deeply(spoil, monkeypatch):
    trade = simulated_trade()
    spoil(trade, 1)
    made = []
    monkeypatch.setattr(trade_copies, "deepcopy", lambda each: made.append(each) or deepcopy(each))
    assert seen(copied(trade)) == seen(trade)
    assert made == [trade]


class Own(LocalTrade):
    pass


@pytest.mark.parametrize("value", [None, 5, "text", {"a": [1]}, Own(open_rate=1.0, amount=1.0)])
def test_anything_else_is_copied_by_deepcopy(value):
    copy = copied(value)
    assert type(copy) is type(value)
    assert value == copy or type(value) is Own


def test_trades_of_a_database_are_copied_by_deepcopy(trade_database):
    kept = factories.trade()
    copy = copied(kept)
    assert type(copy) is Trade
    assert copy is not kept
    copy.stop_loss = 1.0
    assert kept.stop_loss != 1.0


def test_custom_data_is_of_the_trade_as_with_a_deep_copy():
    for how in (copied, deepcopy):
        trade = simulated_trade()
        how(trade).set_custom_data(key=how.__name__, value=[1])
        assert trade.get_custom_data(how.__name__) == [1]


def test_callbacks_are_given_copies_while_the_part_is_on():
    kept = []

    def custom_exit(trade, **kwargs):
        trade.stop_loss = trade.amount = 0.0
        trade.orders[0].filled = 0.0
        trade.orders.clear()
        kept.append(trade)

    trade, untouched = simulated_trade(), seen(simulated_trade())
    try:
        assert COPIES.switch_on() is None
        assert strategy_wrapper.deepcopy is copied
        strategy_safe_wrapper(custom_exit)(trade=trade)
        given_on(trade, custom_exit).orders.clear()
        assert seen(trade) == untouched
        kept_at = seen(kept[0])
        trade.orders[1].ft_order_tag, trade.stop_loss = "moved on", 5.0
        assert seen(kept[0]) == kept_at
    finally:
        COPIES.switch_off()
    assert strategy_wrapper.deepcopy is deepcopy
