"""An account on which a bot has died: positions, orders and stops at a venue, and the bot's files.

No Freqtrade runs. Every request costs a client so much of a clock that is moved by hand, and
whoever sleeps moves it, so that minutes pass in no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import requests
from freqtrade.persistence import Order, Trade, init_db

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.engine import flatten
from perpkit.ops.stop.flattened import Flattened
from perpkit.record.journal import HANDED_OVER, Intent, Journal, Outcome
from perpkit.record.latch import latch_of
from perpkit.record.opening import TAG_KEY
from perpkit.record.order_ids import Purpose
from perpkit.record.places import places
from perpkit.venue.engine import Algo, NewAlgo, NewOrder
from perpkit.venue.engine import Order as VenueOrder
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import LoggedRequest, RequestLog
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests import factories
from tests.bench.files import TAG, Files
from tests.bench.planted import ACCOUNTS, KEY, SECRET
from tests.bench.scripted_market import scripted_market, symbol_of
from tests.bench.wire import BASE_URL, SyncAdapter, Wire

START = datetime(2024, 3, 1, tzinfo=UTC)
REQUEST_MS = 40  # what each takes
TIMEOUT_MS = 5_000
# Of a trader's own orders.
BY_HAND = "web_"
_HOUR = timedelta(hours=1)

INSTRUMENTS = {
    "BTC/USDT:USDT": (Instrument("BTC", 0.1, 0.001), 60_000.0),
    "ETH/USDT:USDT": (Instrument("ETH", 0.01, 0.001), 3_000.0),
    "SOL/USDT:USDT": (Instrument("SOL", 0.01, 0.1, max_market_quantity=30.0), 150.0),
    "XRP/USDT:USDT": (Instrument("XRP", 0.0001, 0.1), 0.6),
    "ETH/USDC:USDC": (Instrument("ETH", 0.01, 0.001, quote="USDC"), 3_000.0),
}
PAIRS = tuple(INSTRUMENTS)
# Of each pair, about 600 of quote currency; of SOL twice what one market order may be.
AMOUNTS = {
    "BTC/USDT:USDT": Decimal("0.01"),
    "ETH/USDT:USDT": Decimal("0.2"),
    "SOL/USDT:USDT": Decimal("70"),
    "XRP/USDT:USDT": Decimal("1000"),
    "ETH/USDC:USDC": Decimal("0.2"),
}


@dataclass
class HandClock:
    """The venue's clock, in ms, and that of the stop, in seconds."""

    ms: float
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.ms += max(0.0, seconds) * 1000
        for event in [each for each in self.events if each[0] <= self.ms]:
            self.events.remove(event)
            event[1]()

    @property
    def seconds(self) -> float:
        return self.ms / 1000


@dataclass
class _VenueClock:
    hand: HandClock

    def now(self) -> int:
        return int(self.hand.ms)


@dataclass
class _StopClock:
    hand: HandClock

    def now(self) -> float:
        return self.hand.seconds

    def sleep(self, seconds: float) -> None:
        self.hand.sleep(seconds)


class _SlowAdapter(SyncAdapter):
    """Each request takes its time."""

    def __init__(self, wire: Wire, clock: HandClock) -> None:
        super().__init__(wire)
        self._hand = clock

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:
        self._hand.sleep(REQUEST_MS / 1000)
        return super().send(request, **{**given, "timeout": 30})


def market_of(turnover: float = 1e9, thin: dict[str, float] | None = None) -> History:
    """Prices that stand still.

    :param thin: turnover of single pairs; the book holds 0.3% of it within 1%
    """
    pairs = {}
    for pair, (instrument, price) in INSTRUMENTS.items():
        history = scripted_market(
            START, [(0, price)], turnover=(thin or {}).get(pair, turnover), instrument=instrument
        )
        pairs[instrument.symbol] = next(iter(history))
    return History(pairs)


class DeadBot:
    """:param folder: for the bot's files, to be made"""

    def __init__(self, folder: Path, wire: Wire, market: Market, exchange: Exchange) -> None:
        self.files = Files(folder)
        self.exchange = exchange
        self.market = market
        self.wire = wire
        self.log = RequestLog()
        self.clock: HandClock
        self.lines: list[str] = []
        self._journal: Journal | None = None

    @property
    def account(self):
        return self.exchange.engine.account(KEY)

    @property
    def config(self) -> BotConfig:
        settings = {
            "dry_run": False,
            "db_url": self.files.db_url,
            "user_data_dir": self.files.folder,
            "exchange": {"name": "binance", "key": KEY, "secret": SECRET},
        }
        where = places(self.files.db_url, self.files.folder)
        return BotConfig((), settings, latch_of(settings), where)

    def client(self) -> Any:
        settings = overlay(BASE_URL, accounts=ACCOUNTS)["exchange"]["ccxt_config"]
        client = ccxt.binance({**settings, "apiKey": KEY, "secret": SECRET})
        for scheme in ("http://", "https://"):
            client.session.mount(scheme, _SlowAdapter(self.wire, self.clock))
        client.milliseconds = lambda: int(self.clock.ms)
        return client

    def stop(self, deadline: float = 300, **how: Any) -> Flattened:
        given = {"everything": False, "preview": False, **how}
        return flatten(
            given.pop("config", None) or self.config,
            log=given.pop("log", None) or ActionLog(None, self.lines.append),
            deadline_seconds=deadline,
            client=given.pop("client", None) or self.client(),
            clock=_StopClock(self.clock),
            **given,
        )

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Let something happen so long from now, between two requests."""
        self.clock.events.append((self.clock.ms + seconds * 1000, act))

    def sent(self) -> list[LoggedRequest]:
        """Requests that were to change something, oldest first."""
        return [each for each in self.log.after(0, 10_000) if each.method != "GET"]

    def fault(self, kind: FaultKind, seconds: float | None = None, **settings: Any) -> str:
        """From now on, for so long."""
        now = self.market.now()
        until = None if seconds is None else now + int(seconds * 1000)
        return self.market.faults.add(Fault(kind, **{"since": now, "until": until, **settings}))

    # What the bot has done

    def enter(self, pair: str, amount: Decimal, *, stop: bool = True) -> Trade:
        """A position with its stop.

        :param amount: negative for a short
        """
        side = "buy" if amount > 0 else "sell"
        client_id = self._intent(pair, Purpose.ENTRY, side, abs(amount), "market")
        order = self.place(pair, amount, client_id=client_id)
        self._answered(client_id, order.id)
        price = float(order.average)
        trade = factories.trade(
            pair, amount < 0, price, amount=float(abs(amount)), opened=self.now - _HOUR
        )
        trade.orders[0].order_id = str(order.id)
        trade.orders[0].filled = trade.orders[0].amount = float(abs(amount))
        Trade.commit()
        if stop:
            self.protect(trade)
        return trade

    def protect(self, trade: Trade) -> list[Algo]:
        """Its stops: several where one would be too large."""
        lot = Decimal(str(INSTRUMENTS[trade.pair][0].max_market_quantity))
        left, sign = Decimal(str(trade.amount)), 1 if trade.is_short else -1
        price = INSTRUMENTS[trade.pair][1] * (1.1 if trade.is_short else 0.9)
        side, placed = "buy" if trade.is_short else "sell", []
        while left:
            part = min(left, lot)
            left -= part
            client_id = self._intent(trade.pair, Purpose.STOP, side, part, "stop_market")
            placed.append(self.stop_at(trade.pair, sign * part, price, client_id))
            self._answered(client_id, placed[-1].id)
            _add(trade, str(placed[-1].id), "stoploss", side, part, price, is_open=True)
        return placed

    def add(self, trade: Trade, amount: Decimal, away: float = 0.02) -> VenueOrder:
        """An addition to its position that waits."""
        signed = -amount if trade.is_short else amount
        side, factor = ("sell", 1 + away) if trade.is_short else ("buy", 1 - away)
        price = round(INSTRUMENTS[trade.pair][1] * factor, 2)
        client_id = self._intent(trade.pair, Purpose.ADDITION, side, amount, "limit", price)
        order = self.place(trade.pair, signed, price, client_id=client_id)
        self._answered(client_id, order.id)
        _add(trade, str(order.id), side, side, amount, price, is_open=True)
        return order

    def rest(self, pair: str, amount: Decimal, away: float = 0.02) -> VenueOrder:
        """An entry that waits, and its trade."""
        side, price = ("buy", 1 - away) if amount > 0 else ("sell", 1 + away)
        price = round(INSTRUMENTS[pair][1] * price, 2)
        client_id = self._intent(pair, Purpose.ENTRY, side, abs(amount), "limit", price)
        order = self.place(pair, amount, price, client_id=client_id)
        self._answered(client_id, order.id)
        trade = factories.trade(
            pair, amount < 0, price, amount=float(abs(amount)), opened=self.now - _HOUR
        )
        first = trade.orders[0]
        first.order_id, first.ft_is_open, first.status = str(order.id), True, "open"
        first.filled, first.remaining = 0.0, first.amount
        Trade.commit()
        return order

    def take_profit(self, trade: Trade, away: float = 0.02) -> VenueOrder:
        """A limit that reduces, of the bot's."""
        closing = Decimal(str(trade.amount)) * (1 if trade.is_short else -1)
        side, factor = ("buy", 1 - away) if trade.is_short else ("sell", 1 + away)
        price = round(INSTRUMENTS[trade.pair][1] * factor, 2)
        client_id = self._intent(trade.pair, Purpose.PART, side, abs(closing), "limit", price)
        order = self.place(trade.pair, closing, price, client_id=client_id, reduce_only=True)
        self._answered(client_id, order.id)
        _add(trade, str(order.id), side, side, abs(closing), price, is_open=True)
        return order

    def hand_over(self, trade: Trade) -> None:
        """As /delete does."""
        assert self._journal is not None
        self._journal.keep(HANDED_OVER, trade.pair, {"trade": trade.id})
        trade.delete()
        Trade.commit()

    def sent_unanswered(self, pair: str, amount: Decimal, *, arrives: bool = True) -> str:
        """An entry whose answer was lost as the bot died; its client id."""
        side = "buy" if amount > 0 else "sell"
        client_id = self._intent(pair, Purpose.ENTRY, side, abs(amount), "market")
        if arrives:
            self.place(pair, amount, client_id=client_id)
        return client_id

    # What anybody does at the venue

    def place(
        self, pair: str, amount: Decimal, price: float | None = None, **given: Any
    ) -> VenueOrder:
        engine, symbol = self.exchange.engine, symbol_of(pair)
        self.exchange.catch_up(symbol)
        new = NewOrder(
            symbol,
            "BUY" if amount > 0 else "SELL",
            "MARKET" if price is None else "LIMIT",
            abs(amount),
            None if price is None else Decimal(str(price)),
            None if price is None else "GTC",
            **given,
        )
        lot = Decimal(str(INSTRUMENTS[pair][0].max_market_quantity))
        if price is None and abs(amount) > lot:  # as a limit that crosses
            best = INSTRUMENTS[pair][1] * (1.02 if amount > 0 else 0.98)
            return self.place(pair, amount, round(best, 2), **given)
        return engine.place_order(self.account, new, self.market.now())

    def fill(self, order: VenueOrder) -> None:
        """All of an order that rests, at its price."""
        now = self.exchange.catch_up(order.symbol)
        self.exchange.engine.fill_order(self.account, order.id, order.quantity, now)

    def stop_at(self, pair: str, amount: Decimal, price: float, client_id: str) -> Algo:
        symbol = symbol_of(pair)
        self.exchange.catch_up(symbol)
        new = NewAlgo(
            symbol,
            "BUY" if amount > 0 else "SELL",
            "STOP_MARKET",
            abs(amount),
            Decimal(str(round(price, 4 if price < 10 else 1))),
            reduce_only=True,
            client_id=client_id,
        )
        return self.exchange.engine.place_algo(self.account, new, self.market.now())

    # What is to be seen

    def held(self, pair: str | None = None) -> dict[str, Decimal] | Decimal:
        self.exchange.catch_up()
        views = self.exchange.engine.positions(self.account)
        amounts = {view.symbol: view.amount for view in views if view.amount}
        return amounts if pair is None else amounts.get(symbol_of(pair), Decimal(0))

    def open_ids(self) -> set[str]:
        """Client ids of what rests, conditional orders included."""
        self.exchange.catch_up()
        engine = self.exchange.engine
        orders = [each.client_id for each in engine.open_orders(self.account)]
        return {*orders, *(each.client_id for each in engine.open_algos(self.account))}

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds, UTC)

    def forget_journal(self) -> None:
        """As the end of its process does."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def close(self) -> None:
        self.forget_journal()
        engine = Trade.session.get_bind()
        Trade.session.remove()
        engine.dispose()

    # The journal

    def begin(self) -> None:
        """As a bot that starts: database, and journal."""
        self.files.folder.mkdir()
        init_db(self.files.db_url)
        self.files.database.store(TAG_KEY, TAG)
        self.files.start()
        self._journal = Journal.open(self.files.path)
        self._journal.begin("GuardedSteered", self.market.now())

    def _intent(
        self,
        pair: str,
        purpose: Purpose,
        side: str,
        amount: Decimal,
        type_: str,
        price: float | None = None,
    ) -> str:
        assert self._journal is not None
        client_id = self._journal.next_id("x-cvBPrNm9", purpose)
        self._journal.write(
            Intent(
                client_id=client_id,
                pair=pair,
                strategy="GuardedSteered",
                purpose=purpose,
                side=side,
                type=type_,
                amount=float(amount),
                price=price,
                stop_price=None,
                reduce_only=purpose not in (Purpose.ENTRY, Purpose.ADDITION),
                leverage=3.0,
                tag=None,
                at=self.market.now(),
            )
        )
        return client_id

    def _answered(self, client_id: str, number: int) -> None:
        assert self._journal is not None
        self._journal.settle(client_id, Outcome.BOOKED, self.market.now(), str(number))


def _add(
    trade: Trade,
    number: str,
    kind: str,
    side: str,
    amount: Decimal,
    price: float,
    *,
    is_open: bool,
) -> None:
    trade.orders.append(
        Order(
            order_id=number,
            ft_pair=trade.pair,
            ft_order_side=kind,
            ft_amount=float(amount),
            ft_price=price,
            ft_is_open=is_open,
            side=side,
            order_type="stop_market" if kind == "stoploss" else "limit",
            status="open",
            amount=float(amount),
            filled=0.0,
            remaining=float(amount),
            stop_price=price if kind == "stoploss" else None,
            price=price,
            order_date=trade.open_date,
        )
    )
    Trade.commit()


@contextmanager
def dead_bot(
    folder: Path,
    *,
    history: History | None = None,
    limiter: Limiter | None = None,
) -> Iterator[DeadBot]:
    """A bot that has started and holds nothing yet, at a venue with 100,000 USDT and USDC."""
    clock = HandClock(START.timestamp() * 1000 + 90_000)
    market = Market(history or market_of(), _VenueClock(clock), seed=7)
    exchange = Exchange(market)
    wallets = {"USDT": Decimal(100_000), "USDC": Decimal(100_000)}
    exchange.engine.add_account(KEY, SECRET, wallets, market.now())
    log = RequestLog()

    async def wait(seconds: float) -> None:
        clock.sleep(min(seconds, TIMEOUT_MS / 1000))

    app = create_app(market, exchange=exchange, limiter=limiter, log=log, wait=wait)
    wire = Wire(app)
    bot = DeadBot(folder, wire, market, exchange)
    bot.clock, bot.log = clock, log
    bot.begin()
    try:
        yield bot
    finally:
        with suppress(Exception):
            bot.close()
        wire.close()
