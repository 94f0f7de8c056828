"""What the state file says of what may be traded: restrictions, locks, the latch, and refusals."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from perpkit.record.state_part import Side, StatePart

TradingState = Literal["active", "reducing", "halted"]


class Restriction(StatePart):
    """What a breaker, or another reason, takes away at present.

    :param name: of the breaker
    :param trading: `active` (smaller or less leverage), `reducing` (no entries) or `halted`
    :param pair: the pair it is about, `*` for all
    :param side: `long`, `short` or `*`
    :param reason: for people, with the figures in it
    :param since: when this process first saw it
    :param release: when it can end at the earliest; null where that is not known
    :param size_factor: share of the usual size, 0 to 1
    :param max_leverage: cap on new positions; null for none
    """

    name: str
    trading: TradingState
    pair: str
    side: Side
    reason: str
    since: AwareDatetime
    release: AwareDatetime | None
    size_factor: float
    max_leverage: float | None


class Doubt(StatePart):
    """A callback that has failed, so that there is no entry until it succeeds.

    :param callback: its name
    :param pair: the pair it was asked about, `*` for all
    :param reason: for people
    """

    callback: str
    pair: str
    reason: str


class Trading(StatePart):
    """What the bot may do.

    :param state: for all pairs: `active`, `reducing` or `halted`
    :param reason: of that state; empty when active
    :param restrictions: all there are, those of single pairs too
    :param doubts: callbacks that have failed
    :param breakers: the names of those that watch, whether they restrict or not; null before the
        first cycle
    """

    state: TradingState
    reason: str
    restrictions: tuple[Restriction, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    breakers: tuple[str, ...] | None = None


class Lock(StatePart):
    """A lock of Freqtrade that is in force, of a breaker or of anything else.

    :param pair: that is locked, `*` for all
    :param side: `long`, `short` or `*`
    :param until: when it ends
    :param reason: for people
    """

    pair: str
    side: str
    until: AwareDatetime
    reason: str


class Latch(StatePart):
    """The stop latch of the account, as it is when this file is written.

    :param path: of the latch's own file; empty where its options name none
    :param state: `clear`, `reducing` (no entries) or `halted` (positions are closed as well)
    :param by: who set it; empty where it was never set
    :param why: for people; what is wrong with it, where it is damaged
    :param at: when it was set; null where that is not known
    :param damaged: whether it cannot be read, which counts as `reducing`
    """

    path: str
    state: Literal["clear", "reducing", "halted"]
    by: str
    why: str
    at: AwareDatetime | None
    damaged: bool


class Refused(StatePart):
    """An entry, or an addition, that was refused; one that is refused again and again is here once.

    :param kind: by what: the stop `latch`, a `breaker`, a `lock` of Freqtrade, a `callback` that
        has failed, a `passive` bot, the `journal`, what the `exchange` holds, its `size`, the
        `book`, the `fleet` that the bot belongs to, the `loss` of its trade or tag, something
        `unchecked`, or it was `overtaken` by another entry
    :param pair: such as `BTC/USDT:USDT`
    :param side: `long` or `short`
    :param reason: the newest, for people
    :param since: of the first
    :param at: of the newest
    :param count: how many there were
    """

    kind: str
    pair: str
    side: str
    reason: str
    since: AwareDatetime
    at: AwareDatetime
    count: int


class Refusals(StatePart):
    """
    :param by_kind: how many there were since the process started
    :param newest: newest first, at most fifty
    """

    by_kind: dict[str, int]
    newest: tuple[Refused, ...]


class Reconciliation(StatePart):
    """The trade database and the exchange compared.

    :param compared: whether they have been, since the process started; no entry is made before
    :param refused: pairs without entries, `*` for all, and why: what they hold, or their settings
    """

    compared: bool
    refused: dict[str, str]
