"""Order books around a price, whose spread and depth respond to recent volatility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perpkit.venue.market.candles import Candles, Floats
from perpkit.venue.market.instruments import Instrument

_CALM_SPREAD = 4e-5  # fraction of the price, where a tick is finer than that
_DEPTH_SHARE = 0.003  # fraction of a day's turnover that rests within 1% of the price on each side


@dataclass(frozen=True)
class Book:
    """Levels from the best price outwards, shapes (levels,).

    Prices are on the tick, sizes in base asset on the step.
    """

    bid_prices: Floats
    bid_sizes: Floats
    ask_prices: Floats
    ask_sizes: Floats


def make_book(
    instrument: Instrument,
    last: float,
    *,
    turnover: float,
    stress: float,
    levels: int,
    rng: np.random.Generator,
) -> Book:
    """Makes a book: the same state of `rng` gives the same book, and fewer levels its top.

    The spread grows with stress to the power 1.5 and the depth shrinks with stress, the shape of
    published crash books (10 to 100 times the calm spread), not a fit to one.

    :param last: traded price; it lies between the best prices or on one of them
    :param turnover: turnover of the last 24 hours, USDT
    :param stress: recent volatility as a multiple of ordinary volatility
    """
    tick, step = instrument.tick_size, instrument.step_size
    half = last * _CALM_SPREAD / 2 * stress**1.5 * rng.uniform(0.7, 1.3)
    best_bid = min(np.floor((last - half) / tick), np.floor(last / tick))
    best_ask = max(np.ceil((last + half) / tick), best_bid + 1)
    gap = max(1.0, last * 1e-5 * stress / tick)
    size = turnover * _DEPTH_SHARE / stress * (gap * tick) / (0.01 * last * last)

    def side(best: float, direction: int) -> tuple[Floats, Floats]:
        # One draw per level and quantity keeps a short book the top of a long one.
        draws = rng.standard_exponential((1000, 2))[:levels]
        steps = np.maximum(1.0, np.rint(gap * draws[:, 0]))
        steps[0] = 0.0
        prices = (best + direction * np.cumsum(steps)) * tick
        sizes = np.maximum(1.0, np.rint(size * (0.3 + 0.7 * draws[:, 1]) / step)) * step
        kept = prices > 0
        return prices[kept], sizes[kept]

    bids = side(float(best_bid), -1)
    asks = side(float(best_ask), 1)
    return Book(*bids, *asks)


def widened(book: Book, instrument: Instrument, factor: float) -> Book:
    """The book with every level `factor` (at least 1) times as far from the middle, on the tick."""
    tick = instrument.tick_size
    middle = (book.bid_prices[0] + book.ask_prices[0]) / 2
    bids = np.floor((middle - (middle - book.bid_prices) * factor) / tick) * tick
    asks = np.ceil((middle + (book.ask_prices - middle) * factor) / tick) * tick
    kept = bids > 0
    return Book(bids[kept], book.bid_sizes[kept], asks, book.ask_sizes)


def emptied(book: Book, *, bids: bool, asks: bool) -> Book:
    """The book without the levels of one side or both."""
    none = np.array([])
    return Book(
        none if bids else book.bid_prices,
        none if bids else book.bid_sizes,
        none if asks else book.ask_prices,
        none if asks else book.ask_sizes,
    )


def volatility_stress(candles: Candles, recent: int, ordinary: int) -> float:
    """Volatility of the last `recent` candles as a multiple of that of the last `ordinary`.

    The result is kept within 0.5 and 10; it is 1 with fewer than `recent` + 1 candles.
    """
    if len(candles) <= recent:
        return 1.0
    squares = np.diff(np.log(candles.close[-ordinary - 1 :])) ** 2
    long_run = float(np.median(squares))
    if long_run == 0.0:
        return 1.0
    # The mean square of normal returns is 2.2 times their median square.
    return float(np.clip(np.sqrt(squares[-recent:].mean() / (2.2 * long_run)), 0.5, 10.0))
