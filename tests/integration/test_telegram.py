"""What the operator reads and does in Telegram: python-telegram-bot over HTTP, venue and clock
virtual."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from perpkit.record.latch import LatchState, latch_of, write
from tests.bench import telegram as bot_api
from tests.bench.in_process import bench
from tests.bench.telegram import telegram

pytestmark = pytest.mark.integration

# Two hours later the market becomes rough, and then falls.
CALM = datetime(2025, 4, 7, 12, tzinfo=UTC)
PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def chat():
    with telegram() as chat:
        yield chat


@pytest.fixture
def bot(chat, history):
    """With a long position in both pairs."""
    settings = {"telegram": bot_api.CONFIG, "exchange": {"pair_whitelist": PAIRS}}
    with bench("GuardedOpener", history, CALM, **settings) as bot:
        chat.wait_until_heard()
        bot.run(2)
        assert is_open(bot) == [True, True]
        yield bot


def is_open(bot):
    return [trade.is_open for trade in bot.trades()]


def test_it_says_what_it_is_and_what_it_does(bot, chat):
    for text in (
        "*Status:* `running`",
        "Dry run is enabled",
        "*Strategy:* `GuardedOpener`",
        "CryptoVixBreaker - No entries while BTC/USDT:USDT volatility",
        "New Trade (#1)",
        "New Trade (#2)",
    ):
        chat.wait_for(text)


def test_the_state_on_request(bot, chat):
    for command, text in (
        ("/status", "*Trade ID:* `1`"),
        ("/status table", "ETH/USDT"),
        ("/profit", "*ROI:* All trades"),
        ("/balance", "*Estimated Value (Bot managed assets only)*"),
        ("/daily 3", "<b>Daily Profit over the last 3 days</b>"),
        ("/count", "current"),
        ("/locks", "No active locks."),
    ):
        chat.ask(command, text)


def test_a_button_brings_a_text_up_to_date(bot, chat):
    chat.ask("/daily 3", "Daily Profit")
    chat.press("update_daily", "Updated: ")


def test_the_breaker_is_told_once_a_change_and_its_lock_is_listed(bot, chat):
    bot.run_until(bot.locks, within=6 * HOUR, step=5 * MINUTE)
    lock = bot.locks()[0]
    assert chat.wait_for("REDUCING: ").endswith("Exits and stops go on.")
    listed = chat.ask("/locks", "CryptoVixBreaker reducing: BTC volatility")
    assert f"{lock.lock_end_time:%Y-%m-%d %H:%M}" in listed
    bot.run_until(lambda: len(bot.locks()) == 2, within=6 * HOUR, step=5 * MINUTE)
    chat.ask("/locks", "CryptoVixBreaker")  # after it, all that was said before has arrived
    assert sum("REDUCING: " in text for text in chat.said) == 1


def test_the_stop_latch_is_told_listed_and_closes(bot, chat):
    write(latch_of(bot.bot.config), LatchState.HALTED, "ops_1@desk", "*why* not")
    bot.run(3)
    chat.wait_for('HALTED: Stop latch: set by ops 1@desk since 2025-04-07 12:02 UTC:  why  not. "p')
    assert "Stop latch halted: set by ops_1" in chat.ask("/locks", "Stop latch")
    assert is_open(bot) == [False, False]
    assert {trade.exit_reason for trade in bot.trades()} == {"halted"}
    write(latch_of(bot.bot.config), LatchState.CLEAR, "ops_1@desk", "well")
    bot.run(1)
    chat.wait_for("ACTIVE: Stop latch has released: CLEAR since")
    chat.ask("/locks", "No active locks.")


def test_stopentry_lets_go_of_nothing_and_opens_nothing(bot, chat):
    chat.ask("/stopentry", "no more entries will occur from now")
    chat.ask("/forceexit 2", "Exiting")
    bot.run(3)
    assert is_open(bot) == [True, False]
    chat.ask("/start", "Status")
    bot.run(3)
    assert is_open(bot) == [True, False, True]


def test_forceexit_all_closes_every_position(bot, chat):
    chat.ask("/stopentry")
    chat.ask("/forceexit all", "#2")
    bot.run(2)
    assert [trade.exit_reason for trade in bot.trades()] == ["force_exit", "force_exit"]
    assert is_open(bot) == [False, False]


def test_a_stranger_is_not_obeyed(bot, chat, monkeypatch):
    monkeypatch.setattr(bot_api, "CHAT", bot_api.CHAT + 1)
    chat.send("/stop")
    monkeypatch.undo()
    chat.ask("/count", "current")
    bot.run(1)
    assert bot.bot.state.name == "RUNNING"


def test_a_message_with_broken_markdown_is_lost(bot, chat):
    """So what the strategies say must not contain a lone * or _."""
    for text in ("a_lone mark", "no_lone_mark"):
        bot.bot.dataprovider.send_msg(text, always_send=True)
    bot.run(1)
    chat.wait_for("no_lone_mark")
    assert "a_lone mark" not in chat.said


@pytest.mark.timeout(60)
def test_a_bot_that_ends_before_it_listens_ends(chat, history, monkeypatch):
    """Freqtrade's Telegram cannot be stopped before it polls; so one waits until it does."""
    ending, answer = threading.Event(), chat.answer

    def late(method, given):
        if method == "getMe":
            ending.wait(30)
        return answer(method, given)

    monkeypatch.setattr(chat, "answer", late)
    with bench("Opener", history, CALM, telegram=bot_api.CONFIG):
        ending.set()
