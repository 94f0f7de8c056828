"""Every question about closed trades has stock Freqtrade's answer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freqtrade.persistence import LocalTrade, Trade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration.closed_trades import CLOSED_TRADES
from tests.bot.acceleration.conftest import on, reset
from tests.factories import START

pytestmark = pytest.mark.usefixtures("simulated")

PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")


def at(hours):
    return START + timedelta(hours=hours)


def opened(number: int, pair: str, hours: float) -> LocalTrade:
    trade = LocalTrade(
        id=number, pair=pair, open_rate=1.0, amount=1.0, stake_amount=1.0, open_date=at(hours),
        fee_open=0.0, fee_close=0.0, is_open=True,
    )  # fmt: skip
    LocalTrade.add_bt_trade(trade)
    return trade


OPERATION = st.tuples(
    st.sampled_from(["open", "close", "close", "ask", "ask", "remove last", "replace", "reset"]),
    st.sampled_from([*PAIRS, None]),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(0, 30)),
)


def answers(pair, since):
    date = None if since is None else at(since)
    return [
        [trade.id for trade in Trade.get_trades_proxy(pair=pair, is_open=is_open, **dates)]
        for is_open in (True, False, None)
        for dates in ({}, {"close_date": date}, {"open_date": date, "close_date": date})
    ]


@given(st.lists(OPERATION, max_size=40), st.booleans())
def test_its_answers_are_those_of_stock(operations, in_order):
    def run():
        reset()
        found, hour = [], 0
        for number, (what, pair, more, since) in enumerate(operations):
            hour = hour + more if in_order else more * 7
            if what == "open":
                opened(number, pair or PAIRS[0], hour)
            elif what == "close" and LocalTrade.bt_trades_open:
                trade = LocalTrade.bt_trades_open[more % len(LocalTrade.bt_trades_open)]
                trade.close_date, trade.close_profit_abs, trade.is_open = at(hour), 1.0, False
                LocalTrade.close_bt_trade(trade)
            elif what == "remove last":
                del LocalTrade.bt_trades[-1:]
            elif what == "replace":
                LocalTrade.bt_trades = list(LocalTrade.bt_trades)
            elif what == "reset":
                Trade.reset_trades()
            else:
                found.append(answers(pair, since))
        return [*found, answers(None, 3), answers(PAIRS[0], 3)]

    stock = run()
    with on(CLOSED_TRADES):
        assert run() == stock


def test_a_list_of_the_caller_can_be_changed():
    with on(CLOSED_TRADES):
        trade = opened(1, PAIRS[0], 0)
        trade.close_date, trade.close_profit_abs = at(1), 1.0
        LocalTrade.close_bt_trade(trade)
        for _ in range(2):
            found = Trade.get_trades_proxy(pair=PAIRS[0], is_open=False)
            assert found == [trade]
            found.clear()


def test_a_date_without_a_zone_is_stocks_error():
    with on(CLOSED_TRADES):
        trade = opened(1, PAIRS[0], 0)
        trade.close_date, trade.close_profit_abs = at(1), 1.0
        LocalTrade.close_bt_trade(trade)
        with pytest.raises(TypeError):
            Trade.get_trades_proxy(is_open=False, close_date=at(1).replace(tzinfo=None))
