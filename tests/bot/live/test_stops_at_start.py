"""A stop that has filled while the bot was down is booked as one that fills while it runs."""

from __future__ import annotations

import pytest
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.stops_at_start import StopsAtStart
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START


class Bot:
    """:param found: stops at the exchange"""

    def __init__(self, found: dict) -> None:
        self.exchange = self
        self._exit_lock = TradeLock()
        self.found = found
        self.done: list[str] = []

    def fetch_stoploss_order(self, number, pair):
        if (found := self.found[number]) is None:
            raise TemporaryError("timeout")
        return {"id": number, **found}

    def book_stop(self, trade, number, found) -> bool:
        assert self._exit_lock.locked()
        self.done.append(number)
        trade.is_open = False
        return True

    def startup_update_open_orders(self) -> None:
        self.done.append("all others")


FILLED, RESTING = {"status": "closed", "filled": 0.01}, {"status": "open", "filled": 0.0}
IN_PART = {"status": "open", "filled": 0.004}
CANCELLED = {"status": "canceled", "filled": 0.0}


@pytest.mark.parametrize(
    ("found", "booked"),
    [
        ([FILLED], ["0"]),
        ([RESTING], []),
        ([CANCELLED], []),
        ([IN_PART], []),
        ([None], []),
        ([None, FILLED], ["1"]),
        ([FILLED, FILLED], ["0"]),  # the first one has closed the trade
        ([], []),
    ],
)
def test_stops_that_have_filled_are_booked_first(trade_database, found, booked):
    trade = factories.trade()
    for number in range(len(found)):
        trade.orders.append(
            Order(
                order_id=str(number), ft_pair=trade.pair, ft_order_side="stoploss", ft_amount=0.01,
                ft_price=1.0, ft_is_open=True, side="sell", order_type="stop_market", amount=0.01,
                filled=0.0, order_date=START, status="open",
            )
        )  # fmt: skip
    Trade.commit()
    bot = Bot({str(number): each for number, each in enumerate(found)})
    StopsAtStart(bot, bot, Trying())
    bot.startup_update_open_orders()
    assert bot.done == [*booked, "all others"]
