"""Contracts that are about to be delisted: announced, refused for entries, closed in time.

Until a delisting is announced, about a week ahead, Binance states a delivery date in the year 2100
for a perpetual; Bybit and OKX state none. The exchange settles positions that are still open at the
end at an average of the index, and expires their orders. Works in dry-run and live on exchanges
whose contracts have a field for their end; Freqtrade reloads the contracts once an hour.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.trades import TradeKey, TradeStates, key_of
from perpkit.bot.running_bot import message_of, warn
from perpkit.execution.guarding import GuardRule
from perpkit.market.exchanges import ExchangeFacts, facts_at
from perpkit.market.listing import is_an_end

logger = logging.getLogger(__name__)


def end_of(facts: ExchangeFacts, market: dict[str, Any] | None) -> datetime | None:
    """Returns when a contract ends, or None if no end is announced.

    :param market: in ccxt's format; None if the exchange no longer lists it
    """
    delivery = facts.end_ms(market or {})
    if delivery is None:
        return None
    end = datetime.fromtimestamp(delivery / 1000, UTC)
    return end if is_an_end(end, datetime.now(UTC)) else None


class Delistings:
    """Watches for delistings; made once for a running bot, `step` is called every loop.

    :param states: of the trades; those that must be closed are marked there
    """

    def __init__(self, bot: Any, states: TradeStates, rule: GuardRule) -> None:
        self._bot = bot
        self._states = states
        self._facts = facts_at(bot.exchange)
        self._before = timedelta(hours=rule.leave_before_delisting_hours)
        self._announced: dict[TradeKey, datetime] = {}
        self._kept: set[TradeKey] = set()
        self._failed = False
        self._process_stopped = replace(bot, "bot.process_stopped", self._stopped_cycle)

    def refusal(self, pair: str) -> str | None:
        """Returns why entries into this pair are refused, or None."""
        market = self._bot.exchange.markets.get(pair)
        end = end_of(self._facts, market)
        if end is None:
            return None
        # The end of a dated contract is known from its listing on.
        if market.get("future") and datetime.now(UTC) < end - self._before:
            return None
        return f"the contract ends on {_moment(end)}"

    def step(self, now: datetime, *, running: bool = True) -> None:
        """Announces ends and marks trades that must be closed. Never raises.

        :param running: whether the bot makes exits
        """
        try:
            self._check(now, running)
            self._failed = False
        except Exception as error:
            if not self._failed:
                logger.warning(f"The ends of contracts cannot be checked: {message_of(error)}")
            self._failed = True

    def _stopped_cycle(self) -> None:
        self._process_stopped()
        self._bot.exchange.reload_markets()  # Freqtrade does so only while it runs
        self.step(datetime.now(UTC), running=False)

    def _check(self, now: datetime, running: bool) -> None:
        with self._bot._exit_lock:
            trades = Trade.get_open_trades()
            for trade in trades:
                end = end_of(self._facts, self._bot.exchange.markets.get(trade.pair))
                self._announce(trade, end)
                near = end is not None and now >= end - self._before
                self._states.of(trade).ends = near
                if near and end is not None and not running:
                    self._warn_kept(trade, end)
            still_open = {key_of(trade) for trade in trades}
        self._announced = {k: end for k, end in self._announced.items() if k in still_open}

    def _announce(self, trade: Trade, end: datetime | None) -> None:
        """Warns once of an end, and again if its date changes."""
        key, pair = key_of(trade), trade.pair
        before = self._announced.pop(key, None)
        if end is not None:
            self._announced[key] = end
        if end == before:
            return
        if end is None:
            # The exchange no longer lists contracts that have ended.
            if pair in self._bot.exchange.markets:
                warn(self._bot, f"{pair} no longer ends on {_moment(before)}.")
            return
        leaving = _moment(end - self._before)
        warn(
            self._bot,
            f"{pair} ends on {_moment(end)}: the exchange then settles its position. Entries "
            f"into it are refused, and it is closed at the market from {leaving} on.",
        )

    def _warn_kept(self, trade: Trade, end: datetime) -> None:
        if key_of(trade) in self._kept or not trade.has_open_position:
            return
        self._kept.add(key_of(trade))
        warn(
            self._bot,
            f"{trade.pair} ends on {_moment(end)}, and the bot is stopped: its position is not "
            "closed before that. Start the bot, or close it by hand.",
        )


def _moment(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
