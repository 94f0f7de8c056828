"""What a strategy must have shown before it trades real money, by its kind.

The kind follows from how long the trades of its backtest last, and can be named. A configuration
overrides single criteria in its object `"perpkit": {"golive": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from perpkit.checks import shown
from perpkit.durations import DAY_S

WHERE = "perpkit.golive"
# Of fewer trades the interval of a bootstrap is too narrow; of fewer than the least there is none,
# as arch finds no length of blocks.
MANY, LEAST = 100, 8
_SWING_FROM_S, _SLOW_FROM_S = 1 * DAY_S, 14 * DAY_S


class Kind(StrEnum):
    INTRADAY = "intraday"  # a trade lasts less than a day, in the mean
    SWING = "swing"
    SLOW = "slow"  # two weeks or more

    @classmethod
    def of(cls, seconds: float) -> Kind:
        """:param seconds: that a trade of the backtest lasts in the mean"""
        if seconds < _SWING_FROM_S:
            return cls.INTRADAY
        return cls.SWING if seconds < _SLOW_FROM_S else cls.SLOW


_Share = Annotated[float, Field(ge=0, le=1)]
_Confidence = Annotated[float, Field(ge=0.5, le=0.999)]


class Criteria(BaseModel):
    """Shares are fractions.

    :param trades: closed ones; or what the backtest makes in 90 days, if that is fewer
    :param fewest_trades: of which the bootstrap still says something; no fewer are enough, however
        few `trades` asks for
    :param days: between the first and the last thing known of the bot
    :param confidence: of the interval of the expectancy, whose lower end must be above 0
    :param confidence_of_few: the same, where fewer than 100 are asked: the interval of a bootstrap
        is too narrow for few
    :param win_rate, profit_factor: one of them is enough
    :param drawdown: the most, marked to market
    :param slippage_bps: that is assumed; the mean against the prices of the backtest
    :param band_days: of the backtest before the bot's time, from which the band is drawn
    :param band_confidence: of the band in which the bot's return must be
    :param unexplained: the most of the trades that differ from the backtest without a known cause
    :param rehearsal_trades: in one run of a venue, without a breach of its invariants
    :param rehearsal_breakers: that have locked in that run
    :param rehearsal_max_days: since the end of that run
    :param valid_days: for which a verdict counts
    :param seed: of the bootstrap
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    trades: int = Field(default=MANY, ge=LEAST, le=100_000)
    fewest_trades: int = Field(default=10, ge=LEAST, le=100_000)
    days: float = Field(default=30, ge=0, le=3_650)
    confidence: _Confidence = 0.95
    confidence_of_few: _Confidence = 0.99
    win_rate: _Share = 0.55
    profit_factor: float = Field(default=1.3, ge=0, le=1_000)
    drawdown: _Share = 0.20
    slippage_bps: float = Field(default=10, ge=0, le=1_000)
    band_days: int = Field(default=90, ge=10, le=3_650)
    band_confidence: _Confidence = 0.95
    unexplained: _Share = 0.05
    rehearsal_trades: int = Field(default=10, ge=0, le=100_000)
    rehearsal_breakers: int = Field(default=1, ge=0, le=20)
    rehearsal_max_days: float = Field(default=90, gt=0, le=3_650)
    valid_days: float = Field(default=90, gt=0, le=3_650)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)


# What differs from the defaults above. Many short trades are ruined by a slippage that a few long
# ones do not feel; long trades need longer to show anything.
BY_KIND: Mapping[Kind, Mapping[str, Any]] = {
    Kind.INTRADAY: {"slippage_bps": 5.0, "rehearsal_trades": 20},
    Kind.SWING: {},
    Kind.SLOW: {"days": 60.0, "slippage_bps": 20.0, "rehearsal_trades": 3},
}


def criteria_of(kind: Kind, given: object) -> Criteria:
    """Returns the criteria of a kind, overridden by the configuration's.

    :param given: the object `"golive"`; None if there is none
    :raises ValueError: naming the field, its value and what is allowed, in one line
    """
    own = {} if given is None else given
    if not isinstance(own, Mapping):
        raise ValueError(f"{WHERE} must be an object of criteria, got {shown(given)}")
    own = {name: value for name, value in own.items() if name != "kind"}
    try:
        return Criteria.model_validate({**BY_KIND[kind], **own})
    except ValidationError as error:
        raise ValueError("; ".join(map(_words, error.errors(include_url=False)))) from None


def kind_of(given: object) -> Kind | None:
    """Returns the kind that the configuration names; None if it names none.

    :raises ValueError: for another kind
    """
    named = given.get("kind") if isinstance(given, Mapping) else None
    if named is None:
        return None
    if named not in list(Kind):
        raise ValueError(f"{WHERE}.kind must be one of {', '.join(Kind)}, got {shown(named)}")
    return Kind(named)


def _words(error: Mapping[str, Any]) -> str:
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        allowed = ", ".join(["kind", *Criteria.model_fields])
        return f"{WHERE} has no criterion {shown(name)}. Allowed: {allowed}"
    allowed = str(error["msg"]).removeprefix("Input should be ")
    return f"{WHERE}.{name} must be {allowed}, got {shown(error['input'])}"
