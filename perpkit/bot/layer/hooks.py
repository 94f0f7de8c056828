"""What the risk layer asks of the strategy around which it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from freqtrade.persistence import LocalTrade

from perpkit.bot.callbacks.fail_closed import Failures
from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.layer.verdicts import Attached, OfPackage
from perpkit.bot.layer.warm_up import Need
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.size_limits import StopDistance
from perpkit.breakers.breaker import Decision
from perpkit.risk.sizing import Size
from perpkit.risk.targets import Target

if TYPE_CHECKING:
    from perpkit.bot.layer.entry_rules import EntryRules


@dataclass(frozen=True)
class Hooks:
    """
    :param settings: of the risk stack, at their present parameters
    :param columns: analysed candles of a pair, with `close` and `vol_1h`; None without any
    :param doubt: why entries into a pair are blocked, or None
    :param stop_distance: of an entry at a leverage, a fraction of the price; NaN without a stop
    :param addition: the part of a stake that may be added to a trade, from the trade, the stake,
        the rate, the time, the decision of the breakers, and the tag of the order
    :param renew: another run begins in this process, with new `states`
    :param parts_off: one message for each part that is off in this run, beside those that options
        switch off
    :param stakes: how the stakes of entries are made, a sentence for the start
    :param failures: of the strategy's callbacks, where it counts them itself
    :param doubts: why entries are blocked, by the failed callback and the pair
    :param own_stops: the strategy's stops and sizes are the package's, and so is what their
        options must be
    :param own_errors: the strategy handles errors of its callbacks, the layer's included
    :param rules: of leverage and stakes around a strategy that is not the package's
    :param analysed: a pair's candles have been analysed
    :param asks: what its options must be
    :param needs: candles that it needs
    :param next_part: the part of a trade that its own adjustment takes off next, with the price
    """

    settings: Callable[[], Settings]
    columns: Callable[[str], CandleColumns | None]
    doubt: Callable[[str], str | None]
    stop_distance: StopDistance
    addition: Callable[[LocalTrade, float, float, datetime, Decision, str | None], Size]
    renew: Callable[[], None]
    parts_off: Callable[[], list[str]]
    stakes: Callable[[], str]
    failures: Failures
    doubts: Callable[[], Mapping[tuple[str, str], str]]
    own_stops: bool
    own_errors: bool
    asks: Callable[[], OfPackage | Attached]
    rules: EntryRules | None = None
    analysed: Callable[[str], None] = lambda _pair: None
    needs: Callable[[], list[Need]] = list
    next_part: Callable[[LocalTrade], Target | None] = lambda _trade: None
