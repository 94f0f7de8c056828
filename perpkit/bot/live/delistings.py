"""Contracts that end: announced, left before their last day, no entry into them.

The exchange gives a perpetual a delivery in the year 2100 until its end is announced, about a week
ahead. A position that is still there then is settled at an average of the index, and its orders
expire. In dry-run and live on Binance; Freqtrade reads the contracts once an hour.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.trades import TradeKey, TradeStates, key_of
from perpkit.bot.running_bot import warn, words
from perpkit.execution.guarding import GuardRule
from perpkit.market.listing import is_an_end

logger = logging.getLogger(__name__)


def end_of(market: dict[str, Any] | None) -> datetime | None:
    """When a contract of Binance ends; None while no end is announced.

    :param market: as ccxt gives it; None where the exchange does not have it any more
    """
    delivery = (market or {}).get("info", {}).get("deliveryDate")
    if not delivery:
        return None
    end = datetime.fromtimestamp(int(delivery) / 1000, UTC)
    return end if is_an_end(end, datetime.now(UTC)) else None


class Delistings:
    """Made once for a running bot; `step` is to be called every loop.

    :param states: of the trades; those that are to be left are marked there
    """

    def __init__(self, bot: Any, states: TradeStates, rule: GuardRule) -> None:
        self._bot = bot
        self._states = states
        self._before = timedelta(hours=rule.leave_before_delisting_hours)
        self._announced: dict[TradeKey, datetime] = {}
        self._kept: set[TradeKey] = set()
        self._failed = False
        self._process_stopped = replace(bot, "bot.process_stopped", self._stopped_cycle)

    def refusal(self, pair: str) -> str | None:
        """Why there is to be no entry in this pair, if there is a reason."""
        market = self._bot.exchange.markets.get(pair)
        end = end_of(market)
        if end is None:
            return None
        # The end of a dated contract is known from its beginning.
        if market.get("future") and datetime.now(UTC) < end - self._before:
            return None
        return f"the contract ends on {_moment(end)}"

    def step(self, now: datetime, *, running: bool = True) -> None:
        """Never raises.

        :param running: whether exits are made
        """
        try:
            self._look(now, running)
            self._failed = False
        except Exception as error:
            if not self._failed:
                logger.warning(f"The ends of contracts cannot be looked at: {words(error)}")
            self._failed = True

    def _stopped_cycle(self) -> None:
        self._process_stopped()
        self._bot.exchange.reload_markets()  # as Freqtrade does while it runs
        self.step(datetime.now(UTC), running=False)

    def _look(self, now: datetime, running: bool) -> None:
        with self._bot._exit_lock:
            trades = Trade.get_open_trades()
            for trade in trades:
                end = end_of(self._bot.exchange.markets.get(trade.pair))
                self._announce(trade, end)
                near = end is not None and now >= end - self._before
                self._states.of(trade).ends = near
                if near and end is not None and not running:
                    self._say_kept(trade, end)
            still_open = {key_of(trade) for trade in trades}
        self._announced = {k: end for k, end in self._announced.items() if k in still_open}

    def _announce(self, trade: Trade, end: datetime | None) -> None:
        """Once, and again where the date changes."""
        key, pair = key_of(trade), trade.pair
        before = self._announced.pop(key, None)
        if end is not None:
            self._announced[key] = end
        if end == before:
            return
        if end is None:
            # The exchange forgets contracts that have ended.
            if pair in self._bot.exchange.markets:
                warn(self._bot, f"{pair} does not end on {_moment(before)} any more.")
            return
        leaving = _moment(end - self._before)
        warn(
            self._bot,
            f"{pair} ends on {_moment(end)}: the exchange closes its position then. There is no "
            f"entry into it any more, and it is left at the market from {leaving} on.",
        )

    def _say_kept(self, trade: Trade, end: datetime) -> None:
        if key_of(trade) in self._kept or not trade.has_open_position:
            return
        self._kept.add(key_of(trade))
        warn(
            self._bot,
            f"{trade.pair} ends on {_moment(end)}, and the bot is stopped: its position is not "
            "left before that. Start the bot, or close it by hand.",
        )


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
