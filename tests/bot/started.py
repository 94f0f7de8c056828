"""A shipped strategy that has started, without a bot."""

from __future__ import annotations

from unittest import mock

from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

from perpkit.breakers.breaker import Decision, Trading
from tests.bot import stack
from tests.bot.stack import BTC, ETH


class DataProvider:
    """The data provider of a bot that trades one pair."""

    def __init__(self) -> None:
        self._exchange = stack.exchange({BTC: 0.001, ETH: 0.001})

    def current_whitelist(self) -> list[str]:
        return [ETH]

    def send_msg(self, message: str, *, always_send: bool = False) -> None:
        """To nobody."""


def started(config, name="RsiSmaSwing", runmode=RunMode.BACKTEST, **changed):
    config = {**config, "strategy": name, "runmode": runmode, **changed}
    strategy = StrategyResolver.load_strategy(config)
    strategy.dp, strategy.wallets = DataProvider(), None
    with mock.patch(
        "perpkit.bot.live.running_parts.is_trading", return_value=False
    ):  # no bot around it
        strategy.ft_bot_start()
    return strategy


def decide(strategy, monkeypatch, decision: Decision) -> None:
    monkeypatch.setattr(strategy.watch, "step", lambda *_: None)
    monkeypatch.setattr(strategy.watch, "decision", lambda *_: decision)
    reducing = decision.trading is Trading.REDUCING
    monkeypatch.setattr(strategy.watch, "tightens", lambda *_: reducing)
