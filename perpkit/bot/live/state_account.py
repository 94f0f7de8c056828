"""The account and the analysed candles in the state file. No request is sent for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from math import isnan
from typing import Any

from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.positions.account import Account
from perpkit.bot.positions.trades import utc
from perpkit.market.credits import wallet_coin
from perpkit.record import state_holdings
from perpkit.record.state_holdings import Position
from perpkit.record.state_running import Candles


class AccountNow:
    """Reports the account of a bot.

    :param account: marked to market
    """

    def __init__(self, config: dict[str, Any], account: Account) -> None:
        self._currency = wallet_coin(config)
        # Otherwise the capital is a figure of the configuration.
        self._of_balance = not config["dry_run"] and "available_capital" not in config
        self._account = account
        self._first_capital: float | None = None
        # Returns the highest profit so far; set when the breakers are known.
        self.highest_profit: Callable[[], float | None] = lambda: None

    def report(self, positions: Sequence[Position] | None, now: datetime) -> state_holdings.Account:
        """:param positions: as they are reported; None where they are not known"""
        capital, standing = self._account.capital(now), self._account.at(now)
        equity = _known(capital + standing.profit)
        peak, balance = self._peak(capital, equity), self._account.balance()
        return state_holdings.Account(
            currency=self._currency,
            equity=equity,
            peak=peak,
            drawdown=None if equity is None or not peak else min(1.0, 1 - equity / peak),
            unrealised=_known(standing.open_profit),
            gross=_sum(positions, lambda each: each.notional),
            net=_sum(positions, _signed),
            open_risk=_sum(positions, lambda each: each.at_risk),
            funding=_sum(positions, lambda each: each.funding),
            unexplained=self._unexplained(capital),
            balance=balance and balance.total,
            balance_at=balance and balance.at,
        )

    def _peak(self, capital: float, equity: float | None) -> float | None:
        highest = self.highest_profit()
        if highest is None or equity is None:
            return None
        return max(capital + highest, equity)

    def _unexplained(self, capital: float) -> float | None:
        """Returns the change of the capital, from which the profit in the books is left out."""
        if not self._of_balance or isnan(capital):
            return None
        if self._first_capital is None:
            self._first_capital = capital
        return capital - self._first_capital


def candles(bot: Any, _now: datetime) -> Candles:
    """Reports how new the candles are that Freqtrade has analysed.

    :param bot: Freqtrade's
    """
    timeframe = bot.config["timeframe"]
    step = timedelta(seconds=timeframe_to_seconds(timeframe))
    pairs = list(bot.active_pair_whitelist)
    closed: dict[str, datetime] = {}
    for pair in pairs:
        frame, _ = bot.dataprovider.get_analyzed_dataframe(pair, timeframe)
        if len(frame):
            closed[pair] = utc(frame["date"].iloc[-1].to_pydatetime()) + step
    oldest = min(closed, key=lambda pair: closed[pair], default=None)
    return Candles(
        timeframe_seconds=int(step.total_seconds()),
        pairs=len(pairs),
        without=len(pairs) - len(closed),
        oldest_pair=oldest,
        oldest_at=closed[oldest] if oldest else None,
        newest_at=max(closed.values(), default=None),
    )


def _signed(position: Position) -> float | None:
    if position.notional is None:
        return None
    return -position.notional if position.side == "short" else position.notional


def _sum(
    positions: Iterable[Position] | None, figure: Callable[[Position], float | None]
) -> float | None:
    """Returns the sum; None if one of them is not known."""
    if positions is None:
        return None
    values = [figure(each) for each in positions]
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _known(value: float) -> float | None:
    return None if isnan(value) else value
