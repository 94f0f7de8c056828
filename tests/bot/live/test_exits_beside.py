"""Exits beside a position of the trader, on the same side. With a bot: tests/integration."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.exceptions import TemporaryError
from freqtrade.persistence import Order, Trade
from freqtrade.rpc import RPCException

from perpkit.bot.live.exits_beside import ExitsBeside
from perpkit.bot.live.leaving import HALTED, leave_at_market
from perpkit.bot.live.order_purposes import orders_are
from perpkit.bot.live.trying import Trying
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.record.journal import Intent, JournalEntry, Outcome
from perpkit.record.order_ids import Purpose
from tests import factories

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
SIGNAL = ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason="enough")


class Bot(SimpleNamespace):
    """`cancelled` is what an order had filled when it was cancelled; None if it cannot be."""

    def __init__(self) -> None:
        super().__init__(_exit_lock=TradeLock(), exits=[], cancelled=0.0, sent=[], failing=False)
        self.exchange = SimpleNamespace(create_order=lambda **order: self.sent.append(order))

    def execute_trade_exit(self, trade, limit, exit_check, **how) -> bool:
        if self.failing:
            raise TemporaryError("-1008")
        self.exits.append((exit_check.exit_reason, how))
        return True

    def end(self, trade, order) -> None:
        """As `ClosingFills` does it."""
        assert order.ft_order_side == trade.exit_side
        if self.cancelled is None:
            raise TemporaryError("it has not been cancelled")
        order.ft_is_open = False
        trade.amount -= self.cancelled
        trade.is_open = trade.amount > 0
        Trade.commit()

    def cancel_open_orders_of_trade(self, *_) -> None:
        """Keeps an order for what it has filled."""


class Sent:
    """Exits without an answer, and whether they may still be carried out."""

    def __init__(self) -> None:
        self.intents, self.entries, self.late = self, [], True

    def unsettled(self, pair):
        return [entry for entry in self.entries if entry.intent.pair == pair]

    def may_arrive(self, intent) -> bool:
        return self.late

    def add(self, pair=BTC, purpose=Purpose.EXIT, outcome=Outcome.SENT) -> None:
        intent = Intent(
            client_id=f"x-{purpose.value}{len(self.entries)}", pair=pair, strategy="Steered",
            purpose=purpose, side="sell", type="market", amount=0.01, price=None, stop_price=None,
            reduce_only=True, leverage=3.0, tag="enough", at=0,
        )  # fmt: skip
        self.entries.append(JournalEntry(intent, outcome, None, "", 0))


class Desk:
    def __init__(self) -> None:
        self.bot, self.sent, self.crossing = Bot(), Sent(), False
        self.foreign = self.sure = True
        exits = SimpleNamespace(leaves=lambda _: self.crossing)
        self.part = ExitsBeside(
            self.bot,
            self.sent,
            exits,
            SimpleNamespace(end=self.bot.end),
            lambda _: self.foreign,
            lambda _: self.sure,
            Trying(),
        )
        leave_at_market(self.bot, lambda _: self.foreign, lambda _: False)

    def leave(self, trade, check=SIGNAL, **how) -> bool:
        with self.bot._exit_lock:
            return self.bot.execute_trade_exit(trade, 1.0, check, **how)

    def keep(self) -> None:
        with self.bot._exit_lock:
            self.part.keep()


@pytest.fixture
def desk(trade_database) -> Desk:
    return Desk()


def rests(trade, amount: float) -> None:
    trade.orders.append(
        Order(
            order_id="rests", ft_pair=trade.pair, ft_order_side=trade.exit_side, ft_amount=amount,
            ft_price=31_000.0, ft_is_open=True, side=trade.exit_side, order_type="limit",
            status="open", amount=amount, filled=0.0, price=31_000.0, ft_order_tag="target",
        )
    )  # fmt: skip
    Trade.commit()


@pytest.mark.parametrize(
    ("foreign", "sent", "late", "goes_out"),
    [
        (True, {}, True, False),
        (True, {"purpose": Purpose.PART}, True, False),
        (True, {"purpose": Purpose.CROSSING}, True, False),
        (True, {}, False, True),  # it can no longer be carried out
        (False, {}, True, True),  # reduce-only bounds both
        (True, {"pair": ETH}, True, True),
        (True, {"purpose": Purpose.STOP}, True, True),
        (True, {"purpose": Purpose.ENTRY}, True, True),
        (True, {"outcome": Outcome.ANSWERED}, True, True),
        (True, None, True, True),
    ],
)
@pytest.mark.parametrize("reason", ["enough", HALTED])
def test_an_exit_waits_for_an_earlier_one(desk, caplog, foreign, sent, late, goes_out, reason):
    caplog.set_level(logging.WARNING)
    desk.foreign, desk.sent.late = foreign, late
    if sent is not None:
        desk.sent.add(**sent)
    trade = factories.trade()
    check = ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason=reason)
    for _ in range(2):
        assert desk.leave(trade, check) is goes_out
    assert len(desk.bot.exits) == 2 * goes_out
    assert caplog.text.count("waits for 15 seconds at most") == (not goes_out)


@pytest.mark.parametrize(("late", "goes_out"), [(True, False), (False, True)])
def test_it_waits_too_when_the_rest_equals_the_trade(desk, late, goes_out):
    """The first one has been carried out, and is not known yet: what is left is the trader's."""
    trade = factories.trade()
    desk.leave(trade)
    desk.sent.add()
    desk.foreign, desk.sent.late = False, late
    assert desk.leave(trade) is goes_out


@pytest.mark.parametrize(
    ("foreign", "sent", "purpose", "reduces", "goes_out"),
    [
        (True, True, Purpose.EXIT, True, False),
        (True, True, Purpose.PART, True, False),
        (True, True, Purpose.TARGET, True, True),
        (True, True, Purpose.ENTRY, False, True),
        (True, False, Purpose.PART, True, True),
        (False, True, Purpose.PART, True, True),
    ],
)
def test_a_part_of_a_split_exit_waits_as_well(desk, foreign, sent, purpose, reduces, goes_out):
    trade, desk.foreign = factories.trade(), foreign
    if sent:
        desk.sent.add()
    order = {"pair": trade.pair, "reduceOnly": reduces}
    with desk.bot._exit_lock, orders_are(purpose, "enough"):
        if goes_out:
            desk.bot.exchange.create_order(**order)
        else:
            with pytest.raises(TemporaryError, match="may still be carried out"):
                desk.bot.exchange.create_order(**order)
    assert desk.bot.sent == [order] * goes_out


def test_a_forced_exit_that_has_to_wait_says_so(desk):
    """The bot would not try it again."""
    desk.sent.add()
    with pytest.raises(RPCException, match="15 seconds at most; try again then"):
        desk.leave(factories.trade(), ExitCheckTuple(exit_type=ExitType.FORCE_EXIT))
    assert desk.bot.exits == []


@pytest.mark.parametrize(
    ("foreign", "reason", "how"),
    [
        (True, "enough", {"ordertype": "market"}),
        (False, "enough", {}),
        (False, HALTED, {"ordertype": "market"}),
    ],
)
def test_an_exit_beside_a_position_of_the_trader_is_a_market_order(desk, foreign, reason, how):
    desk.foreign = foreign
    desk.leave(factories.trade(), ExitCheckTuple(ExitType.CUSTOM_EXIT, reason))
    assert desk.bot.exits == [(reason, how)]


@pytest.mark.parametrize("reason", ["enough", HALTED, ExitType.EMERGENCY_EXIT.value])
def test_an_exit_ends_one_that_rests_or_is_not_sent(desk, reason):
    """Both would fill."""
    trade, desk.bot.cancelled = factories.trade(), None
    rests(trade, 0.01)
    check = ExitCheckTuple(ExitType.CUSTOM_EXIT, reason)
    with pytest.raises(TemporaryError):
        desk.leave(trade, check)
    assert desk.bot.exits == []
    desk.bot.cancelled = 0.004
    assert desk.leave(trade, check)
    assert Order.get_open_orders() == []
    assert len(desk.bot.exits) == 1


@pytest.mark.parametrize(("filled", "how"), [(0.01, {}), (0.008, {"sub_trade_amt": 0.005})])
def test_what_it_has_filled_meanwhile_is_not_sold_again(desk, filled, how):
    """There is less left than the part that was decided on."""
    trade, desk.bot.cancelled = factories.trade(), filled
    rests(trade, 0.01)
    assert not desk.leave(trade, **how)
    assert desk.bot.exits == []


@pytest.mark.parametrize("foreign", [True, False])
def test_without_a_position_of_the_trader_it_is_freqtrades_business(desk, foreign):
    trade, desk.foreign = factories.trade(), foreign
    rests(trade, 0.01)
    assert desk.leave(trade)
    assert bool(Order.get_open_orders()) is not foreign


@pytest.mark.parametrize(
    ("amount", "cancelled", "left"),
    [
        (0.01, 0.0, {}),
        (0.01, 0.004, {}),
        (0.004, 0.0, {"sub_trade_amt": 0.004}),
        (0.004, 0.001, {"sub_trade_amt": 0.003}),
        (0.004, 0.004, None),  # it has filled meanwhile
        (0.01, None, None),  # it may still fill
    ],
)
def test_an_exit_that_rests_becomes_a_market_order(desk, amount, cancelled, left):
    trade, desk.bot.cancelled = factories.trade(), cancelled
    rests(trade, amount)
    desk.keep()
    expected = [] if left is None else [("target", {"ordertype": "market", **left})]
    if desk.bot.exits and "sub_trade_amt" in desk.bot.exits[0][1]:
        part = desk.bot.exits[0][1]["sub_trade_amt"]
        desk.bot.exits[0][1]["sub_trade_amt"] = pytest.approx(part)
    assert desk.bot.exits == expected


@pytest.mark.parametrize("other", [False, True], ids=["", "another exit meanwhile"])
def test_a_market_order_that_fails_is_sent_with_a_later_cycle(desk, caplog, other):
    """Nothing else would: the exit that rested is gone."""
    caplog.set_level(logging.WARNING)
    trade, desk.bot.failing = factories.trade(), True
    rests(trade, 0.004)
    for _ in range(2):
        desk.keep()
        assert Order.get_open_orders() == []
        assert "is replaced by a market order" not in caplog.text
    desk.sure, desk.bot.failing = False, False
    if other:
        desk.leave(trade)
    for _ in range(2):
        desk.keep()
    [(reason, how)] = desk.bot.exits
    assert reason == ("enough" if other else "target")
    assert other or how == {"ordertype": "market", "sub_trade_amt": pytest.approx(0.004)}
    assert ("is replaced by a market order" in caplog.text) is not other


@pytest.mark.parametrize(("sure", "leaves"), [(False, False), (True, True)])
def test_other_exits_stay_as_they_are(desk, sure, leaves):
    """Where one comparison alone has shown such a position, and those that are to fill at once."""
    desk.sure, desk.crossing = sure, leaves
    rests(factories.trade(), 0.01)
    desk.keep()
    assert desk.bot.exits == []
    assert len(Order.get_open_orders()) == 1
