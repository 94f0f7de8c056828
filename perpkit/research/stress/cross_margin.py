"""The account as a whole in cross margin: when it is liquidated, everything is closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_of, shifted
from perpkit.parameters.kinds import Range
from perpkit.research.accounts import MarkedAccount, Market, marked_account
from perpkit.research.liquidation import Tiers
from perpkit.research.results import Results
from perpkit.research.stress.accounting import orders_of, traded
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.order import Order
from perpkit.research.trades import Trade
from perpkit.risk.equity import TradeLedger, profit_curve
from perpkit.risk.liquidation import MaintenanceTiers

Floats = NDArray[np.float64]
# Bisections of the way from a candle's open to its worst prices.
_STEPS = 40


@dataclass(frozen=True)
class CrossMargin(CostModel):
    """All positions share the wallet, and all are closed once its equity no longer covers their
    maintenance margin. No trade is made after that.

    Within a candle all prices go to what is worst for the positions, at the same time: a rough
    guess that errs on the safe side. Where the equity first meets the margin, the positions are
    closed, and the exchange takes its fee, as far as the margin pays for it.
    """

    liquidation_fee: Annotated[
        float, Range(0, 0.1, "of the value"), "The exchange's fee of a liquidation (Binance: 1.25%)"
    ] = 0.0125

    def account(self, results: Results, market: Market, tiers: Tiers) -> Results:
        if lacking := cross_margin_lacks(results, market, tiers):
            raise ValueError(f"cross_margin needs {lacking}")
        account = marked_account(results, market)
        found = {pair: each for pair in account.candles if (each := tiers(pair)) is not None}
        hit = _Candles(account, results, found).first()
        return results if hit is None else _liquidated(results, hit, self.liquidation_fee)


def cross_margin_lacks(results: Results, market: Market, tiers: Tiers) -> str:
    """Returns what a run lacks for cross margin, in words; empty if nothing."""
    pairs = sorted({trade.pair for trade in results.trades})
    if missing := [pair for pair in pairs if tiers(pair) is None]:
        return f"leverage tiers of every pair, got none of {', '.join(missing)}"
    if missing := [pair for pair in pairs if market.candles(pair, results.timeframe) is None]:
        return f"candles of every pair, got none of {', '.join(missing)}"
    return ""


@dataclass(frozen=True)
class _Hit:
    """:param prices: by pair and whether it is a short, at which all is closed"""

    at: float
    prices: Mapping[tuple[str, bool], float]
    maintenance: float
    value: float


class _Candles:
    """The account at the open and at the worst prices of every candle."""

    def __init__(
        self, account: MarkedAccount, results: Results, tiers: Mapping[str, MaintenanceTiers]
    ) -> None:
        self._results, self._tiers = results, tiers
        self._ends = nanoseconds(account.times) / 1e9
        # In the last millisecond of a candle: what is traded at its end is not yet done.
        self._times = self._ends - 1e-3
        self._sides: dict[tuple[str, bool], tuple[list[TradeLedger], Floats, Floats]] = {}
        for trade, ledger in zip(results.trades, account.ledgers, strict=True):
            side = (trade.pair, trade.is_short)
            if side not in self._sides:
                self._sides[side] = ([], *self._prices(account, *side))
            self._sides[side][0].append(ledger)

    def _prices(self, account: MarkedAccount, pair: str, is_short: bool) -> tuple[Floats, Floats]:
        """Returns the open and the worst price of each candle; a missing one is as the last."""
        candles = account.candles[pair]
        prices = candles.set_index(shifted(dates_of(candles["date"]), account.step))
        at = prices[["open", "high" if is_short else "low"]].reindex(account.times).ffill()
        opened, worst = at.to_numpy(dtype=np.float64).T
        return opened, worst

    def first(self) -> _Hit | None:
        """Returns when the account is first liquidated, and at which prices."""
        equity, margin = self._at(1.0)
        short = np.flatnonzero((margin > 0) & (equity <= margin))
        if not len(short):
            return None
        row, low, high = int(short[0]), 0.0, 1.0
        for _ in range(_STEPS):
            middle = (low + high) / 2
            equity, margin = self._at(middle, slice(row, row + 1))
            low, high = (low, middle) if equity[0] <= margin[0] else (middle, high)
        rows = slice(row, row + 1)
        _, margin = self._at(high, rows)
        prices = {
            side: float(_between(opened, worst, high)[row])
            for side, (_, opened, worst) in self._sides.items()
        }
        value = sum(
            abs(_held(ledgers, self._times[rows])[0]) * prices[side]
            for side, (ledgers, _, _) in self._sides.items()
            if _held(ledgers, self._times[rows])[0]
        )
        return _Hit(float(self._times[row]), prices, float(margin[0]), float(value))

    def _at(self, share: float, rows: slice = slice(None)) -> tuple[Floats, Floats]:
        """Returns equity and maintenance margin, a share of the way from the open to the worst."""
        times = self._times[rows]
        equity = np.full(len(times), self._results.starting_balance)
        margin = np.zeros(len(times))
        for (pair, _), (ledgers, opened, worst) in self._sides.items():
            price = _between(opened, worst, share)[rows]
            equity = equity + profit_curve(times, {pair: price}, ledgers)
            value = np.nan_to_num(np.abs(_held(ledgers, times)) * price)
            margin += _maintenance(self._tiers[pair], value)
        return equity, margin


def _between(opened: Floats, worst: Floats, share: float) -> Floats:
    found: Floats = opened + share * (worst - opened)
    return found


def _held(ledgers: list[TradeLedger], times: Floats) -> Floats:
    held = np.zeros(len(times))
    for ledger in ledgers:
        end = len(times) if ledger.closed_at is None else np.searchsorted(times, ledger.closed_at)
        at = np.array([fill.at for fill in ledger.fills])
        amount = np.append(0.0, np.cumsum([fill.amount for fill in ledger.fills]))
        begin = np.searchsorted(times, at[0]) if len(at) else end
        held[begin:end] += amount[np.searchsorted(at, times[begin:end], side="right")]
    return held


def _maintenance(tiers: MaintenanceTiers, value: Floats) -> Floats:
    rows = np.array([(tier.rate, tier.amount) for tier in tiers.rows])
    found: Floats = (np.outer(value, rows[:, 0]) - rows[:, 1]).max(axis=1)
    return np.maximum(found, 0.0)


def _liquidated(results: Results, hit: _Hit, fee: float) -> Results:
    fee = min(fee, hit.maintenance / hit.value) if hit.value else fee
    trades = [
        trade if trade.closed is not None and trade.closed <= hit.at else _cut(trade, hit, fee)
        for trade in results.trades
        if trade.opened <= hit.at
    ]
    return replace(results, trades=tuple(trades))


def _cut(trade: Trade, hit: _Hit, fee: float) -> Trade:
    """Returns the trade as it is closed then; its funding in proportion to the time it was open."""
    orders = [order for order in orders_of(trade) if order.at <= hit.at]
    rest = sum(order.amount if order.is_entry else -order.amount for order in orders)
    share = (hit.at - trade.opened) / ((trade.closed or hit.at) - trade.opened or 1.0)
    orders.append(
        Order(
            pair=trade.pair,
            at=hit.at,
            buys=trade.is_short,
            is_entry=False,
            amount=rest,
            rate=hit.prices[(trade.pair, trade.is_short)],
            fee=fee,
        )
    )
    cut = traded(trade, orders, trade.funding * share)
    return replace(cut, closed=hit.at, exit_reason="liquidation")
