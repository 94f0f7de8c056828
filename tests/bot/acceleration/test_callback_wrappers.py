"""A callback whose wrapper is remembered is asked, copied for and answered for as by Freqtrade."""

from __future__ import annotations

import gc
import weakref

import pytest
from freqtrade.exceptions import StrategyError
from freqtrade.optimize import backtesting
from freqtrade.strategy import interface

from perpkit.bot.acceleration.callback_wrappers import CALLBACKS
from tests.bot.acceleration.conftest import both_ways, on


class Asked:
    def __init__(self) -> None:
        self.answer = 1

    def callback(self, **given):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, given

    def other(self, **given):
        return "other"


@pytest.mark.parametrize("module", [backtesting, interface], ids=lambda each: each.__name__)
def test_the_wrapper_of_a_callback_is_made_once(module):
    subject = Asked()
    with on(CALLBACKS):
        first, second = (module.strategy_safe_wrapper(subject.callback) for _ in range(2))
        assert first is second
        assert first is not module.strategy_safe_wrapper(Asked().callback)
        assert first is not module.strategy_safe_wrapper(subject.callback, supress_error=True)
    assert module.strategy_safe_wrapper(subject.callback) is not first


@pytest.mark.parametrize("default", [None, False, 0, 1.0, True, (None, ""), [], {}])
@pytest.mark.parametrize("answer", ["fine", ValueError("bad"), KeyError("worse")])
@pytest.mark.parametrize("suppressed", [False, True])
def test_each_answer_and_each_failure_is_freqtrades(default, answer, suppressed):
    subject = Asked()
    subject.answer = answer

    def outcomes():
        found = []
        for given in (default, 0, False, default):  # equal ones of other types beside it
            wrapper = interface.strategy_safe_wrapper(
                subject.callback, default_retval=given, supress_error=suppressed
            )
            try:
                found.append(wrapper(pair="BTC"))
            except StrategyError as error:
                found.append(repr(error))
        return repr(found)

    stock, ours = both_ways(CALLBACKS, outcomes)
    assert ours == stock


def test_a_callback_that_was_replaced_is_the_one_that_is_asked():
    subject = Asked()
    with on(CALLBACKS):
        interface.strategy_safe_wrapper(subject.callback)()
        subject.callback = subject.other
        assert interface.strategy_safe_wrapper(subject.callback)() == "other"


def test_a_callback_still_gets_a_copy_of_the_trade():
    subject, trade = Asked(), [1]
    with on(CALLBACKS):
        _, given = interface.strategy_safe_wrapper(subject.callback)(trade=trade)
    assert given["trade"] == trade
    assert given["trade"] is not trade


def test_no_strategy_outlives_its_run():
    subject = Asked()
    with on(CALLBACKS):
        interface.strategy_safe_wrapper(subject.callback)
    gone = weakref.ref(subject)
    del subject
    gc.collect()
    assert gone() is None
