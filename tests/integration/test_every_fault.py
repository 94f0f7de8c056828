"""Whatever fails once while a live bot trades: no exit lost, no entry on doubt, no position without
its stop, no end of the process; and the operator hears of it.

What can fail is not written down here. The calls to ccxt are those of a trade in which nothing
fails, the errors those of ccxt's tree, the callbacks those that Freqtrade's interface has.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain

import ccxt
import pytest

from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS
from tests.bench.every_fault import (
    ANSWERS,
    Point,
    answering,
    branches,
    clean,
    play,
    play_all,
    play_together,
    points,
    raising,
    trade,
)
from tests.bench.faulty_callbacks import ANALYSIS, FaultyCallback, callbacks, ours
from tests.bench.faulty_client import MARK, Failing, error_classes
from tests.bench.whole_trade import STEP, Phase, Way, ready
from tests.cases import SLOW

pytestmark = pytest.mark.integration

WAYS = list(Way)


def names(classes):
    return [error.__name__ for error in classes]


# Calls to ccxt


def test_a_trade_asks_for_what_there_is_to_ask():
    """Or else nothing below is worth anything."""
    asked = {str(point.call) for way in Way for point in points(way)}
    assert asked >= {
        "sync create_order entry",
        "sync create_order exit",
        "sync create_order stop",
        "sync cancel_order stop",
        "sync fetch_order order",
        "sync fetch_order stop",
        "sync fetch_balance",
        "sync fetch_positions",
        "sync fetch_l2_order_book",
        "async fetch_ohlcv",
        "async load_markets",
    }
    assert len(branches()) > 12


@pytest.mark.parametrize(
    ("way", "error"),
    # In every way one after the other, every second in `make test`; `make soak` plays all in all.
    [
        pytest.param(WAYS[i % len(WAYS)], error, marks=SLOW if i % 2 else ())
        for i, error in enumerate(branches())
    ],
    ids=names(branches()),
)
def test_each_call_but_orders_fails_once_in_each_phase(way, error):
    assert play_together(way, error) == []


def of_orders() -> list[Point]:
    """The first of each kind of call that places or withdraws an order, over all ways."""
    first: dict[object, Point] = {}
    for point in (point for way in Way for point in points(way)):
        # Not the answer that margin mode is what it was.
        if point.call.changes and not point.call.method.startswith("set_"):
            first.setdefault((point.call, point.phase is Phase.ENTRY), point)
    return list(first.values())


@pytest.mark.parametrize(
    "after", [pytest.param(False, marks=SLOW, id="before"), pytest.param(True, id="after")]
)
@pytest.mark.parametrize(
    "error",
    [
        *(pytest.param(error, marks=SLOW) for error in (ccxt.BaseError, ccxt.InvalidOrder)),
        ccxt.RequestTimeout,
    ],
    ids=lambda e: e.__name__,
)
def test_each_order_fails_once(error, after):
    """Before it is carried out, and afterwards."""
    found = [play(point, Failing(point.call, error, after=after)) for point in of_orders()]
    assert [*chain.from_iterable(found)] == []


@pytest.mark.parametrize(
    "which", [0, *(pytest.param(n, marks=SLOW) for n in range(1, len(ANSWERS)))], ids=ANSWERS
)
def test_each_call_is_answered_once_without_what_is_needed(which):
    first = {point.call: point for way in reversed(Way) for point in points(way)}
    turns = [point for i, point in enumerate(first.values()) if i % len(ANSWERS) == which]
    answer = list(ANSWERS.values())[which]
    found = [play(point, Failing(point.call, answer=answer)) for point in turns]
    assert [*chain.from_iterable(found)] == []


@pytest.mark.slow
@pytest.mark.parametrize("error", error_classes(), ids=names(error_classes()))
@pytest.mark.parametrize("way", WAYS)
def test_every_error_at_every_point(way, error):
    assert play_all(way, lambda call: raising(call, error)) == []


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_every_answer_at_every_point(way):
    assert play_all(way, answering) == []


# Callbacks

# As the bot starts and ends: in test_callback_errors.py and
# tests/bot/callbacks/test_fail_closed.py.
STARTS = {"bot_start", "protections", "ft_bot_cleanup"}
# Of an exit that rests in the book from one candle to the next, which none does here.
UNASKED = {"adjust_exit_price"}
# An old name, asked by Freqtrade's own `check_exit_timeout`; an error in it is in the log, and the
# exit stays, which is the safe answer.
OLD = {"check_sell_timeout"}


def test_every_callback_of_a_running_bot_has_a_safe_answer():
    names = sorted(callbacks() - SAFE_ANSWERS.keys() - set(ANALYSIS))
    # One that has a safe answer shows that they are heard.
    counted = [FaultyCallback(name) for name in (*names, "leverage")]
    with ready(Way.RESTING) as run, ExitStack() as stack:
        for callback in counted:
            stack.enter_context(callback.of_a_subclass(run.strategy))
        run.trade()
    assert {callback.name for callback in counted if callback.calls} <= OLD | {"leverage"}
    assert counted[-1].calls


# Of each kind of answer, and what has a say in a stop or in an exit: `make soak` has the others.
IN_EACH_RUN = {
    "adjust_trade_position", "analyze_ticker", "bot_loop_start", "check_exit_timeout",
    "confirm_trade_entry", "confirm_trade_exit", "custom_exit", "custom_stake_amount",
    "custom_stoploss", "leverage", "order_filled", "should_exit",
}  # fmt: skip


def of_a_subclass():
    for name in sorted((SAFE_ANSWERS.keys() | set(ANALYSIS)) - STARTS - UNASKED):
        marks = () if name in IN_EACH_RUN else SLOW
        yield pytest.param(name, "a subclass", id=f"{name}-subclass", marks=marks)


def of_ours():
    for name in sorted(set(ours()) - STARTS):
        yield pytest.param(name, "ours", id=f"{name}-ours", marks=SLOW)


@pytest.mark.parametrize(("name", "whose"), [*of_a_subclass(), *of_ours()])
def test_a_callback_fails_once_in_each_phase(name, whose):
    way, callback = Way.RESTING, FaultyCallback(name)
    amount = clean(way)[1]
    with ready(way) as run:

        def begin(phase):
            callback.due = True

        run.begin = begin
        fails = callback.of_ours() if whose == "ours" else callback.of_a_subclass(run.strategy)
        with fails:
            problems = trade(run)
        assert [*problems, *run.problems(amount)] == []
        assert callback.failures
        assert len(run.messages(MARK)) == 1


# Without which nothing is entered, whatever the others say.
REFUSING = sorted(
    {name for name, safe in SAFE_ANSWERS.items() if safe.doubt} - STARTS
    | {"confirm_trade_entry", "custom_stake_amount"}
)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=SLOW if n == "informative_pairs" else ()) for n in REFUSING]
)
def test_nothing_is_entered_while_a_callback_fails_that_has_a_say(name):
    callback = FaultyCallback(name, always=True)
    with ready(Way.SIGNAL) as run, callback.of_a_subclass(run.strategy):
        run.strategy.side, callback.due = "long", True
        run.bot.run(2, STEP)
        assert not run.venue.account.orders
        assert callback.failures > 1
        assert len(run.messages(MARK)) == 1
        callback.due = False
        run.bot.run(2, STEP)
        assert run.venue.amount


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SAFE_ANSWERS.keys() - STARTS))
def test_a_position_keeps_its_stop_and_its_end_while_a_callback_fails(name):
    callback = FaultyCallback(name, always=True)
    amount = clean(Way.STOP)[1]
    with ready(Way.STOP) as run, callback.of_a_subclass(run.strategy):

        def begin(phase):
            callback.due = phase is not Phase.ENTRY

        run.begin = begin
        problems = [*trade(run), *run.problems(amount)]
        # Parts are not sold where the callback that sells them fails.
        assert [p for p in problems if "the part sold" not in p] == []
        assert len(run.messages(MARK)) == bool(callback.failures)
