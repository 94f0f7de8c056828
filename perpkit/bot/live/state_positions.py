"""Open positions in the state file: their stops, what they are worth, and how far a stop is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from math import isfinite, isnan
from typing import Any

from freqtrade.persistence import Order, Trade

from perpkit.bot.live.held import CcxtPosition
from perpkit.bot.live.state_parts import Since
from perpkit.bot.live.stop_orders import is_covered
from perpkit.bot.positions.account import Account
from perpkit.bot.positions.trade_figures import net_profit, open_funding
from perpkit.bot.positions.trades import TradeKey, TradeState, TradeStates, key_of, utc
from perpkit.record.state_holdings import Position, Stop

logger = logging.getLogger(__name__)

# Returns the account's positions at the exchange, in ccxt's format, unless they are old.
Seen = Callable[[datetime], Sequence[CcxtPosition]]


class Positions:
    """Reports open positions and their stops.

    :param states: of the trades
    :param account: has their prices
    """

    def __init__(self, states: TradeStates, account: Account) -> None:
        self._states = states
        self._account = account
        self._since = Since()
        # Set by a bot that compares positions with the exchange.
        self.seen: Seen = lambda _now: ()

    def report(self, trades: Iterable[Trade], now: datetime) -> tuple[Position, ...]:
        """Returns the positions. The bot's lock must be held."""
        held = {key_of(trade): trade for trade in trades if trade.has_open_position}
        self._since.keep(held)
        seen = {(each["symbol"], each["side"]): each for each in self.seen(now)}
        return tuple(
            self._position(key, trade, seen.get((trade.pair, trade.trade_direction)), now)
            for key, trade in held.items()
        )

    def _position(
        self, key: TradeKey, trade: Trade, seen: CcxtPosition | None, now: datetime
    ) -> Position:
        known, covered = self._state_of(trade), is_covered(trade)
        since = self._since.of(key, covered, now)
        if not covered and known and known.covered_at:
            since = known.covered_at
        return Position(
            trade_id=trade.id,
            pair=trade.pair,
            side=trade.trade_direction,
            amount=trade.amount,
            open_rate=trade.open_rate,
            opened_at=utc(trade.open_date),
            leverage=trade.leverage or 1.0,
            liquidation_price=trade.liquidation_price,
            stop_price=trade.stop_loss or None,
            covered=covered,
            since=since,
            covered_by=tuple(map(_stop, trade.open_sl_orders)),
            risk=(known.risk or None) if known else None,
            **self._worth(trade, seen or {}, now),
        )

    def _worth(self, trade: Trade, seen: CcxtPosition, now: datetime) -> dict[str, Any]:
        """Returns the fields that depend on prices; None for what is not known."""
        price, mark = self._account.rate(trade.pair, now), _positive(seen.get("markPrice"))
        rank = (seen.get("info") or {}).get("adl")
        found = {
            "mark_price": mark,
            "funding": open_funding(trade),
            "adl_rank": None if rank is None else int(rank),
            "liquidation_distance": _distance(trade, mark or price, trade.liquidation_price),
        }
        if isnan(price):
            return found
        distance = _distance(trade, price, trade.stop_loss)
        return found | {
            "price": price,
            "notional": trade.amount * price,
            "unrealised": net_profit(trade, price),
            "at_risk": None if distance is None else max(0.0, distance * price * trade.amount),
            "stop_distance": distance,
        }

    def _state_of(self, trade: Trade) -> TradeState | None:
        try:
            return self._states.of(trade)
        except Exception:  # coverage is reported all the same
            logger.debug("The state of a trade cannot be read.", exc_info=True)
            return None


def _distance(trade: Trade, price: float, level: float | None) -> float | None:
    """Returns how far a level is against the trade, as a share of the price."""
    if not level or isnan(price):
        return None
    distance = (price - level) / price
    return -distance if trade.is_short else distance


def _positive(value: Any) -> float | None:
    number = float(value or 0.0)
    return number if number > 0 and isfinite(number) else None


def _stop(order: Order) -> Stop:
    price = order.stop_price or order.ft_price
    return Stop(order_id=order.order_id, amount=order.safe_amount, price=price)
