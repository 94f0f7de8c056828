"""What waits for a second look at the exchange, and for how long. With a bot: test_stop_guard."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from freqtrade.enums import ExitCheckTuple, ExitType

from perpkit.bot.live.absent import Absent
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories
from tests.factories import START

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LOOK = START + timedelta(minutes=1)


class Bot(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(_exit_lock=TradeLock(), exits=[])

    def execute_trade_exit(self, trade, limit, exit_check, **how) -> bool:
        self.exits.append(exit_check.exit_type)
        return True


@pytest.fixture
def clock():
    with time_machine.travel(LOOK, tick=False) as traveller:
        yield traveller


@pytest.fixture
def bot(trade_database) -> Bot:
    return Bot()


@pytest.fixture
def absent(bot) -> Absent:
    return Absent(bot)


def trade(filled_before_look: float = 60.0):
    return factories.trade(opened=LOOK - timedelta(seconds=filled_before_look))


@pytest.mark.parametrize(
    ("pairs", "filled_before_look", "seconds", "waits"),
    [
        ({BTC}, 60, 0, True),
        ({BTC, ETH}, 60, 9.9, True),
        ({BTC}, 60, 10, False),
        ({BTC}, 5.1, 0, True),
        ({BTC}, 5, 0, False),
        ({BTC}, -2, 3, False),  # a fill since: it is there
        ({ETH}, 60, 0, False),
        (set(), 60, 0, False),
    ],
)
def test_what_waits_for_the_second_look(absent, clock, pairs, filled_before_look, seconds, waits):
    absent.wait(pairs, LOOK)
    clock.move_to(LOOK + timedelta(seconds=seconds))
    found = trade(filled_before_look)
    assert absent.waits(found) is waits
    assert absent.there(found) == (0.0 if waits else found.amount)
    assert absent.is_waiting is (bool(pairs) and seconds < 10)


@pytest.mark.parametrize(
    ("kind", "waits", "tried"),
    [
        (ExitType.CUSTOM_EXIT, True, False),
        (ExitType.EMERGENCY_EXIT, True, False),
        (ExitType.STOP_LOSS, True, False),
        (ExitType.FORCE_EXIT, True, True),  # an operator's comes once
        (ExitType.CUSTOM_EXIT, False, True),
    ],
)
def test_an_exit_is_tried_or_waits(bot, absent, clock, kind, waits, tried):
    absent.wait({BTC} if waits else {ETH}, LOOK)
    with bot._exit_lock:
        assert bot.execute_trade_exit(trade(), 1.0, ExitCheckTuple(exit_type=kind)) is tried
    assert bot.exits == [kind] * tried


@pytest.mark.parametrize(
    ("unseen", "waits"), [({BTC, ETH}, {BTC}), ({BTC}, {BTC}), ({ETH}, set()), (set(), set())]
)
def test_what_another_look_sees_waits_no_longer(absent, clock, unseen, waits):
    absent.wait({BTC}, LOOK)
    absent.keep_waiting(unseen)
    assert absent.waits(trade()) is bool(waits)
    assert absent.is_waiting is bool(waits)


def test_what_is_known_to_be_missing_waits_for_nothing(absent, clock):
    absent.wait({BTC}, LOOK)
    found = trade()
    absent.set({BTC: found.amount})
    assert not absent.waits(found)
    assert absent.there(found) == 0.0
