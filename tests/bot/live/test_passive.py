"""A read-only bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import ccxt
import pytest
import time_machine
from freqtrade.enums import State
from freqtrade.rpc import RPCException

from perpkit.bot.live.passive import COMMANDS, Passive
from perpkit.bot.positions.trade_lock import TradeLock

START = datetime(2026, 3, 2, tzinfo=UTC)


class Bot:
    """A bot that records calls of its functions in `called`."""

    def __init__(self) -> None:
        self.called: list[str] = []
        self.said: list[str] = []
        self.state = State.RUNNING
        self._exit_lock = TradeLock()
        for name in (
            "process",
            "process_stopped",
            "cancel_all_open_orders",
            "startup_update_open_orders",
        ):
            setattr(self, name, self._writing(name))
        self.exchange = SimpleNamespace(_api=SimpleNamespace(request=self._request))
        commands = {name.split(".")[1]: self._writing(name) for name in COMMANDS}
        self.rpc = SimpleNamespace(_rpc=SimpleNamespace(**commands))

    def _writing(self, name: str):
        return lambda *_, **__: self.called.append(name)

    def _request(self, path, api="public", method="GET", params=None, config=None) -> None:
        self.called.append(f"{method} {path}")

    def notify_status(self, message: str, _type: object) -> None:
        self.said.append(message)


@pytest.fixture
def clock():
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.fixture
def bot(trade_database, clock) -> Bot:
    return Bot()


@pytest.fixture
def over():
    return mock.Mock(return_value=False)


@pytest.fixture
def resume():
    return mock.Mock()


@pytest.fixture
def passive(bot, over, resume) -> Passive:
    return Passive(bot, "a test", over, resume)


def everything(bot: Bot) -> None:
    bot.process()
    bot.process_stopped()
    bot.cancel_all_open_orders()
    bot.startup_update_open_orders()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_only_requests_that_read_go_out(bot, passive, method):
    with pytest.raises(ccxt.BaseError, match=r"order is not sent\. PASSIVE: a test"):
        bot.exchange._api.request("order", "fapiPrivate", method, {})
    bot.exchange._api.request("order", "fapiPrivate", "GET", {})
    bot.exchange._api.request("time")
    assert bot.called == ["GET order", "GET time"]


def test_a_refused_request_is_of_no_class_that_freqtrade_tries_again(bot, passive):
    with pytest.raises(ccxt.BaseError) as refused:
        bot.exchange._api.request("order", "fapiPrivate", "POST")
    assert not isinstance(refused.value, ccxt.OperationFailed | ccxt.ExchangeError)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_refused_with_the_reason(bot, passive, command):
    with pytest.raises(RPCException, match="PASSIVE: a test"):
        getattr(bot.rpc._rpc, command.split(".")[1])(1)
    assert bot.called == []


def test_its_cycles_do_nothing_and_say_so_once_an_hour(bot, passive, clock):
    for _ in range(3 * 60 - 1):
        everything(bot)
        clock.shift(timedelta(minutes=1))
    assert bot.called == []
    assert len(bot.said) == 3


@pytest.mark.parametrize("state", list(State))
def test_it_goes_on_within_a_minute_as_it_was(bot, passive, over, resume, clock, state):
    bot.state = state
    bot.process()
    over.return_value = True
    for _ in range(12):
        bot.process()
        clock.shift(timedelta(seconds=5))
    resume.assert_called_once_with()
    expected = [] if state is State.STOPPED else ["startup_update_open_orders"]
    assert [name for name in bot.called if name != "process"] == expected
    assert passive.reason is None
    assert "No longer passive" in bot.said[-1]
    bot.called.clear()
    everything(bot)
    bot.exchange._api.request("order", "fapiPrivate", "POST")
    for command in COMMANDS:
        getattr(bot.rpc._rpc, command.split(".")[1])(1)
    assert len(bot.called) == 4 + 1 + len(COMMANDS)
