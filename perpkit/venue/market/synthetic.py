"""A seeded market of perpetuals with the stylised facts that strategies and breakers meet.

One factor (BTC) drives all pairs of crypto, and a common return drives the pairs of a group. The
factor's volatility is a product of regime, slow log-volatility, GARCH and hour of day; shocks are
Student-t.
Highs and lows are the extremes of a Brownian bridge between closes. Last, mark and index differ by
the premium that funding is computed from.

Every recursion runs forwards: a longer market begins with the shorter one, and a pair is the same
whichever others are traded with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.venue.market import perpetual
from perpkit.venue.market.candles import Candles, Floats, PriceKind, Times, interval_ms
from perpkit.venue.market.drivers import (
    FACTOR_VOL,
    Factor,
    Wander,
    factor,
    group_wander,
    normal,
    outside,
    stream,
    student,
    wander,
)
from perpkit.venue.market.history import Funding, History, PairHistory
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.recursions import ou, persistence
from perpkit.venue.market.roster import Group
from perpkit.venue.market.universe import MODELS, PairModel, lifetime, universe

BASES = ("1m", "5m")
ANCHOR_DAYS = 90  # default of the anchor, days after the start
_CARRY = 0.06  # annual premium of dated contracts over the index, a fraction

__all__ = ["BASES", "MODELS", "generate"]


def generate(
    *,
    seed: int,
    start: int,
    days: int,
    pairs: Sequence[str] = tuple(MODELS),
    base: str = "5m",
    anchor: int | None = None,
) -> History:
    """Generates the history of a market of `days` days from `start`.

    :param start: midnight UTC, ms
    :param pairs: names from `universe(anchor)`
    :param base: timeframe of the finest candles
    :param anchor: time around which contracts are listed and delisted, ms; 90 days after `start` by
        default. Calls with equal seed, start and anchor return parts of one market.
    :raises ValueError: naming the parameter, its value and what is allowed
    """
    anchor = start + ANCHOR_DAYS * DAY_MS if anchor is None else anchor
    _check(seed, start, days, pairs, base, anchor)
    step = interval_ms(base)
    hours = days * 24
    time = start + np.arange(hours * HOUR_MS // step, dtype=np.int64) * step
    drivers = _Drivers(seed, hours, time, step)
    models = (universe(anchor)[pair] for pair in pairs)
    return History(
        {model.instrument.symbol: _pair(drivers, model, base, anchor) for model in models}
    )


def _check(seed: int, start: int, days: int, pairs: Sequence[str], base: str, anchor: int) -> None:
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    if start % DAY_MS:
        raise ValueError(f"start must be midnight UTC in ms, got {start}")
    if days < 1:
        raise ValueError(f"days must be at least 1, got {days}")
    if base not in BASES:
        raise ValueError(f"base must be one of {', '.join(BASES)}, got {base!r}")
    known = universe(anchor)
    some = f"{', '.join(MODELS)} and {len(known) - len(MODELS)} more of Binance's"
    if not pairs:
        raise ValueError(f"pairs must name at least one of {some}")
    for pair in pairs:
        if pair not in known:
            raise ValueError(f"pairs must be among {some}, got {pair!r}")


class _Drivers:
    """What the pairs of one market share; a group's part is made when a pair first needs it."""

    def __init__(self, seed: int, hours: int, time: Times, step: int) -> None:
        self.seed, self.time, self.step = seed, time, step
        self._crypto = factor(seed, hours, time, step)
        self._outside: Factor | None = None
        self._groups: dict[Group, Wander] = {}

    def factor(self, model: PairModel) -> Factor:
        if not model.traditional:
            return self._crypto
        if self._outside is None:
            self._outside = outside(self._crypto)
        return self._outside

    def group(self, model: PairModel) -> Wander | None:
        group = model.group
        if group is not None and group not in self._groups:
            self._groups[group] = group_wander(
                self.seed, group, self.factor(model), self.step, traditional=group.traditional
            )
        return None if group is None else self._groups[group]


def _index(drivers: _Drivers, model: PairModel) -> Wander:
    """Log price of the underlying, the same for every contract on it."""
    driver, step = drivers.factor(model), drivers.step
    own = wander(drivers.seed, f"{model.instrument.base} own", model.own_vol, driver.rough, step)
    log_index = np.log(model.price) + model.beta * driver.log_price + own.log_price
    sigma = np.hypot(model.beta * driver.sigma, own.sigma)
    if (group := drivers.group(model)) is not None:
        log_index += model.loading * group.log_price
        sigma = np.hypot(sigma, model.loading * group.sigma)
    return Wander(log_index, sigma)


def _pair(drivers: _Drivers, model: PairModel, base: str, anchor: int) -> PairHistory:
    seed, time, step, instrument = drivers.seed, drivers.time, drivers.step, model.instrument
    driver, per_hour = drivers.factor(model), HOUR_MS // step
    index, life = _index(drivers, model), lifetime(seed, model, anchor)
    hourly = index.log_price[per_hour - 1 :: per_hour]
    noise = _noise(seed, _stream_name(instrument), len(time), len(hourly))

    premium = _premium(drivers, model, noise, hourly, life)
    jitter = ou(noise.premium, 1.0, persistence(1 / 3, step / HOUR_MS)) * 1.2e-4 * driver.rough
    log_mark = index.log_price + premium
    last = _last(seed, model, log_mark + jitter, index.sigma, time, driver.rough)
    settled = Funding(time[:0], np.array([]))
    if instrument.contract_type.perpetual:
        settled = perpetual.funding(
            time, np.expm1(premium + jitter), instrument.funding_hours, instrument.funding_cap
        )
    made = PairHistory(
        instrument,
        {
            PriceKind.LAST: {base: last},
            PriceKind.MARK: {base: _beside(last, np.exp(log_mark), model.price)},
            PriceKind.INDEX: {base: _beside(last, np.exp(index.log_price), model.price)},
        },
        settled,
        perpetual.positioning(
            noise,
            time[per_hour - 1 :: per_hour] + step,
            hourly,
            driver.regimes.crowding,
            model.turnover / model.price,
        ),
    )
    return made if life is None else made.within(life)


def _premium(
    drivers: _Drivers,
    model: PairModel,
    noise: perpetual.Noise,
    hourly: Floats,
    life: Lifetime | None,
) -> Floats:
    """Premium of mark over index at the end of each step, a fraction.

    :param hourly: log price of the index at the end of each hour
    """
    time, step = drivers.time, drivers.step
    by_hour = perpetual.premium(noise, drivers.factor(model).regimes.crowding, hourly)
    # Interpolated linearly: the value at the end of an hour is that hour's.
    ends = np.arange(1, len(time) + 1) / (HOUR_MS // step)
    premium = np.interp(ends, np.arange(1, len(hourly) + 1), by_hour)
    if life is None or not model.instrument.delivery:
        return premium
    left = np.maximum(life.delivery - time - step, 0) / DAY_MS
    dated: Floats = premium * np.minimum(1.0, left / 30) + _CARRY * left / 365
    return dated


def _stream_name(instrument: Instrument) -> str:
    """The name of a contract's random streams; contracts on one asset share only its price."""
    plain = instrument.quote == "USDT" and not instrument.delivery
    return instrument.base if plain else instrument.symbol


def _noise(seed: int, name: str, steps: int, hours: int) -> perpetual.Noise:
    return perpetual.Noise(
        premium=normal(seed, f"{name} premium", steps),
        sentiment=student(seed, f"{name} sentiment", hours),
        squeeze=stream(seed, f"{name} squeeze").random(hours),
        squeeze_size=stream(seed, f"{name} squeeze size").standard_exponential(hours),
        crowd=normal(seed, f"{name} crowd", hours),
        takers=normal(seed, f"{name} takers", hours),
        interest=normal(seed, f"{name} interest", hours),
    )


def _last(
    seed: int, model: PairModel, log_close: Floats, sigma: Floats, time: Times, rough: Floats
) -> Candles:
    """Candles of the traded price, on the tick and step grids."""
    name, tick, n = _stream_name(model.instrument), model.instrument.tick_size, len(time)
    step = int(time[1] - time[0])
    log_open = np.r_[np.log(model.price), log_close[:-1]]
    high, low = _bridge(
        log_open, log_close, sigma, stream(seed, f"{name} high"), stream(seed, f"{name} low")
    )
    prices = _on_grid(np.exp(np.r_[log_open[:1], log_close]), tick)
    open_, close = prices[:-1], prices[1:]  # views: half the memory of two arrays
    high = np.maximum(_on_grid(np.exp(high), tick), np.maximum(open_, close))
    low = np.minimum(_on_grid(np.exp(low), tick), np.minimum(open_, close))

    calm = np.hypot(model.beta * FACTOR_VOL, model.own_vol) * (step / DAY_MS) ** 0.5
    activity = 0.4 * rough + 0.6 * np.log(high / low) / (1.6 * calm)
    interest = ou(normal(seed, f"{name} volume", n), 0.55, persistence(3.0, step / HOUR_MS))
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

    P(max > m) = exp(-2 (m - start)(m - end) / sigma²). The two are drawn independently of each
    other, which makes ranges a little wider than the true joint law.
    """
    middle, half = (start + end) / 2, (end - start) / 2

    def reach(rng: np.random.Generator) -> Floats:
        tail: Floats = rng.standard_exponential(len(start))
        out: Floats = np.sqrt(half**2 + sigma**2 * tail / 2)
        return out

    return middle + reach(up), middle - reach(down)


def _beside(last: Candles, close: Floats, first_open: float) -> Candles:
    """Candles of a price that follows the traded one, with 8 decimals and without volume."""
    prices = np.r_[first_open, np.round(close, 8)]
    open_, close = prices[:-1], prices[1:]
    ratio = np.sqrt(open_ / last.open * (close / last.close))
    return Candles(
        last.time,
        open_,
        np.maximum(np.round(last.high * ratio, 8), np.maximum(open_, close)),
        np.minimum(np.round(last.low * ratio, 8), np.minimum(open_, close)),
        close,
        np.broadcast_to(0.0, len(last)),
    )


def _on_grid(values: Floats, grid: float) -> Floats:
    """Nearest multiples of `grid`, as the floats that their decimal notation parses to."""
    if grid > 1:
        return np.rint(values / grid) * grid
    per_unit = round(1 / grid)
    out: Floats = np.rint(values * per_unit) / per_unit
    return out
