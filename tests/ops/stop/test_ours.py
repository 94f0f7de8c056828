"""What of an account is the bot's, by its own files."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from freqtrade.persistence import Trade

from perpkit.ops.stop.ours import BotsFiles
from perpkit.record.order_ids import stop_id
from tests.bench.dead_bot import DeadBot, dead_bot
from tests.bench.files import TAG

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
LONG = Decimal("0.01")


@pytest.fixture
def bot(tmp_path) -> Iterator[DeadBot]:
    with dead_bot(tmp_path / "bot") as made:
        yield made


def claims(bot: DeadBot):
    files = BotsFiles(bot.config)
    try:
        return files.claims()
    finally:
        files.close()


@pytest.mark.parametrize("sign", [1, -1])
def test_a_filled_entry_and_its_stop(bot, sign):
    trade = bot.enter(BTC, sign * LONG)
    [claim] = claims(bot).values()
    assert (claim.pair, claim.is_short, claim.settled) == (BTC, sign < 0, sign * LONG)
    [stop] = claim.unsettled
    assert (stop.conditional, stop.side) == (True, "buy" if sign < 0 else "sell")
    assert stop.order_id == trade.orders[-1].order_id


def test_an_entry_that_waits_is_a_question_to_the_exchange_not_an_amount(bot):
    order = bot.rest(BTC, LONG)
    [claim] = claims(bot).values()
    assert claim.settled == 0
    assert [each.order_id for each in claim.unsettled] == [str(order.id)]


def test_a_part_that_was_sold_is_gone(bot):
    trade = bot.enter(BTC, LONG)
    taken = bot.take_profit(trade)
    stored = trade.select_order_by_order_id(str(taken.id))
    stored.ft_is_open, stored.filled = False, 0.004
    Trade.commit()
    assert claims(bot)[BTC].settled == Decimal("0.006")


def test_an_open_order_of_an_ended_trade_counts_with_its_later_fills(bot):
    trade = bot.enter(BTC, LONG, stop=False)
    added = bot.add(trade, LONG)
    stored = trade.select_order_by_order_id(str(added.id))
    stored.filled = 0.003
    trade.is_open = False
    Trade.commit()
    claim = claims(bot)[BTC]
    assert claim.settled == 0
    [waits] = claim.unsettled
    assert (waits.order_id, waits.booked) == (str(added.id), Decimal("0.003"))


def test_an_entry_that_only_the_journal_knows(bot):
    client_id = bot.sent_unanswered(BTC, -LONG)
    claim = claims(bot)[BTC]
    assert (claim.is_short, claim.settled) == (True, 0)
    [sent] = claim.unsettled
    assert (sent.order_id, sent.client_id, sent.side) == (None, client_id, "sell")
    assert sent.until == bot.market.now() + 15_000


def test_both_ways_in_one_pair(bot):
    bot.enter(BTC, LONG)
    bot.rest(BTC, -LONG)
    assert claims(bot)[BTC].is_short is None


def test_a_trade_made_while_the_files_are_open_is_seen(bot):
    files = BotsFiles(bot.config)
    bot.enter(BTC, LONG)
    assert set(files.claims()) == {BTC}
    bot.enter(ETH, LONG)
    assert set(files.claims()) == {BTC, ETH}
    files.close()


OTHER = "ffffff"


@pytest.mark.parametrize(
    ("client_id", "ours"),
    [
        ("x-cvBPrNm9{tag}-abcdef-E1", False),  # the journal never gave it: a copy's
        ("{given}", True),
        (f"x-cvBPrNm9{TAG}0123456789abcdef", True),  # from before there was a journal
        (stop_id(TAG, "abcdef", 1), True),
        (stop_id(TAG, "abcdef", 1, everything=True), True),
        (stop_id(OTHER, "abcdef", 1), False),
        (f"x-cvBPrNm9{OTHER}-abcdef-E1", False),
        ("web_1", False),
        ("", False),
    ],
)
def test_whose_an_order_is(bot, client_id, ours):
    given = bot.sent_unanswered(BTC, LONG, arrives=False)
    files = BotsFiles(bot.config)
    asked = client_id.format(tag=TAG, given=given)
    assert files.is_ours(BTC, "1", asked, None) is ours
    files.close()


def test_by_its_number_an_order_of_the_database_is_the_bots(bot):
    """As those of a bot without a journal."""
    trade = bot.enter(BTC, LONG)
    files = BotsFiles(bot.config)
    assert files.is_ours(BTC, trade.orders[0].order_id, "x-cvBPrNm9other", None)
    assert not files.is_ours(ETH, trade.orders[0].order_id, "x-cvBPrNm9other", None)
    assert files.has_order(BTC, trade.orders[0].order_id)
    files.close()


def test_without_a_journal_the_tag_of_the_database_is_enough(bot):
    bot.forget_journal()
    bot.files.path.unlink()
    files = BotsFiles(bot.config)
    assert files.is_ours(BTC, "1", f"x-cvBPrNm9{TAG}-abcdef-S1", None)
    assert not files.complete
    assert "is gone" in files.notes[0]
    files.close()


def test_orders_of_a_dry_run_are_none(bot):
    trade = bot.enter(BTC, LONG)
    for number, order in enumerate(trade.orders):
        order.order_id = f"dry_run_buy_{number}"
    Trade.commit()
    assert claims(bot) == {}
