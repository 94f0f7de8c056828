"""A decision of a bot: why it entered, refused, changed a size, withdrew and exited.

It is one row of the decision log (`decision_log`), a JSON object on a line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from math import isfinite
from typing import Any

_FIGURE = re.compile(r"[-+]?\d[\d.,:]*%?")


class Kind(StrEnum):
    """What was decided."""

    ORDERED = "ordered"  # an entry was allowed and is sent
    ENTERED = "entered"
    ADDED = "added"
    REFUSED = "refused"
    SCALED = "scaled"  # a stake or leverage became smaller
    WITHDRAWN = "withdrawn"  # an open entry order was ended
    REDUCED = "reduced"  # a part was sold
    EXITED = "exited"
    STOP = "stop"  # the stop of a trade was set or moved
    QUIET = "no signal"


@dataclass(frozen=True)
class Decision:
    """One row.

    :param at: when it was decided; of repeats, the newest
    :param pair: such as BTC/USDT:USDT; `*` for all
    :param side: long, short, or `*`
    :param reason: a short code, such as breaker or size, or Freqtrade's exit reason
    :param text: for the operator, with the figures
    :param figures: what they are about, in stake currency or as the name says
    :param tag: of the entry
    :param since: the first of the repeats that this row stands for; `at` for a single one
    :param count: how many decisions this row stands for
    """

    at: datetime
    kind: Kind
    pair: str
    side: str
    reason: str
    text: str
    figures: Mapping[str, float] = field(default_factory=dict)
    tag: str | None = None
    since: datetime | None = None
    count: int = 1

    @property
    def begins(self) -> datetime:
        return self.since or self.at

    @property
    def words(self) -> str:
        """The text without its figures, which change from loop to loop.

        >>> Decision(datetime.now(UTC), Kind.REFUSED, "A", "long", "size", "open 3 of 3").words
        'open # of #'
        """
        return words_of(self.text)


def words_of(text: str) -> str:
    """Returns a text with a sign in the place of every figure."""
    return _FIGURE.sub("#", text)


def as_line(decision: Decision) -> bytes:
    return json.dumps(as_row(decision), ensure_ascii=False).encode(errors="replace") + b"\n"


def as_row(decision: Decision) -> dict[str, Any]:
    """Returns a decision as the log has it."""
    row: dict[str, Any] = {
        "at": _written(decision.at),
        "kind": decision.kind.value,
        "pair": decision.pair,
        "side": decision.side,
        "reason": decision.reason,
        "text": decision.text,
    }
    # NaN has no place in JSON.
    if known := {name: value for name, value in decision.figures.items() if isfinite(value)}:
        row["figures"] = known
    if decision.tag:
        row["tag"] = decision.tag
    if decision.count > 1:
        row |= {"since": _written(decision.begins), "count": decision.count}
    return row


def from_line(line: bytes) -> Decision:
    """:raises ValueError: if the line is no row of this log"""
    try:
        row = json.loads(line)
        return Decision(
            at=_read(row["at"]),
            kind=Kind(row["kind"]),
            pair=str(row["pair"]),
            side=str(row["side"]),
            reason=str(row["reason"]),
            text=str(row["text"]),
            figures=dict(row.get("figures", {})),
            tag=row.get("tag"),
            since=_read(row["since"]) if "since" in row else None,
            count=int(row.get("count", 1)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a decision: {error}") from None


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return moment
