"""What a stop has closed stands in the bot's journal, for the bot to book when it is started."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.record.journal import Journal, Outcome
from perpkit.record.order_ids import Purpose, tag_of_stop
from tests.bench.dead_bot import BY_HAND, dead_bot
from tests.bench.files import TAG

BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"


@pytest.fixture
def bot(tmp_path):
    with dead_bot(tmp_path / "bot") as made:
        yield made


def closings(bot):
    journal = Journal.open(bot.files.path)
    try:
        return [entry for entry in journal.open_entries() if tag_of_stop(entry.intent.client_id)]
    finally:
        journal.close()


def test_each_order_that_has_filled_is_there_once(bot):
    bot.enter(SOL, Decimal(-70))
    bot.place(BTC, Decimal("0.01"), client_id=f"{BY_HAND}btc")
    bot.stop()
    found = closings(bot)
    assert [entry.intent.amount for entry in found] == [30, 30, 10]
    for entry in found:
        intent = entry.intent
        assert (intent.pair, intent.side, intent.purpose) == (SOL, "buy", Purpose.EXIT)
        assert (intent.reduce_only, entry.outcome) == (True, Outcome.ANSWERED)
        assert int(entry.order_id) in bot.account.orders
        assert tag_of_stop(intent.client_id) == TAG


def test_a_second_run_does_not_count_them_twice(bot):
    """Or else it would take the bot's part for less, or for one on the other side."""
    bot.enter(SOL, Decimal(70))
    bot.stop()
    bot.place(SOL, Decimal(5), client_id=f"{BY_HAND}sol")
    said = bot.stop()
    assert (said.flat, said.closed) == (True, ())
    assert len(closings(bot)) == 3
    assert bot.held(SOL) == 5


def test_with_everything_or_in_a_preview_there_are_none(bot):
    bot.enter(SOL, Decimal(70))
    bot.stop(preview=True)
    assert closings(bot) == []
    bot.stop(everything=True)
    assert closings(bot) == []


def test_a_bot_without_a_journal_is_closed_all_the_same(bot):
    bot.enter(SOL, Decimal(7))
    bot.forget_journal()
    bot.files.path.unlink()
    assert bot.stop().flat
