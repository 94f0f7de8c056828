"""What is left of a split exit after a restart. How it is split: tests/integration."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.market_exits import MarketExits
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.bot.positions.trades import key_of
from tests import factories
from tests.factories import START


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("resting", "moved", "stays"),
    [
        ([], 0.0, False),
        ([0.010], 0.0, True),
        ([0.006, 0.004], 0.0, True),
        ([0.004], 0.0, False),  # a part of the trade: the exit of all of it goes on
        ([0.010], 0.0009, True),
        ([0.010], 0.002, False),  # the exchange allows a worse price now
        ([0.010], -0.05, True),
        ([0.010], None, False),  # which cannot be asked
    ],
)
def test_an_exit_that_rests_at_the_bound(trade_database, resting, moved, stays, is_short):
    trade = factories.trade(is_short=is_short, amount=0.010)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    for number, amount in enumerate(resting):
        trade.orders.append(
            Order(
                order_id=str(number), ft_pair=trade.pair, ft_order_side=trade.exit_side,
                ft_amount=amount, ft_price=100.0, price=95.1 if not is_short else 104.9,
                ft_is_open=True, side=trade.exit_side, order_type="limit", amount=amount,
                filled=0.0, remaining=amount, order_date=START, status="open",
            )
        )  # fmt: skip
    percent = {"filterType": "PERCENT_PRICE", "multiplierUp": "1.05", "multiplierDown": "0.95"}

    def rate(_):
        if moved is None:
            raise ccxt.NetworkError
        return {"markPrice": 100.0 * (1 + moved if is_short else 1 - moved)}

    functions = {"create_order": print, "execute_trade_exit": print}
    exchange = SimpleNamespace(
        markets={trade.pair: {"info": {"filters": [percent]}}},
        price_to_precision=lambda _, price, **__: price,
        _api=SimpleNamespace(fetch_funding_rate=rate),
        **functions,
    )
    bot = SimpleNamespace(exchange=exchange, _exit_lock=TradeLock(), **functions)
    exits = MarketExits(bot, SimpleNamespace(find=lambda *_: None, kept=lambda _: {}))
    exits._crossing[trade.pair] = {order.order_id for order in trade.orders}
    assert exits.rests_at_the_bound(trade) is stays


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("amount", "filled", "is_open", "left"),
    [
        (0.010, 0.000, True, 0.003),
        (0.010, 0.002, True, 0.003),  # its fills are in the trade's amount until it has ended
        (0.005, 0.005, False, 0.003),
    ],
)
def test_the_rest_of_an_exit(trade_database, is_short, amount, filled, is_open, left):
    """8 of 10 are sold, 5 of them by the first order."""
    trade = factories.trade(is_short=is_short, amount=0.010)
    trade.amount_precision, trade.precision_mode, trade.contract_size = 0.001, 4, 1.0
    trade.amount = amount
    trade.orders.append(
        Order(
            order_id="1", ft_pair=trade.pair, ft_order_side=trade.exit_side, ft_amount=0.005,
            ft_price=1.0, ft_is_open=is_open, side=trade.exit_side, order_type="limit",
            amount=0.005, filled=filled, remaining=0.005 - filled, order_date=START,
            status="open" if is_open else "closed",
        )
    )  # fmt: skip
    Trade.commit()
    key = key_of(trade)
    kept = {"opened": key.opened.isoformat(), "amount": 0.003, "limit": 1.0, "tag": "scale_out"}
    intents = SimpleNamespace(
        find=lambda *_: None,
        kept=lambda _: {str(key.id): {**kept, "of_a_part": True, "stays": 0.002}},
    )
    functions = {"create_order": print, "execute_trade_exit": print}
    bot = SimpleNamespace(exchange=SimpleNamespace(**functions), **functions)
    bot._exit_lock = TradeLock()
    exits = MarketExits(bot, intents)
    exits.leaves(trade)
    # With the last order closed and booked, 2 are to stay of 5.
    assert exits._rests[key].amount == pytest.approx(left)


def test_no_trade_that_has_closed_is_remembered(trade_database):
    functions = {"create_order": print, "execute_trade_exit": print}
    bot = SimpleNamespace(exchange=SimpleNamespace(**functions), **functions)
    bot._exit_lock = TradeLock()
    exits = MarketExits(bot, SimpleNamespace(find=lambda *_: None, kept=lambda _: {}))
    for number in range(5):
        trade = factories.trade(amount=0.010, opened=START + number * timedelta(hours=1))
        exits.leaves(trade)
        assert exits._restored == {key_of(trade)}
        trade.close(30_100.0)
        Trade.commit()
