"""An account whose strategy may enter, for the tests of entries and additions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from types import SimpleNamespace

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.account import AccountStanding
from perpkit.bot.positions.additions import Additions
from perpkit.bot.positions.carry import CarryCosts
from perpkit.bot.positions.entries import Entries
from perpkit.bot.positions.entry_figures import EntryFigures
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals
from perpkit.breakers.breaker import Decision
from perpkit.risk.sizing import SizingRule
from perpkit.risk.stops import EntryStop
from tests.bot import stack
from tests.bot.stack import BTC, ETH, LTC, NOW, candidate

flat = cache(stack.flat)
FREE = Decision()
# 1% of 10,000 is lost at a stop 5% away: 2,000 of exposure, a fifth of the account.
SETTINGS = Settings(stop=EntryStop(distance=0.05), sizing=SizingRule(risk_per_trade=0.01))


class Case:
    """An account of 10,000 that may enter at 100."""

    def __init__(
        self,
        chosen=SETTINGS,
        capital=10_000.0,
        profit=0.0,
        config=None,
        cost=5.0,
        fixed_stake=False,
        **columns,
    ) -> None:
        self.candles = {pair: flat(40, **columns) for pair in (BTC, ETH, LTC)}
        account = SimpleNamespace(
            capital=lambda _: capital, at=lambda _: AccountStanding(profit, 0.0)
        )
        contracts = stack.contracts(cost=cost)
        self.exchange = contracts._exchange
        columns_of = self.candles.get
        risks = TradeRisks(chosen.stop, columns_of, TradeStates(False))
        self.figures = EntryFigures(config or {}, chosen, account, columns_of, contracts, risks)
        self.entries = Entries(
            self.figures,
            CarryCosts(chosen, columns_of),
            chosen,
            contracts,
            Refusals(),
            scored_tags={"rsi_sma"},
            fixed_stake=fixed_stake,
        )
        self.additions = Additions(self.figures, chosen, contracts)

    def enter(
        self,
        pair=BTC,
        is_short=False,
        tag=None,
        decision=FREE,
        maximum=20.0,
        most=1e9,
        proposed=500.0,
        after=timedelta(seconds=1),
    ) -> tuple[float, float]:
        """Returns leverage and stake, requested in Freqtrade's order."""
        entry = candidate(pair, is_short, tag)
        leverage = self.entries.leverage(entry, decision, maximum)
        asked = replace(entry, now=NOW + after)
        return leverage, self.entries.stake(asked, decision, leverage, proposed, most)

    def exposure(self, **asked) -> float:
        leverage, stake = self.enter(**asked)
        return leverage * stake


def held(pair, number=9, **trade) -> LocalTrade:
    made = stack.simulated(pair, number=number, **trade)
    LocalTrade.add_bt_trade(made)
    return made
