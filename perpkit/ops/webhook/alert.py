"""The alert that a sender posts: a strict schema, and what it asks for.

{"secret": "...", "time": "{{timenow}}", "symbol": "{{ticker}}",
 "action": "{{strategy.order.action}}", "position": "{{strategy.market_position}}"}
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from perpkit.ops.webhook.symbols import pair_of

# What Freqtrade keeps of an enter tag.
_LONGEST_TAG = 255


class Action(StrEnum):
    BUY = "buy"  # with `position`, as the strategies of TradingView say it
    SELL = "sell"
    LONG = "long"
    SHORT = "short"
    EXIT = "exit"
    EXIT_LONG = "exit_long"
    EXIT_SHORT = "exit_short"


class Position(StrEnum):
    """What the sender holds afterwards."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class Wish(StrEnum):
    """What an alert asks for."""

    LONG = "long"
    SHORT = "short"
    EXIT = "exit"
    EXIT_LONG = "exit_long"
    EXIT_SHORT = "exit_short"

    @property
    def is_entry(self) -> bool:
        return self in (Wish.LONG, Wish.SHORT)

    @property
    def closes(self) -> tuple[bool, ...]:
        """The sides that are closed, as `is_short`; an entry closes none."""
        sides = {Wish.EXIT: (False, True), Wish.EXIT_LONG: (False,), Wish.EXIT_SHORT: (True,)}
        return sides.get(self, ())


def _lower(given: Any) -> Any:
    return given.strip().lower() if isinstance(given, str) else given


def _no_flag(given: Any) -> Any:
    if isinstance(given, bool):  # pydantic takes true for 1
        raise ValueError("must be a number")
    return given


_Word = BeforeValidator(_lower)
_Number = BeforeValidator(_no_flag)


class Alert(BaseModel):
    """
    :param time: when the alert was made; with a zone, or seconds or ms since 1970
    :param symbol: as `symbols.pair_of` takes it
    :param stake: in stake currency, as of /forceenter: what the bot's sizing makes of it counts
    :param leverage: as of /forceenter; without it, the strategy's
    :param id: distinguishes alerts that are otherwise the same within a second
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    time: AwareDatetime
    symbol: Annotated[str, Field(max_length=64), AfterValidator(pair_of)]
    action: Annotated[Action, _Word]
    position: Annotated[Position | None, _Word] = None
    stake: Annotated[float, Field(gt=0, allow_inf_nan=False), _Number] | None = None
    leverage: Annotated[float, Field(ge=1, le=125, allow_inf_nan=False), _Number] | None = None
    tag: Annotated[str, Field(min_length=1, max_length=_LONGEST_TAG - len("webhook "))] | None = (
        None
    )
    id: Annotated[str, Field(max_length=128)] | None = None
    secret: SecretStr | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Alert:
        sides = {Action.BUY: Position.SHORT, Action.SELL: Position.LONG}
        if self.position is not None and sides.get(self.action) == self.position:
            # A part of a position is bought or sold, whose size is not known here.
            raise ValueError(
                f"action {self.action.value} with position {self.position.value} changes the size "
                "of a position, which is not supported: send long, short, exit, exit_long or "
                "exit_short"
            )
        if self.position is not None and self.action not in (Action.BUY, Action.SELL):
            raise ValueError("position goes with the actions buy and sell only")
        return self

    @property
    def pair(self) -> str:
        return self.symbol

    @property
    def wish(self) -> Wish:
        if self.position is Position.FLAT:
            return Wish.EXIT_SHORT if self.action is Action.BUY else Wish.EXIT_LONG
        sides = {Action.BUY: Wish.LONG, Action.SELL: Wish.SHORT}
        return sides.get(self.action) or Wish(self.action.value)


def problems_of(error: ValidationError) -> str:
    """Returns what is wrong with an alert, by field, without the values that were sent."""
    found = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        field = ".".join(map(str, each["loc"])) or "alert"
        found.append(f"{field}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(found)


def age(alert: Alert, now: datetime) -> float:
    """Returns the seconds since an alert was made; below 0 for one from the future."""
    return (now - alert.time).total_seconds()
