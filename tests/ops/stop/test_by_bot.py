"""A bot that is alive closes its positions itself."""

from __future__ import annotations

import threading
import time

import pytest

from perpkit.ops.stop import by_bot as module
from perpkit.ops.stop.by_bot import close_by_bot
from perpkit.ops.stop.rest import BotRest
from tests.ops.stop.conftest import PASSWORD, USER, close_trade


@pytest.fixture
def close(bot, database, api, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(module, "_AGAIN_SECONDS", 0.1)

    def close(*, asked=True, patience=1.0, seconds=60.0, own=None):
        said: list[str] = []
        rest = BotRest(api.url, USER, PASSWORD) if asked else None
        until = time.monotonic() + seconds
        return close_by_bot(own or bot(), rest, said.append, until, patience), said

    return close


def closing(*numbers):
    def answer(content):
        for number in numbers:
            close_trade(number)
        return {"result": "Created exit orders for all open trades."}

    return answer


def test_it_is_paused_and_closes_all(close, api):
    api.answers["forceexit"] = closing(1, 2)
    result, said = close()
    assert (result.flat, result.why) == (True, "")
    assert result.closed == [
        "BTC/USDT:USDT long: 0.01 closed by the bot (trade 1)",
        "ETH/USDT:USDT short: 0.1 closed by the bot (trade 2)",
    ]
    assert api.asked[0] == ("stopbuy", None)
    what, content = api.asked[1]
    assert (what, content["tradeid"], content["ordertype"]) == ("forceexit", "all", "market")
    assert said[0] == "The bot is paused: it makes no entries."


def test_what_fails_for_all_is_asked_for_each(close, api):
    """Freqtrade's own ends with the first trade that cannot be closed."""

    def answer(content):
        if content["tradeid"] == "all":
            return {"error": "no answer"}
        if content["tradeid"] == "2" or content["tradeid"] == 2:
            close_trade(2)
            return {"result": "ok"}
        return {"error": "it cannot be closed"}

    api.answers["forceexit"] = answer
    result, _ = close()
    assert not result.flat
    assert [str(asked) for asked in api.exits[:3]] == ["all", "1", "2"]
    assert result.closed == ["ETH/USDT:USDT short: 0.1 closed by the bot (trade 2)"]
    assert result.why.startswith(
        "1 of its trades stay open; forceexit failed in the bot: it cannot"
    )


def test_each_that_is_closed_earns_patience(close, api):
    def slowly(content):
        time.sleep(0.4)
        close_trade(1)
        time.sleep(0.4)
        close_trade(2)
        return {"result": "ok"}

    api.answers["forceexit"] = slowly
    assert close(patience=0.7)[0].flat


def test_one_without_progress_is_given_up(close, api):
    api.answers["forceexit"] = lambda _: time.sleep(1)  # as one that waits for the exchange
    began = time.monotonic()
    result, _ = close(patience=0.3)
    assert not result.flat
    assert time.monotonic() - began < 0.9
    assert api.exits == ["all"]


def test_the_time_for_it_ends(close):
    assert not close(patience=60, seconds=0.2)[0].flat


def test_one_that_cannot_be_asked_closes_by_its_latch(close, api):
    timer = threading.Timer(0.2, lambda: (close_trade(1), close_trade(2)))
    timer.start()
    result, _ = close(asked=False)
    timer.join()
    assert result.flat
    assert api.asked == []


def test_a_database_that_cannot_be_read_is_not_flat(close, bot, tmp_path):
    result, _ = close(patience=0.2, own=bot(db_url=f"sqlite:///{tmp_path}/absent.sqlite"))
    assert not result.flat
    assert "There is no trade database" in result.why


def test_of_a_database_in_memory_the_bot_is_asked(close, bot, api):
    shown = [{"trade_id": 7, "pair": "BTC/USDT:USDT", "is_short": False, "amount": 1.0}]
    api.answers["status"] = lambda _: shown
    api.answers["forceexit"] = lambda _: shown.clear() or {"result": "ok"}
    result, _ = close(own=bot(dry_run=True, db_url="sqlite://"))
    assert (result.flat, result.closed) == (
        True,
        ["BTC/USDT:USDT long: 1 closed by the bot (trade 7)"],
    )
