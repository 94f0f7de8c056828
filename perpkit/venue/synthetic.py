"""A seeded market of perpetuals with the stylised facts that strategies and breakers meet.

One factor (BTC) drives all pairs. Its volatility is a product of regime, slow log-volatility,
GARCH and hour of day; shocks are Student-t. Highs and lows are the extremes of a Brownian bridge
between closes. Last, mark and index differ by the premium that funding is computed from.

Every stream of random numbers has a generator of its own, seeded by (seed, name), and every
recursion runs forwards: a longer market has the shorter as its prefix, and a pair is the same
whichever others are traded beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from perpkit.venue import perpetual
from perpkit.venue.candles import (
    DAY_MS,
    HOUR_MS,
    Candles,
    Floats,
    Kind,
    Times,
    interval_ms,
)
from perpkit.venue.history import History, PairHistory
from perpkit.venue.instruments import Instrument
from perpkit.venue.recursions import ar1, garch, ou, persistence
from perpkit.venue.regimes import Regimes, regimes

_DEGREES = 5.0  # of freedom of the shocks: tails about as fat as those of 5m BTC returns
_ROUGHEST = 8.0  # times calm volatility: 12 March 2020 was about that


@dataclass(frozen=True)
class PairModel:
    """How a pair hangs on the factor.

    :param price: at the start, USDT
    :param beta: response to the factor's log return
    :param own_vol: standard deviation of a day's own log return in a calm market
    :param turnover: of an ordinary day, USDT
    """

    instrument: Instrument
    price: float
    beta: float
    own_vol: float
    turnover: float


MODELS = {
    model.instrument.pair: model
    for model in (
        PairModel(Instrument("BTC", 0.1, 0.001, 50, 8, 0.003), 60_000, 1.0, 0.0, 9e9),
        PairModel(Instrument("ETH", 0.01, 0.001, 20, 8, 0.003), 3_000, 1.1, 0.016, 7e9),
        PairModel(Instrument("BNB", 0.01, 0.01), 550, 0.85, 0.018, 6e8),
        PairModel(Instrument("SOL", 0.01, 0.01, funding_hours=4), 140, 1.25, 0.032, 2.5e9),
        PairModel(Instrument("XRP", 0.0001, 0.1), 0.6, 0.9, 0.027, 1e9),
    )
}
FACTOR_VOL = 0.024  # daily, calm
BASES = ("1m", "5m")


def generate(
    *,
    seed: int,
    start: int,
    days: int,
    pairs: Sequence[str] = tuple(MODELS),
    base: str = "5m",
) -> History:
    """A market of `days` from `start`.

    :param start: midnight UTC, ms
    :param base: timeframe of the finest candles
    :raises ValueError: naming the parameter, its value and what is allowed
    """
    _check(seed, start, days, pairs, base)
    step = interval_ms(base)
    hours = days * 24
    time = start + np.arange(hours * HOUR_MS // step, dtype=np.int64) * step
    factor = _factor(seed, hours, time, step)
    return History(
        {
            (model := MODELS[pair]).instrument.symbol: _pair(seed, model, factor, time, step, base)
            for pair in pairs
        }
    )


def _check(seed: int, start: int, days: int, pairs: Sequence[str], base: str) -> None:
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if start % DAY_MS:
        raise ValueError(f"start must be midnight UTC in ms, got {start}")
    if days < 1:
        raise ValueError(f"days must be at least 1, got {days}")
    if base not in BASES:
        raise ValueError(f"base must be one of {', '.join(BASES)}, got {base!r}")
    if not pairs:
        raise ValueError(f"pairs must name at least one of {', '.join(MODELS)}")
    for pair in pairs:
        if pair not in MODELS:
            raise ValueError(f"pairs must be among {', '.join(MODELS)}, got {pair!r}")


@dataclass(frozen=True)
class _Factor:
    """Steps but for `regimes`, which has hours."""

    regimes: Regimes
    log_price: Floats  # relative to the start
    sigma: Floats  # of one step's log return
    rough: Floats  # volatility as a multiple of a calm step's


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(name.encode())])


def _student(seed: int, name: str, n: int) -> Floats:
    """Unit-variance Student-t shocks."""
    scale = ((_DEGREES - 2) / _DEGREES) ** 0.5
    out: Floats = _stream(seed, name).standard_t(_DEGREES, n) * scale
    return out


def _normal(seed: int, name: str, n: int) -> Floats:
    return _stream(seed, name).standard_normal(n)


def _garch(noise: Floats, step: int) -> Floats:
    """Clusters that halve in 12 hours, whatever the step."""
    return garch(noise, 0.045, persistence(12.0, step / HOUR_MS), cap=20.0)


def _factor(seed: int, hours: int, time: Times, step: int) -> _Factor:
    per_hour = HOUR_MS // step
    state = regimes(_stream(seed, "regimes"), hours)
    slow = ou(_normal(seed, "slow volatility", hours), 0.35, persistence(20 * 24.0))
    noise = _student(seed, "factor", len(time))
    # Highest in the American afternoon.
    time_of_day = 1 + 0.25 * np.cos(2 * np.pi * ((time % DAY_MS) / HOUR_MS - 15) / 24)
    rough = np.repeat(state.vol * np.exp(slow), per_hour) * time_of_day
    rough = np.minimum(rough * np.sqrt(_garch(noise, step)), _ROUGHEST)
    sigma = rough * FACTOR_VOL * (step / DAY_MS) ** 0.5
    shocks = np.repeat(state.drift / per_hour, per_hour) + sigma * noise
    # A pull so weak that trends do not feel it keeps years of prices in a plausible range.
    log_price = ar1(shocks, persistence(300 * 24.0, step / HOUR_MS))
    return _Factor(state, log_price, sigma, rough)


def _pair(
    seed: int, model: PairModel, factor: _Factor, time: Times, step: int, base: str
) -> PairHistory:
    name = model.instrument.base
    n, per_hour = len(time), HOUR_MS // step
    own_noise = _student(seed, f"{name} own", n)
    own_sigma = (
        model.own_vol
        * (step / DAY_MS) ** 0.5
        * factor.rough**0.6
        * np.sqrt(_garch(own_noise, step))
    )
    own = ar1(own_sigma * own_noise, persistence(120 * 24.0, step / HOUR_MS))
    log_index = np.log(model.price) + model.beta * factor.log_price + own
    sigma = np.hypot(model.beta * factor.sigma, own_sigma)

    hourly = log_index[per_hour - 1 :: per_hour]
    noise = _noise(seed, name, n, len(hourly))
    hourly_premium = perpetual.premium(noise, factor.regimes.crowding, hourly)
    # Straight lines between the hours; the value at an hour's end is that hour's.
    premium = np.interp(
        np.arange(1, n + 1) / per_hour, np.arange(1, len(hourly) + 1), hourly_premium
    )
    jitter = ou(noise.premium, 1.0, persistence(1 / 3, step / HOUR_MS)) * 1.2e-4 * factor.rough

    log_mark = log_index + premium
    last = _last(seed, model, log_mark + jitter, sigma, time, factor.rough)
    instrument = model.instrument
    settled = perpetual.funding(
        time,
        np.expm1(premium + jitter),
        instrument.funding_hours,
        instrument.funding_cap,
    )
    return PairHistory(
        instrument,
        {
            Kind.LAST: {base: last},
            Kind.MARK: {base: _beside(last, np.exp(log_mark), model.price)},
            Kind.INDEX: {base: _beside(last, np.exp(log_index), model.price)},
        },
        settled,
        perpetual.positioning(
            noise,
            time[per_hour - 1 :: per_hour] + step,
            hourly,
            factor.regimes.crowding,
            model.turnover / model.price,
        ),
    )


def _noise(seed: int, name: str, steps: int, hours: int) -> perpetual.Noise:
    return perpetual.Noise(
        premium=_normal(seed, f"{name} premium", steps),
        sentiment=_student(seed, f"{name} sentiment", hours),
        squeeze=_stream(seed, f"{name} squeeze").random(hours),
        squeeze_size=_stream(seed, f"{name} squeeze size").standard_exponential(hours),
        crowd=_normal(seed, f"{name} crowd", hours),
        takers=_normal(seed, f"{name} takers", hours),
        interest=_normal(seed, f"{name} interest", hours),
    )


def _last(
    seed: int, model: PairModel, log_close: Floats, sigma: Floats, time: Times, rough: Floats
) -> Candles:
    """Traded candles on the tick and step grids."""
    name, tick, n = model.instrument.base, model.instrument.tick_size, len(time)
    step = int(time[1] - time[0])
    log_open = np.r_[np.log(model.price), log_close[:-1]]
    high, low = _bridge(
        log_open, log_close, sigma, _stream(seed, f"{name} high"), _stream(seed, f"{name} low")
    )
    open_, close = (_on_grid(np.exp(x), tick) for x in (log_open, log_close))
    high = np.maximum(_on_grid(np.exp(high), tick), np.maximum(open_, close))
    low = np.minimum(_on_grid(np.exp(low), tick), np.minimum(open_, close))

    calm = np.hypot(model.beta * FACTOR_VOL, model.own_vol) * (step / DAY_MS) ** 0.5
    activity = 0.4 * rough + 0.6 * np.log(high / low) / (1.6 * calm)
    interest = ou(_normal(seed, f"{name} volume", n), 0.55, persistence(3.0, step / HOUR_MS))
    activity = activity * np.exp(interest - 0.15)
    base_volume = model.turnover / (DAY_MS / step) * activity / close
    step_size = model.instrument.step_size
    return Candles(
        time,
        open_,
        high,
        low,
        close,
        np.maximum(_on_grid(base_volume, step_size), step_size),
    )


def _bridge(
    start: Floats,
    end: Floats,
    sigma: Floats,
    up: np.random.Generator,
    down: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Highest and lowest point of a Brownian bridge, each by inversion of its distribution.

    P(max > m) = exp(-2 (m - start)(m - end) / sigma²). Drawn independently of each other, which
    makes ranges a little wider than the true joint law.
    """
    middle, half = (start + end) / 2, (end - start) / 2

    def reach(rng: np.random.Generator) -> Floats:
        tail: Floats = rng.standard_exponential(len(start))
        out: Floats = np.sqrt(half**2 + sigma**2 * tail / 2)
        return out

    return middle + reach(up), middle - reach(down)


def _beside(last: Candles, close: Floats, first_open: float) -> Candles:
    """Candles of a price that runs along the traded one; without volume, on 8 decimals."""
    close = np.round(close, 8)
    open_ = np.r_[first_open, close[:-1]]
    ratio = np.sqrt(open_ / last.open * (close / last.close))
    return Candles(
        last.time,
        open_,
        np.maximum(np.round(last.high * ratio, 8), np.maximum(open_, close)),
        np.minimum(np.round(last.low * ratio, 8), np.minimum(open_, close)),
        close,
        np.zeros(len(last)),
    )


def _on_grid(values: Floats, grid: float) -> Floats:
    """Nearest multiple of `grid`, as the float that its decimal notation reads as."""
    per_unit = round(1 / grid)
    out: Floats = np.rint(values * per_unit) / per_unit
    return out
