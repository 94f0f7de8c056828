"""Prices the trades of a run as cost models would have it.

Sizes, signals and stops stay as they were: with other prices a strategy might have traded
otherwise, which only another backtest can say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, inf, isfinite, isnan, log, sqrt
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator

from perpkit.checks import check_range, shown
from perpkit.research.accounts import Market
from perpkit.research.liquidation import Tiers
from perpkit.research.results import Results
from perpkit.research.stress.accounting import orders_of, traded
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.order import Order, PairCandles, holdings
from perpkit.research.trades import Trade

NOISE = 0.2
# An exit that fails so often in a row is made all the same.
_MOST_DELAYS = 100
# A sale cannot cost all of its value, nor a purchase save it.
_MOST_BPS = 9_999.0
# What a model may answer besides a finite number.
_BESIDES = {"slippage_bps": ", NaN if unknown", "least_bps": ", -inf if there is none"}


@dataclass(frozen=True)
class Repriced:
    """
    :param results: with the trades as the models would have it; of closed trades only
    :param left_out: trades that were not made, because their entry failed or the account was gone
    :param unpriced: orders that a model left as they were, because it lacked a candle
    """

    results: Results
    left_out: int
    unpriced: int


class Repricing:
    """A run, whose candles are read once for many models.

    :param noise: standard deviation of the factor, 1 on average, that multiplies each slippage
    """

    def __init__(
        self, results: Results, market: Market, tiers: Tiers, *, noise: float, seed: int
    ) -> None:
        check_range("noise", noise, 0, 2)
        self._results, self._market, self._tiers = results, market, tiers
        self._noise, self._seed = noise, seed
        step = pd.Timedelta(results.timeframe)
        self._candles: dict[str, PairCandles | None] = {}
        for pair in {trade.pair for trade in results.trades}:
            frame = market.candles(pair, results.timeframe)
            self._candles[pair] = None if frame is None else PairCandles(frame, step)
        self._trades = [(trade, self._orders(trade)) for trade in results.closed if trade.fills]

    @property
    def results(self) -> Results:
        """As they were given."""
        return self._results

    def by(self, models: Sequence[CostModel]) -> Repriced:
        """Returns the run with the costs of all these models together."""
        costs = _Costs(models, self._noise, self._seed, self._later)
        trades = tuple(
            found
            for trade, orders in self._trades
            if (found := costs.repriced(trade, orders)) is not None
        )
        closed = [trade.closed for trade in trades if trade.closed is not None]
        results = replace(self._results, trades=trades, end=max([self._results.end, *closed]))
        for model in models:
            results = _asked(model, "account", results, self._market, self._tiers)
        return Repriced(results, len(self._trades) - len(results.trades), costs.unpriced)

    def _orders(self, trade: Trade) -> list[Order]:
        candles = self._candles[trade.pair]
        orders = orders_of(trade)
        return orders if candles is None else [candles.around(order) for order in orders]

    def _later(self, order: Order) -> Order | None:
        candles = self._candles[order.pair]
        return None if candles is None else candles.after(order)


class _Costs:
    """Some models, each with random numbers of its own, so that it draws the same in any company.

    :param later: an order as filled one candle later; None if that is not stored
    """

    def __init__(
        self,
        models: Sequence[CostModel],
        noise: float,
        seed: int,
        later: Callable[[Order], Order | None],
    ) -> None:
        self._drawn = [(model, *_generators(model, seed)) for model in models]
        # Lognormal, so that no cost becomes a gain.
        self._sigma = sqrt(log(1 + noise**2))
        self._later = later
        self.unpriced = 0

    def repriced(self, trade: Trade, orders: Sequence[Order]) -> Trade | None:
        """Returns the trade with these costs; None if it is not made."""
        kept = self._through(orders)
        if not kept:
            return None
        funding = trade.funding
        if len(kept) < len(orders):  # an entry is missing, and what it would have paid
            funding *= _share_held(kept, orders)
        for model, _, _ in self._drawn:
            funding = _number(model, "funding", funding, holdings(kept))
        return traded(trade, [self._priced(order) for order in kept], funding)

    def _through(self, orders: Sequence[Order]) -> list[Order]:
        """Returns the orders that get through, each when it does; none without the first entry."""
        found: list[Order] = []
        planned = kept = 0.0  # what the trade would hold, and what it holds
        for order in orders:
            if order.is_entry:
                planned += order.amount
                if not self._fails(order):
                    kept += order.amount
                    found.append(order)
                elif not found:
                    return []
            else:
                # The same share of the position as before, if an entry of it is missing.
                part = order
                if kept != planned:
                    part = replace(order, amount=order.amount * kept / planned)
                planned, kept = planned - order.amount, kept - part.amount
                found.append(self._delayed(part))
        return sorted(found, key=lambda order: order.at)

    def _delayed(self, order: Order) -> Order:
        for _ in range(_MOST_DELAYS):
            if not self._fails(order):
                break
            later = self._later(order)
            if later is None:
                self.unpriced += 1
                break
            order = later
        return order

    def _fails(self, order: Order) -> bool:
        # Each model draws, whether or not another one has failed the order.
        failed = [_asked(model, "fails", order, draw) for model, draw, _ in self._drawn]
        return any(failed)

    def _priced(self, order: Order) -> Order:
        total, fee, missing = 0.0, order.fee, False
        for model, draw, noise in self._drawn:
            bps = _number(model, "slippage_bps", order, draw)
            factor = exp(self._sigma * noise.standard_normal() - self._sigma**2 / 2)
            if isnan(bps):
                missing = True
            else:
                total += max(bps * factor, _number(model, "least_bps")) if model.noisy else bps
            fee = _number(model, "fee", order if fee == order.fee else replace(order, fee=fee))
        self.unpriced += missing
        priced = order if fee == order.fee else replace(order, fee=fee)
        # Without a cost the rate stays as it is, to the last digit.
        return priced.worse_by(max(min(total, _MOST_BPS), -_MOST_BPS)) if total else priced


def _share_held(kept: Sequence[Order], orders: Sequence[Order]) -> float:
    """Returns which part of what a trade held, by value and time, is still held; at most all."""
    some, whole = (sum(e.value * e.seconds for e in holdings(each)) for each in (kept, orders))
    return min(some / whole, 1.0) if whole else 1.0


def _number(model: CostModel, method: str, *given: Any) -> float:
    """:raises ValueError: naming the model, if it returns no number that can be reckoned with"""
    value: Any = _asked(model, method, *given)
    if not isinstance(value, bool) and isinstance(value, Real):
        besides = (method == "slippage_bps" and isnan(value)) or (
            method == "least_bps" and value == -inf
        )
        if besides or isfinite(value):
            return value  # type: ignore[return-value]
    raise ValueError(
        f"model {type(model).__name__}: {method} must be a number{_BESIDES.get(method, '')}, got "
        f"{shown(value)}"
    )


def _asked(model: CostModel, method: str, *given: Any) -> Any:
    """:raises ValueError: naming the model, which may be a user's and raise anything"""
    try:
        return getattr(model, method)(*given)
    except Exception as error:
        why = str(error) if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"model {type(model).__name__}: {method}: {why}") from error


def _generators(model: CostModel, seed: int) -> tuple[Generator, Generator]:
    """Returns one for what a model draws, and one for its noise."""
    own = int.from_bytes(type(model).__name__.encode(), "big")
    one, other = np.random.SeedSequence([seed, own]).spawn(2)
    return np.random.default_rng(one), np.random.default_rng(other)
