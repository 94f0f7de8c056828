"""What the guard does around Freqtrade's cycles. With a whole bot: tests/integration."""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace
from unittest import mock

import ccxt
import pytest
import time_machine
from freqtrade.exceptions import (
    DDosProtection,
    InvalidOrderException,
    OperationalException,
    TemporaryError,
)
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.open_entries import OpenEntries
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.live.wanted_targets import WantedTargets
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.entry import EntryLimits
from perpkit.execution.guarding import GuardRule
from perpkit.execution.partial_entry import PartialLimits
from perpkit.record.journal import Journal
from tests import factories
from tests.factories import START

BTC = "BTC/USDT:USDT"
OUTAGE = TemporaryError("no answer")


class Api:
    options = {"broker": {"future": "x-cvBPrNm9"}, "recvWindow": 10_000}

    def create_order(self, *args): ...

    def fetch_order(self, *args): ...

    def milliseconds(self):
        return 0

    def fapiPrivateGetOpenAlgoOrders(self):  # noqa: N802 - ccxt's name
        stops = [order for order in Order.get_open_orders() if order.ft_order_side == "stoploss"]
        return [
            {"symbol": o.ft_pair, "algoId": o.order_id, "side": o.side, "quantity": o.amount}
            for o in stops
        ]

    def safe_symbol(self, symbol, *args):
        return symbol

    def fapiPrivateGetOpenOrders(self):  # noqa: N802 - ccxt's name
        return []

    def fapiPrivateGetAccountConfig(self):  # noqa: N802
        return {"dualSidePosition": False, "multiAssetsMargin": False}

    def fapiPrivateGetSymbolConfig(self, asked):  # noqa: N802
        return []

    def market_id(self, pair):
        return pair


class Bot:
    """The part of Freqtrade's bot, exchange and wallets that the guard uses.

    `fails` maps names of methods to the errors that they raise.
    """

    id = "binance"

    def __init__(self) -> None:
        self.exchange = self.wallets = self
        self.rpc = SimpleNamespace(_rpc=SimpleNamespace(_rpc_delete=lambda _: {}))
        self._api = Api()
        self.config = {
            "db_url": "sqlite://",
            "user_data_dir": "/nowhere",
            "margin_mode": "isolated",
        }
        self.liquidation_buffer = 0.05
        self.markets = {BTC: {"limits": {}}}
        self.strategy = SimpleNamespace(stoploss=-0.6, use_custom_stoploss=False)
        self._exit_lock = TradeLock()
        self.done: list[str] = []
        self.told: list[str] = []
        self.held: list[dict] = []
        self.fails: dict[str, Exception] = {}
        self.during_process = lambda: None

    def _do(self, what: str) -> None:
        self.done.append(what)
        if what in self.fails:
            raise self.fails[what]

    def process(self) -> None:
        self._do("process")
        self.during_process()

    def process_stopped(self) -> None:
        self._do("process_stopped")

    def startup_update_open_orders(self) -> None: ...

    def update_funding_fees(self) -> None: ...

    def update_all_liquidation_prices(self) -> None: ...

    def exit_positions(self, trades) -> int:
        return 0

    def fetch_stoploss_order(self, order_id, pair):
        return {"status": "open"}

    def manage_open_orders(self) -> None:
        assert self._exit_lock.locked()
        self._do("manage")

    def _safe_exit_amount(self, trade, pair, amount) -> float:
        raise AssertionError("reads the balance")

    def execute_entry(self, *args, **kwargs) -> bool:
        self.wallets.update()
        return True

    def update_trade_state(self, trade, order_id, action_order=None, **how):
        self._do(f"book {order_id}")

    def _update_trade_after_fill(self, trade, order, send_msg):
        self._do("after_fill")
        self.wallets.update()
        return trade

    def update(self, require_update: bool = True) -> None:
        self._do("balance")

    def get_all_balances(self):
        return {"USDT": SimpleNamespace(total=1_000.0)}

    def handle_stoploss_on_exchange(self, trade) -> bool:
        assert self._exit_lock.locked()
        self._do("stop")
        add_stop(trade, trade.amount)
        return False

    def create_order(self, **order): ...

    def _lev_prep(self, pair, leverage, side, accept_fail): ...

    def get_valid_enter_price_and_stake(self, *args): ...

    def create_stoploss(self, **order): ...

    def fetch_order(self, order_id, pair, params=None, **how): ...

    def handle_onexchange_order(self, trade) -> bool:
        return False

    def _notify_exit(self, *_) -> None: ...

    def handle_cancel_order(self, order, order_obj, trade, reason) -> bool:
        return True

    def execute_trade_exit(self, trade, limit, exit_check, **how) -> bool:
        return True

    def create_stoploss_order(self, trade, stop_price) -> bool:
        self._do("second stop")
        add_stop(trade, trade.amount)
        return True

    def cancel_stoploss_on_exchange(self, trade, allow_nonblocking=False):
        for order in trade.open_sl_orders:
            self._do("cancel")
            order.ft_is_open = False
        return trade

    def cancel_stoploss_order_with_result(self, order_id, pair, amount):
        self._do("cancel one")
        return {"id": order_id, "status": "canceled"}

    def emergency_exit(self, trade, price) -> None:
        assert self._exit_lock.locked()
        self._do("leave")

    def fetch_positions(self):
        self._do("positions")
        return self.held

    def fetch_orders(self, pair, since):
        return []

    def _contracts_to_amount(self, pair, contracts):
        return contracts

    def notify_status(self, message, kind) -> None:
        self.told.append(message)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def bot(trade_database, clock) -> Bot:
    return Bot()


@pytest.fixture
def guard(bot) -> StopGuard:
    rpc = SimpleNamespace(_rpc=SimpleNamespace(_freqtrade=bot))
    dp = SimpleNamespace(_DataProvider__rpc=rpc)
    states = TradeStates(True)
    books = FreshBooks(dp, EntryLimits().max_book_age_seconds)
    entries = OpenEntries({"dry_run": False}, bot, books, PartialLimits(), states)
    return StopGuard(
        dp, entries, states, 15, GuardRule(), Journal.create(None, "3fa2c1"), WantedTargets(None)
    )


def add_stop(trade: Trade, amount: float) -> None:
    trade.orders.append(
        Order(
            order_id=f"stop-{len(trade.orders)}",
            ft_pair=trade.pair,
            ft_order_side="stoploss",
            ft_amount=amount,
            ft_price=trade.stop_loss,
            ft_is_open=True,
            side=trade.exit_side,
            order_type="stop_market",
            status="open",
            amount=amount,
            order_date=START,
        )
    )
    Trade.commit()


def position(stop: float | None = None) -> Trade:
    """A long position of 0.01, with a stop for an amount of `stop`."""
    trade = factories.trade()
    trade.liquidation_price = 21_000.0
    if stop is not None:
        add_stop(trade, stop)
    return trade


def open_order(trade: Trade, side: str, kind: str) -> None:
    trade.orders.append(
        Order(
            order_id="open", ft_pair=trade.pair, ft_order_side=side, ft_amount=0.01,
            ft_price=30_000.0, ft_is_open=True, side=side, order_type=kind, status="open",
            amount=0.01, filled=0.0, order_date=datetime.now(UTC),
        )
    )  # fmt: skip
    Trade.commit()


def holds(amount: float, pair: str = BTC) -> dict:
    side = "long" if amount > 0 else "short"
    return {
        "symbol": pair,
        "contracts": abs(amount),
        "side": side,
        "liquidationPrice": 20_526.3 if amount > 0 else 40_000.0,
    }


def around(bot: Bot) -> list[str]:
    """The requests around one cycle, without the comparison with the exchange."""
    bot.done.clear()
    bot.process()
    return [what for what in bot.done if what != "positions"]


def cycles(bot: Bot, clock, seconds: int) -> None:
    for _ in range(seconds // 5):
        clock.shift(5)
        bot.process()


def test_a_position_with_its_stop_asks_for_nothing(bot, guard):
    position(stop=0.01)
    assert around(bot) == ["process"]


def test_a_position_without_a_stop_is_given_one_before_the_cycle(bot, guard):
    position()
    assert around(bot) == ["stop", "process"]
    assert around(bot) == ["process"]


def test_one_that_came_in_the_cycle_is_given_it_after(bot, guard):
    bot.during_process = position
    assert around(bot) == ["process", "stop"]


@pytest.mark.parametrize(
    ("fails", "does", "left"),
    [
        (None, ["second stop", "cancel one"], [0.01]),
        ("second stop", ["second stop"], [0.004]),
        ("cancel one", ["second stop", "cancel one"], [0.004, 0.01]),
    ],
)
def test_a_stop_that_covers_too_little_stays_until_another_does(bot, guard, fails, does, left):
    trade = position(stop=0.004)
    if fails:
        bot.fails[fails] = OUTAGE
    done = around(bot)
    assert list(dict.fromkeys(done)) == [*does, "process"]  # what fails is tried again
    assert done.count("process") == 1
    assert [order.amount for order in trade.open_sl_orders] == left


def test_an_addition_takes_no_stop_away(bot, guard):
    """Freqtrade cancels it when the addition has filled, and places one at its next look."""
    trade = position(stop=0.004)
    bot.cancel_stoploss_on_exchange(trade)
    assert not bot.done
    trade.is_open = False
    bot.cancel_stoploss_on_exchange(trade)
    assert bot.done == ["cancel"]


@pytest.mark.parametrize(("seconds", "left"), [(8, False), (10, True)])
def test_a_position_whose_stop_cannot_be_placed_is_left_in_time(bot, guard, clock, seconds, left):
    position()
    bot.held = [holds(0.01)]
    bot.fails["stop"] = OUTAGE
    clock.shift(seconds)
    assert ("leave" in around(bot)) is left
    assert len(bot.told) == left


@pytest.mark.parametrize(
    ("filled_before", "look", "expected"),
    [
        (60, "shows none", ["process"]),
        (60, "shows it", ["stop", "process"]),
        (60, "fails", ["stop", "process"]),
        (4, "shows none", ["stop", "process"]),  # older than the fill, it may be
    ],
)
def test_a_position_that_the_first_look_does_not_show_waits(
    bot, guard, clock, filled_before, look, expected
):
    position()
    clock.shift(filled_before)
    bot.held = [holds(0.01)] if look == "shows it" else []
    if look == "fails":
        bot.fails["positions"] = OUTAGE
    assert around(bot) == expected


@pytest.mark.parametrize(
    ("seconds", "look", "expected"),
    [
        (2, "shows it", ["process"]),  # it is not looked at so soon
        (3, "shows it", ["stop", "process"]),
        (9, "fails", ["process"]),
        (10, "fails", ["stop", "process"]),
        (3, "shows none", ["process"]),
    ],
)
def test_the_second_look_decides_before_the_cycle(bot, guard, clock, seconds, look, expected):
    position()
    clock.shift(60)
    around(bot)
    clock.shift(seconds)
    bot.held = [holds(0.01)] if look == "shows it" else []
    if look == "fails":
        bot.fails["positions"] = OUTAGE
    assert around(bot) == expected


def test_its_stop_stays_while_a_position_waits(bot, guard, clock):
    trade = position(stop=0.01)
    clock.shift(60)
    assert around(bot) == ["process"]
    with bot._exit_lock:
        guard._stops.protect(trade)  # as for a fill that is booked late
    assert bot.done == ["positions", "process"]
    bot.held = [holds(0.01)]
    clock.shift(5)
    assert around(bot) == ["process"]


def test_nor_are_the_rest_of_an_exit_sent_and_a_stop_moved(bot, guard, clock):
    position(stop=0.01)
    clock.shift(60)
    finish = mock.patch.object(guard._exits, "finish")
    move_on = mock.patch.object(guard._stop_orders, "move_on")
    with finish as finished, move_on as moved:
        around(bot)
        assert (finished.call_count, moved.call_count) == (0, 0)
        bot.held = [holds(0.01)]
        clock.shift(5)
        around(bot)
        assert finished.call_count > 0
        assert moved.call_count == 1


@pytest.mark.parametrize(("minutes", "waits"), [(1, False), (3, True)])
def test_a_bot_that_has_slept_looks_first(bot, guard, clock, minutes, waits):
    trade = position(stop=0.01)
    bot.held = [holds(0.01)]
    clock.shift(60)
    around(bot)
    trade.orders[-1].ft_is_open = False
    bot.held = []
    clock.shift(60 * minutes)
    assert ("stop" not in around(bot)) is waits


def test_the_time_counts_from_when_it_last_had_its_stop(bot, guard, clock):
    trade = position(stop=0.01)
    for _ in range(2):
        clock.shift(5)
        around(bot)
    trade.orders[-1].ft_is_open = False
    bot.fails["stop"] = OUTAGE
    clock.shift(5)
    assert "leave" not in around(bot)
    clock.shift(5)
    assert "leave" in around(bot)


@pytest.mark.parametrize(
    ("kind", "left"),
    [("market", False), ("limit", True)],
)
def test_an_exit_at_the_market_that_is_on_its_way_is_enough(bot, guard, clock, kind, left):
    open_order(position(), "sell", kind)
    bot.fails["stop"] = OUTAGE
    clock.shift(60)
    assert ("leave" in around(bot)) is left


def test_failures_of_the_guard_never_reach_the_cycle_and_are_logged_once(bot, guard, caplog):
    trade = position(stop=0.004)
    close = factories.trade("ETH/USDT:USDT", close_rate=31_000.0)
    add_stop(close, 0.01)
    for what in ("second stop", "cancel one", "positions", "leave"):
        bot.fails[what] = RuntimeError("broken")
    with caplog.at_level(logging.WARNING, "perpkit"):
        for _ in range(3):
            assert "process" in around(bot)
    assert len(caplog.messages) == len(set(caplog.messages)) == 3
    assert trade.is_open


@pytest.mark.parametrize("error", [OUTAGE, DDosProtection("418")])
def test_a_cycle_that_fails_is_raised_where_nothing_is_at_stake(bot, guard, error):
    position(stop=0.01)
    bot.fails["process"] = error
    with pytest.raises(type(error)):
        bot.process()


def of_ccxt() -> OperationalException:
    error = OperationalException("no")
    error.__cause__ = ccxt.BaseError("no")
    return error


@pytest.mark.parametrize("open_trades", [0, 1])
@pytest.mark.parametrize("make", [of_ccxt, lambda: KeyError("no"), lambda: TypeError("no")])
def test_what_would_stop_the_bot_or_its_process_is_reported_and_repeated(
    bot, guard, make, open_trades
):
    if open_trades:
        position(stop=0.01)
    bot.fails["process"] = make()
    assert "process" in around(bot)  # the next one follows at once
    for _ in range(3):
        with pytest.raises(TemporaryError, match="no"):  # Freqtrade waits, and goes on
            bot.process()
    [message] = bot.told
    assert "A cycle ended early" in message
    del bot.fails["process"]
    bot.process()
    bot.fails["process"] = make()
    assert "process" in around(bot)


def test_what_the_user_has_to_mend_stops_a_bot_that_holds_nothing(bot, guard):
    bot.fails["process"] = OperationalException("no")
    with pytest.raises(OperationalException):
        bot.process()
    position(stop=0.01)
    with pytest.raises(TemporaryError):
        bot.process()


def test_an_error_while_the_bot_is_stopped_does_not_end_the_process(bot, guard):
    position()
    bot.fails["process_stopped"] = KeyError("no")
    bot.done.clear()
    bot.process_stopped()
    assert "stop" in bot.done
    assert len(bot.told) == 1


@pytest.mark.parametrize(
    ("error", "raised"),
    [(OUTAGE, False), (DDosProtection("418"), True), (OperationalException("no"), False)],
)
def test_while_an_entry_is_open_the_next_cycle_follows_at_once(bot, guard, error, raised):
    open_order(position(stop=0.01), "buy", "limit")
    bot.fails["process"] = error
    try:
        done = around(bot)
    except type(error):
        assert raised
    else:
        assert not raised
        assert done == ["process", "manage"]


def test_a_position_that_is_found_while_a_cycle_fails_is_given_its_stop(bot, guard):
    bot.fails["process"] = OUTAGE
    bot.fails["stop"] = OUTAGE
    position()
    # And nothing raised, as there is none yet.
    assert set(around(bot)) == {"stop", "process"}
    del bot.fails["stop"]
    with pytest.raises(TemporaryError):
        around(bot)


def test_a_bot_that_is_stopped_keeps_its_stops(bot, guard):
    position()
    bot.done.clear()
    bot.process_stopped()
    assert [what for what in bot.done if what != "positions"] == ["stop", "process_stopped"]


def test_the_balance_is_read_after_the_stop_of_an_entry(bot, guard):
    position()
    with bot._exit_lock:
        bot.execute_entry()
    assert bot.done == ["stop", "balance"]
    bot.update()
    assert bot.done[-1] == "balance"


@pytest.mark.parametrize("fails", ["after_fill", "balance"])
def test_a_fill_is_dealt_with_to_its_end(bot, guard, fails):
    trade = position()
    bot.fails[fails] = OUTAGE
    with bot._exit_lock:
        assert bot._update_trade_after_fill(trade, trade.orders[0], True) is trade
    assert bot.done[:2] == ["after_fill", "stop"]


def test_no_stop_is_placed_before_an_exit_is_booked(bot, guard):
    """What the entry has added is sold by it, at least in part."""
    trade = position()
    guard._fills._closing.under_way = True
    with bot._exit_lock:
        bot._update_trade_after_fill(trade, trade.orders[0], True)
    assert "stop" not in bot.done
    guard._fills._closing.under_way = False
    assert "stop" in around(bot)


def test_a_stored_fill_is_booked_at_once(bot, guard):
    """It waits neither for the next comparison with the exchange nor for one that succeeds."""
    trade = position(stop=0.01)
    around(bot)
    open_order(trade, trade.exit_side, "market")
    trade.orders[-1].update_from_ccxt_object({"id": "open", "status": "closed", "filled": 0.004})
    Trade.commit()
    bot.fails["positions"] = OUTAGE
    assert around(bot)[0] == "book open"


def test_the_stop_of_the_strategy_is_set_when_freqtrade_could_not(bot, guard):
    def adjust(rate, trade, now, profit, force, after_fill):
        assert (rate, after_fill) == (trade.open_rate, True)
        trade.adjust_stop_loss(rate, -0.03, allow_refresh=True)

    bot.strategy = SimpleNamespace(
        stoploss=-0.6, use_custom_stoploss=True, ft_stoploss_adjust=adjust
    )
    trade = position()
    bot.fails["after_fill"] = OUTAGE
    with bot._exit_lock:
        bot._update_trade_after_fill(trade, trade.orders[0], True)
    assert trade.stop_loss == 29_700.0


def test_an_exit_takes_the_amount_as_it_is(bot, guard):
    assert bot._safe_exit_amount(None, BTC, 0.01) == 0.01
    assert bot.done == []


def test_stops_of_closed_trades_are_cancelled_until_they_are(bot, guard):
    trade = factories.trade(close_rate=31_000.0)
    add_stop(trade, 0.01)
    bot.fails["cancel one"] = OUTAGE
    assert around(bot) == ["process", "cancel one"]
    del bot.fails["cancel one"]
    # A cycle that fails does not reach its end.
    bot.fails["process"] = OUTAGE
    with suppress(TemporaryError):
        bot.process()
    assert bot.done.count("cancel one") == 2
    del bot.fails["process"]
    assert around(bot) == ["process"]


@pytest.mark.parametrize(("seconds", "looks"), [(5, 6), (20, 8), (40, 8), (90, 4)])
@pytest.mark.parametrize("process", ["process", "process_stopped", "fails"])
def test_the_exchange_is_asked_within_each_minute(bot, guard, clock, seconds, looks, process):
    position(stop=0.01)
    bot.held = [holds(0.01)]
    if process == "fails":
        bot.fails["process"], process = OUTAGE, "process"
    asked, now = [], 0
    while now <= 300:
        with suppress(TemporaryError):
            getattr(bot, process)()
        if bot.done.count("positions") > len(asked):
            asked.append(now)
        clock.shift(seconds)
        now += seconds
    assert max(b - a for a, b in pairwise(asked)) <= max(60, seconds)
    assert len(asked) == looks


@pytest.mark.parametrize("amount", [0.5, -0.5])
def test_a_position_that_nobody_knows_is_told_of_at_the_second_look(bot, guard, clock, amount):
    assert guard.refusal(BTC) == "positions have not been compared with the exchange's yet"
    bot.held = [holds(amount)]
    bot.process()
    assert bot.told == []
    cycles(bot, clock, 150)
    assert guard.refusal(BTC) == f"the exchange holds {amount:g} that the database does not know"
    assert guard.refusal("ETH/USDT:USDT") is None
    assert len(bot.told) == 1
    assert bot.done.count("positions") < 6
    bot.held = []
    cycles(bot, clock, 60)
    assert guard.refusal(BTC) is None


@pytest.mark.parametrize("amount", [0.5, -0.5])
def test_an_entry_that_waits_ends_where_its_pair_is_refused(bot, guard, clock, amount):
    assert guard.withdrawal(BTC) is None  # there was no look
    bot.process()
    assert guard.withdrawal(BTC) is None
    bot.held = [holds(amount)]
    cycles(bot, clock, 60)
    assert guard.withdrawal(BTC) == f"the exchange holds {amount:g} that the database does not know"
    assert guard.withdrawal("ETH/USDT:USDT") is None
    bot.held = []
    cycles(bot, clock, 60)
    assert guard.withdrawal(BTC) is None


def test_a_position_that_was_odd_for_a_moment_is_not_told_of(bot, guard, clock):
    trade = position(stop=0.01)
    bot.held = []
    bot.process()  # the stop has triggered, and Freqtrade is about to see it
    trade.close(29_000.0)
    Trade.commit()
    cycles(bot, clock, 70)
    assert bot.told == []


def test_an_ended_order_not_yet_booked_hides_a_difference_for_a_minute(bot, guard, clock):
    open_order(position(stop=0.01), "buy", "limit")
    bot.held = [holds(0.015)]
    cycles(bot, clock, 60)
    assert bot.told == []
    cycles(bot, clock, 120)
    [message] = bot.told
    assert "0.005 that the database does not know next to trade 1" in message


def test_a_trade_that_always_fails_does_not_keep_others_from_their_stops(bot, guard):
    first, second = position(), factories.trade("ETH/USDT:USDT")
    guard._stops._states.of(first)
    of = guard._stops._states.of

    def fails_for_the_first(trade):
        if trade.pair == first.pair:
            raise RuntimeError("broken")
        return of(trade)

    guard._stops._states.of = fails_for_the_first
    around(bot)
    assert [order.ft_is_open for order in second.open_sl_orders] == [True]


def test_a_comparison_that_always_fails_does_not_keep_others_from_theirs(bot, guard, clock):
    position(stop=0.01)
    bot.held = []
    with (
        mock.patch.object(
            guard._reconciliation, "_find_closings", side_effect=RuntimeError("broken")
        ) as find,
        mock.patch.object(guard._reconciliation, "_check_foreign") as unknown,
    ):
        bot.held = [holds(0.5, "LTC/USDT:USDT")]
        cycles(bot, clock, 240)
    assert find.called
    assert unknown.called


@pytest.mark.parametrize(("stop", "refused"), [(None, True), (0.004, True), (0.01, False)])
def test_nothing_is_added_to_a_position_without_its_whole_stop(bot, guard, stop, refused):
    position(stop)
    with (
        mock.patch.object(guard._reconciliation, "refusal", return_value=None),
        mock.patch.object(guard._settings, "refusal", return_value=None),
    ):
        assert (guard.refusal(BTC) == "its position has no stop") is refused
        assert guard.refusal("ETH/USDT:USDT") is None


@pytest.mark.parametrize(
    ("there", "is_open"),
    [("open", True), ("closed", True), ("canceled", False), ("expired", False), (None, False)],
)
def test_a_stop_that_cannot_be_cancelled_is_looked_at(bot, guard, monkeypatch, there, is_open):
    """One that has triggered is Freqtrade's to book: as cancelled, its fill would be lost."""

    def look(order_id, pair):
        if there is None:
            raise InvalidOrderException("unknown order")
        return {"id": order_id, "status": there}

    monkeypatch.setattr(bot, "fetch_stoploss_order", look)
    bot.fails["cancel one"] = InvalidOrderException("unknown order")
    (order,) = position(stop=0.01).open_sl_orders
    with bot._exit_lock:
        guard._stop_orders.cancel(order)
    assert order.ft_is_open is is_open
