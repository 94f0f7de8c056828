"""Which trades are closed for what they have lost, and what is refused then and on doubt."""

from __future__ import annotations

from datetime import timedelta
from math import nan
from types import SimpleNamespace

import pytest
from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.trade_losses import (
    TAG_LOSS,
    TRADE_LOSS,
    UNKNOWN,
    TradeLosses,
    total_profit,
)
from perpkit.bot.positions.trades import TradeStates
from perpkit.breakers.loss_streak import ClosedTrade
from perpkit.risk.limits import PositionLimits
from tests.bot import stack
from tests.bot.stack import BTC, ETH, HOUR, LTC, NOW

pytestmark = pytest.mark.usefixtures("trades_in_memory")

DAY = timedelta(days=1)


class Case:
    """An account of 10,000, its trades entered at 100."""

    def __init__(self, **limits) -> None:
        self.rates = {BTC: 100.0, ETH: 100.0, LTC: 100.0}
        self.closed: list[ClosedTrade] = []
        self.equity = 10_000.0
        self.said: list[str] = []
        states = TradeStates(False)
        account = SimpleNamespace(
            rate=lambda pair, _: self.rates[pair],
            newly_closed=lambda _: self.closed,
            counted=lambda: self.closed.clear(),
        )
        self.losses = TradeLosses(
            PositionLimits(**limits), account, lambda _: self.equity, lambda: states,
            self.said.append,
        )  # fmt: skip

    def hold(self, pair=BTC, tag=None, amount=100.0, **trade) -> LocalTrade:
        made = stack.simulated(pair, amount=amount, number=len(self.rates), **trade)
        self.rates[f"{len(self.rates)}"] = nan  # numbers differ
        made.enter_tag = tag
        LocalTrade.add_bt_trade(made)
        return made

    def step(self, after=timedelta(0), **rates) -> None:
        self.rates |= {{"btc": BTC, "eth": ETH, "ltc": LTC}[name]: r for name, r in rates.items()}
        self.losses.step(NOW + after)

    def exit(self, trade, rate=None) -> str | None:
        return self.losses.exit_reason(trade, self.rates[trade.pair] if rate is None else rate)


@pytest.mark.parametrize(
    ("is_short", "rate", "reason"),
    [(False, 96.0, None), (False, 94.5, TRADE_LOSS), (False, 110.0, None), (False, nan, None),
     (True, 104.0, None), (True, 105.5, TRADE_LOSS), (True, 90.0, None)],
)  # fmt: skip
def test_a_trade_is_closed_beyond_its_limit(is_short, rate, reason):
    case = Case(max_trade_loss=0.05)
    trade = case.hold(is_short=is_short)
    case.step()
    assert case.exit(trade, rate) == reason
    assert len(case.said) == (reason is not None)


@pytest.mark.parametrize(
    ("cost", "rate", "reason"),
    [
        ("", 95.5, None),
        ("fees", 95.5, TRADE_LOSS),
        ("funding", 95.5, TRADE_LOSS),
        ("sold", 96.0, TRADE_LOSS),
        ("sold", 98.0, None),
    ],
)
def test_fees_funding_and_what_was_sold_count(cost, rate, reason):
    case = Case(max_trade_loss=0.05)
    trade = case.hold()
    if cost == "fees":
        trade.fee_close = 0.01
    elif cost == "funding":
        trade.set_funding_fees(-100.0)
    elif cost == "sold":
        stack.fill(trade, "sell", 50.0, 93.0, NOW)
    case.step()
    assert case.exit(trade, rate) == reason
    total = trade.calculate_profit(rate).total_profit  # Freqtrade's own
    assert total_profit(trade, rate) == pytest.approx(total)


def test_what_was_decided_stays_so_though_the_price_comes_back():
    case = Case(max_trade_loss=0.05)
    trade = case.hold()
    case.step()
    assert case.exit(trade, 90.0) == TRADE_LOSS
    assert case.exit(trade, 100.0) == TRADE_LOSS
    assert case.losses.against_addition(trade, 100.0) == f"the trade is being closed: {TRADE_LOSS}"
    assert case.losses.against_entry(None) is None  # another trade is not meant
    assert len(case.said) == 1


def test_nothing_is_added_to_a_trade_beyond_its_limit():
    case = Case(max_trade_loss=0.05)
    trade = case.hold()
    case.step()
    assert case.losses.against_addition(trade, 96.0) is None
    against = case.losses.against_addition(trade, 90.0)
    assert against.startswith("the trade has lost 9.")
    assert against.endswith("max_trade_loss is 5.00%")


def test_a_tag_is_closed_whole_and_refused_until_its_losses_are_old():
    case = Case(max_tag_loss=0.05, tag_loss_days=1)
    loser, winner, other = case.hold(BTC, "dip"), case.hold(ETH, "dip"), case.hold(LTC, "top")
    case.step(btc=94.0, eth=102.0)
    assert case.losses.against_entry("dip") is None
    case.step(btc=92.0, eth=102.0, ltc=96.0)
    assert [case.exit(trade) for trade in (loser, winner, other)] == [TAG_LOSS, TAG_LOSS, None]
    assert case.losses.against_entry("dip").startswith("tag 'dip' has lost 5.8")
    assert case.losses.against_entry("top") is None
    assert case.losses.against_addition(winner, 102.0)
    for trade, profit in ((loser, -810.0), (winner, 190.0)):
        trade.is_open = False
        LocalTrade.bt_trades_open.remove(trade)
        case.closed.append(ClosedTrade(trade.pair, NOW, profit, "dip"))
    case.step(DAY - HOUR)
    assert case.losses.against_entry("dip").startswith("tag 'dip' has lost 5.8")
    case.step(DAY)
    assert case.losses.against_entry("dip") is None
    assert [text.split(":")[0] for text in case.said] == [
        "Closed at the market, and not entered", "Tag 'dip' may be entered again",
    ]  # fmt: skip


def test_trades_without_a_tag_are_one_tag():
    case = Case(max_tag_loss=0.05)
    case.hold(BTC), case.hold(ETH)
    case.step(btc=97.0, eth=96.0)
    assert case.losses.against_entry(None).startswith("tag '' has lost")


def test_on_doubt_nothing_is_entered_and_nothing_closed():
    case = Case(max_trade_loss=0.05, max_tag_loss=0.05)
    trade = case.hold(BTC, "dip")
    assert case.losses.against_entry("new") == UNKNOWN  # before the first look
    case.equity = nan
    case.step(btc=50.0)
    assert case.losses.against_entry("new") == UNKNOWN
    assert case.losses.against_addition(trade, 100.0) == UNKNOWN
    assert case.exit(trade) is None
    case.equity = 10_000.0
    case.step(btc=nan)
    assert case.losses.against_entry("dip") == UNKNOWN
    assert case.losses.against_entry("new") is None
    assert case.exit(trade) is None


def test_the_last_known_equity_closes_while_another_price_is_missing():
    case = Case(max_trade_loss=0.05)
    trade = case.hold()
    case.step()
    case.equity = nan
    case.step()
    assert case.exit(trade, 90.0) == TRADE_LOSS


def test_a_step_that_fails_leaves_doubt():
    case = Case(max_tag_loss=0.05)
    case.step()
    assert case.losses.against_entry("dip") is None
    case.closed = None  # what cannot be gone through
    with pytest.raises(TypeError):
        case.step()
    assert case.losses.against_entry("dip") == UNKNOWN


def test_without_a_limit_of_losses_nothing_is_looked_at():
    case = Case(max_longs=1)
    trade = case.hold()
    case.equity = nan
    case.step()
    assert case.exit(trade, 1.0) is None
    assert case.losses.against_entry("dip") is None
    assert case.losses.against_addition(trade, 1.0) is None
