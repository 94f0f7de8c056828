"""The contracts of the synthetic market: the five that are always listed, and the others.

A contract's price, turnover, group and filters depend on its name and are the same for every seed;
when it is listed and when it ends depends on the seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from zlib import crc32

import numpy as np

from perpkit.durations import DAY, DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.market.contract_rules import instrument as listed
from perpkit.venue.market.instruments import ContractType, Instrument
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.roster import BASES, DATED_BASES, FIGURES, USDC_BASES, Group


@dataclass(frozen=True)
class PairModel:
    """How a pair responds to what drives it.

    :param price: price at the start of the market, quote asset
    :param beta: response to the factor's log return
    :param own_vol: standard deviation of a day's own log return in a calm market
    :param turnover: turnover of an ordinary day, quote asset
    :param group: group whose common log return it shares; None for no group
    :param loading: response to the group's log return
    """

    instrument: Instrument
    price: float
    beta: float
    own_vol: float
    turnover: float
    group: Group | None = None
    loading: float = 0.0

    @property
    def traditional(self) -> bool:
        return self.group is not None and self.group.traditional


def _model(
    base: str,
    price: float,
    turnover: float,
    beta: float,
    own_vol: float,
    funding_hours: int = 8,
    group: Group | None = None,
    loading: float = 0.0,
) -> PairModel:
    contract = listed(base, price, turnover, funding_hours=funding_hours)
    return PairModel(contract, price, beta, own_vol, turnover, group, loading)


MODELS: Mapping[str, PairModel] = MappingProxyType(
    {
        model.instrument.pair: model
        for model in (
            _model("BTC", 60_000, 9e9, beta=1.0, own_vol=0.0),
            _model("ETH", 3_000, 7e9, beta=1.1, own_vol=0.016),
            _model("BNB", 550, 6e8, beta=0.85, own_vol=0.018),
            _model("SOL", 140, 2.5e9, beta=1.25, own_vol=0.032, funding_hours=4),
            _model("XRP", 0.6, 1e9, beta=0.9, own_vol=0.027),
        )
    }
)

# Hours between settlements, and the fraction of the other contracts that have them.
_FUNDING_SHARES = {8: 0.35, 4: 0.57, 1: 0.08}
_YOUNG, _ENDING = 0.09, 0.05  # shares of USDT perpetuals outside `FIGURES`
_QUARTER_MONTHS = (3, 6, 9, 12)
_DELIVERY_MS = 8 * HOUR_MS  # after midnight UTC
_DELISTING_MS = 9 * HOUR_MS
_QUARTERS_MS = 182 * DAY_MS  # for which dated contracts are traded
_HALF_HOUR_MS = 30 * MINUTE_MS


@lru_cache(maxsize=4)
def universe(anchor: int) -> Mapping[str, PairModel]:
    """Every contract by its pair: `MODELS` first, then the others with their kinds interleaved.

    :param anchor: approximate start of the venue, ms; it decides which quarters are traded
    """
    models = dict(MODELS)
    kinds = [[_perpetual(base, group) for base in bases] for group, bases in BASES.items()]
    for column in kinds:
        models |= {model.instrument.pair: model for model in column}
    kinds.append([_in_usdc(models[f"{base}/USDT:USDT"]) for base in USDC_BASES])
    kinds.append([m for base in DATED_BASES for m in _dated(MODELS[f"{base}/USDT:USDT"], anchor)])
    placed = [
        ((place + 0.5) / len(column), model)
        for column in kinds
        for place, model in enumerate(column)
    ]
    others = (model for _, model in sorted(placed, key=lambda each: each[0]))
    return MappingProxyType({**MODELS, **{model.instrument.pair: model for model in others}})


def first_pairs(count: int, anchor: int) -> tuple[str, ...]:
    """The names of the first `count` pairs of the universe.

    :raises ValueError: when there are fewer contracts than that
    """
    known = tuple(universe(anchor))
    if not 1 <= count <= len(known):
        raise ValueError(f"count must be 1 to {len(known)}, got {count}")
    return known[:count]


def lifetime(seed: int, model: PairModel, anchor: int) -> Lifetime | None:
    """When a contract is listed and when it ends; None for `MODELS`, which are always listed.

    Some contracts are listed between 75 days before `anchor` and 60 days after it, some end
    between 5 days before and 60 days after.
    """
    instrument = model.instrument
    if instrument.pair in MODELS:
        return None
    if instrument.delivery:
        end = _ms(datetime.strptime(instrument.delivery + "+0000", "%y%m%d%z")) + _DELIVERY_MS
        return Lifetime(end - _QUARTERS_MS, end, dated=True)
    rng = np.random.default_rng([seed, crc32(f"{instrument.symbol} lifetime".encode())])
    fate = rng.random()
    old = _on(_HALF_HOUR_MS, anchor - rng.uniform(200, 1500) * DAY_MS)
    lasting = instrument.base in FIGURES or instrument.base in USDC_BASES
    if lasting or fate >= _YOUNG + _ENDING:
        return Lifetime(old)
    if fate < _YOUNG:
        return Lifetime(_on(_HALF_HOUR_MS, anchor + rng.uniform(-75, 60) * DAY_MS))
    return Lifetime(old, _on(DAY_MS, anchor + rng.uniform(-5, 60) * DAY_MS) + _DELISTING_MS)


def _on(grid: int, time: float) -> int:
    return int(time) // grid * grid


def _perpetual(base: str, group: Group) -> PairModel:
    """A perpetual outside `MODELS`; the smaller its turnover, the more it moves on its own."""
    rng = np.random.default_rng([crc32(base.encode())])
    size = rng.normal()
    decade = 2 + size / 3 if group.traditional else np.clip(0.9 * size - 0.7, -3.2, 2.5)
    price = float(f"{10**decade:.3g}")
    turnover = float(f"{10 ** (5 + 4 * rng.random() ** 1.2):.2g}")
    price, turnover = FIGURES.get(base, (price, turnover))
    beta, loading = rng.uniform(0.7, 1.3), rng.uniform(0.7, 1.3)
    own_vol = (0.016 + 0.009 * max(0.0, 9 - np.log10(turnover))) * rng.uniform(0.8, 1.2)
    hours = rng.choice(list(_FUNDING_SHARES), p=list(_FUNDING_SHARES.values()))
    if group.traditional:
        beta, own_vol = 0.0, own_vol / 3
    return _model(
        base, price, turnover, float(beta), float(own_vol), int(hours), group, float(loading)
    )


def _in_usdc(model: PairModel) -> PairModel:
    """The contract on the same asset that is margined in USDC, with a tenth of the turnover."""
    usdt, turnover = model.instrument, max(1e5, model.turnover / 10)
    contract = listed(
        usdt.base, model.price, turnover, quote="USDC", funding_hours=usdt.funding_hours
    )
    return replace(model, instrument=contract, turnover=turnover)


def _dated(model: PairModel, anchor: int) -> Iterator[PairModel]:
    kinds = (ContractType.CURRENT_QUARTER, ContractType.NEXT_QUARTER)
    # The venue may begin up to a month after the anchor.
    for kind, day in zip(kinds, _quarter_ends(anchor + 30 * DAY_MS), strict=False):
        turnover = model.turnover / 50
        contract = listed(model.instrument.base, model.price, turnover, delivery=f"{day:%y%m%d}")
        yield replace(model, instrument=replace(contract, contract_type=kind), turnover=turnover)


def _quarter_ends(after: int) -> Iterator[datetime]:
    """Last Fridays of the quarters after `after` (ms), in order and without end."""
    day = datetime.fromtimestamp(after // DAY_MS * DAY_MS / 1000, UTC)
    while True:
        day += DAY
        last_week = (day + timedelta(days=7)).month != day.month
        if day.month in _QUARTER_MONTHS and day.weekday() == 4 and last_week:
            yield day


def _ms(day: datetime) -> int:
    return int(day.timestamp() * 1000)
