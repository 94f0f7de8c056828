"""A bot in live mode at a venue that it cannot tell from the exchange."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import rapidjson
from freqtrade.configuration.load_config import CONFIG_PARSE_MODE
from freqtrade.persistence import Order, Trade
from starlette.types import ASGIApp

from perpkit.venue.engine import CREDITS, Account, Balance, Fill
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from tests.bench.in_process import InProcessBot, bench
from tests.bench.planted import KEY, SECRET
from tests.bench.scripted_market import symbol_of
from tests.conftest import REPOSITORY

WALLET = Decimal(10_000)
LIVE: dict[str, Any] = {
    "dry_run": False,
    "stake_amount": 300,
    "max_open_trades": 1,
    "pairlists": [{"method": "StaticPairList"}],
    "exchange": {"key": KEY, "secret": SECRET},
}


class Venue:
    """Made by the bench when the bot's market is known."""

    def __init__(self) -> None:
        self.exchange: Exchange

    def serve(self, market: Market) -> ASGIApp:
        self.exchange = Exchange(market)
        self.exchange.engine.add_account(KEY, SECRET, WALLET, market.now())
        return create_app(market, exchange=self.exchange)

    @property
    def account(self) -> Account:
        return self.exchange.engine.account(KEY)

    @property
    def amount(self) -> Decimal:
        """Of the only position, negative for a short; 0 when flat."""
        self.exchange.catch_up()
        return sum((v.amount for v in self.exchange.engine.positions(self.account)), Decimal(0))


class SameVenue(Venue):
    """One exchange for several bots, one after the other."""

    def serve(self, market: Market) -> ASGIApp:
        if not hasattr(self, "exchange"):
            return super().serve(market)
        return create_app(self.exchange.market, exchange=self.exchange)


class CreditsVenue(SameVenue):
    """With an account of these wallets; with BNFCR it is in credits mode.

    :param multi: whether it is in multi-assets mode without BNFCR, too
    """

    def __init__(self, *, multi: bool = False, **wallets: object) -> None:
        self._multi = multi
        self.wallets = {asset: Decimal(str(amount)) for asset, amount in wallets.items()}

    def serve(self, market: Market) -> ASGIApp:
        if not hasattr(self, "exchange"):
            self.exchange = Exchange(market)
            self.exchange.engine.add_account(KEY, SECRET, self.wallets, market.now())
            self.account.multi_assets |= self._multi
        return super().serve(market)

    @property
    def shared(self) -> Balance:
        """The balance of the whole account."""
        self.exchange.catch_up()
        return self.exchange.engine.balance(self.account, CREDITS).shared


def shipped_credits() -> dict[str, Any]:
    """The settings of config.credits.json.example."""
    text = (REPOSITORY / "config.credits.json.example").read_text()
    return dict(rapidjson.loads(text, parse_mode=CONFIG_PARSE_MODE))


@contextmanager
def live_bench(
    strategy: str, history: History, start: datetime, **settings: Any
) -> Iterator[tuple[InProcessBot, Venue]]:
    """As `bench`, in live mode, with an account of 10,000 USDT."""
    venue = Venue()
    with bench(strategy, history, start, serve=venue.serve, **{**LIVE, **settings}) as bot:
        yield bot, venue


def differences(trades: list[Trade], venue: Venue) -> list[str]:
    """What Freqtrade's database and the venue do not agree on; empty when they do."""
    venue.exchange.catch_up()
    account = venue.account
    found = _orders(trades, account) + position_differences(trades, venue)
    for trade in trades:
        if not trade.is_open:
            found += _profit(trade, account)
    return found


def _orders(trades: list[Trade], account: Account) -> list[str]:
    found = []
    stored = {order.order_id: order for trade in trades for order in trade.orders}
    for order_id, order in stored.items():
        number = int(order_id)
        if number in account.orders:
            theirs = account.orders[number]
        elif number in account.algos:
            algo = account.algos[number]
            if algo.is_open == bool(order.ft_is_open) and algo.order is None:
                continue
            theirs = algo.order
        else:
            theirs = None
        if theirs is None:
            found.append(f"order {order_id} ({order.status}) is not at the venue")
            continue
        for name, ours, at_venue in (
            ("open", bool(order.ft_is_open), theirs.is_open),
            ("filled", order.safe_filled, float(theirs.executed)),
            ("average", order.average or 0.0, float(theirs.average)),
        ):
            if name == "average" and not theirs.executed:
                continue
            # The exchange shows five decimals of an average, or more.
            if abs(ours - at_venue) > (1e-5 if name == "average" else 1e-8):
                found.append(f"order {order_id}: {name} {ours} here, {at_venue} at the venue")
    known = set(stored) | {str(a.order.id) for a in account.algos.values() if a.order}
    found += [f"order {o} is not in the database" for o in account.orders if str(o) not in known]
    return found


def position_differences(trades: list[Trade], venue: Venue) -> list[str]:
    """Of open trades and positions alone."""
    held = {v.symbol: v for v in venue.exchange.engine.positions(venue.account) if v.amount}
    found = []
    for trade in trades:
        if not trade.is_open:
            continue
        view = held.pop(symbol_of(trade.pair), None)
        amount = trade.amount if not trade.is_short else -trade.amount
        theirs = float(view.amount) if view else 0.0
        if abs(amount - theirs) > 1e-9:
            found.append(f"{trade.pair}: {amount} here, {theirs} at the venue")
        elif view and abs(trade.open_rate - float(view.entry_price)) > _as_stored(trade):
            found.append(f"{trade.pair}: entry {trade.open_rate} here, {view.entry_price} there")
    return found + [f"{symbol}: {view.amount} only at the venue" for symbol, view in held.items()]


def _as_stored(trade: Trade) -> float:
    """How far the entry price may be from the exchange's: Freqtrade cuts averages to a tick."""
    several = sum(order.ft_order_side == trade.entry_side for order in trade.orders) > 1
    return max(1e-6 * trade.open_rate, (trade.price_precision or 0.0) if several else 0.0)


def _profit(trade: Trade, account: Account) -> list[str]:
    fills = _fills(trade, account)
    realized = sum((f.realized_pnl - f.commission for f in fills), Decimal(0))
    symbol = symbol_of(trade.pair)
    first = min((f.time for f in fills), default=0)
    last = max((f.time for f in fills), default=0)
    funding = sum(
        (
            income.amount
            for income in account.incomes
            if (income.kind, income.symbol) == ("FUNDING_FEE", symbol)
            and first <= income.time <= last
        ),
        Decimal(0),
    )
    theirs, ours = float(realized + funding), trade.close_profit_abs or 0.0
    # The average price of an order has a limited number of digits.
    turnover = float(sum((f.price * f.quantity for f in fills), Decimal(0)))
    if abs(ours - theirs) > max(1e-6 * max(1.0, abs(theirs)), 1e-8 * turnover):
        return [
            f"trade {trade.id}: profit {ours:.6f} here, {theirs:.6f} at the venue "
            f"(funding {trade.funding_fees or 0.0:.6f} here, {funding:.6f} there)"
        ]
    return []


def _fills(trade: Trade, account: Account) -> list[Fill]:
    ids = set()
    for order in trade.orders:
        algo = account.algos.get(int(order.order_id))
        ids.add(algo.order.id if algo and algo.order else int(order.order_id))
    return [fill for fill in account.fills if fill.order_id in ids]


def stops(trade: Trade) -> list[Order]:
    """Its orders at the exchange that would stop it, oldest first."""
    return [order for order in trade.orders if order.ft_order_side == "stoploss"]
