"""What must hold of a bot that is started on what a killed one has left."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from perpkit.venue.engine import Account, Algo, NewAlgo, NewOrder, Order, Position, PositionSide
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.invariants import Checker, Invariant, duplicated_since, uncovered
from perpkit.venue.market.history import History
from tests.bench.in_process import InProcessBot
from tests.bench.killed import Left, Point, files_in, interrupting, live_bot, put_back, recording
from tests.bench.live import SameVenue, differences
from tests.bench.planted import KEY
from tests.bench.whole_trade import is_target

STEP = timedelta(seconds=5)
# After the first cycle began, by when every position has its stop.
PROTECTED_WITHIN = timedelta(seconds=15)
BTC, ETH = "BTCUSDT", "ETHUSDT"
# The trader's own order begins so; the exchange's page gives them such ids.
BY_HAND = "web_"
# While the bot is watched, one that trails may go on.
_STOP_MOVES = 0.01
_CYCLES = 13  # one comparison with the exchange more, which is every twelve

# Among the differences of `differences`.
_UNKNOWN = re.compile("not in the database|only at the venue")

Act = Callable[[InProcessBot, SameVenue], None]


def nothing(bot: InProcessBot, venue: SameVenue) -> None: ...


@dataclass(frozen=True)
class Scenario:
    """What a bot does while it is killed.

    :param prepare: before the first point
    :param act: between the first point and the last; `flags` are set
    :param renew: of the bot's own memory, before and after the kill
    :param flags: of the strategy, before and after the kill
    :param points: there are no fewer
    :param same: a bot that is started again soon ends up with the same position
    """

    history: History
    act: Act
    points: int
    prepare: Act = nothing
    renew: Act = nothing
    flags: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "GuardedSteered"
    same: bool = True


@dataclass(frozen=True)
class Recorded:
    """:param amount: of the position, at the end
    :param stop: where it would be stopped, at the end; 0 without one
    :param at_once: the most entries that made one position
    :param traders: what the database and the exchange differ in from the start
    """

    points: list[Point]
    count: int
    amount: Decimal
    stop: float
    at_once: int
    traders: set[str]


def record(scenario: Scenario, folder: Path, start: datetime) -> Recorded:
    """The scenario once, undisturbed."""
    venue = SameVenue()
    bot_given = scenario.strategy, scenario.history, start, folder, venue
    with (
        recording(folder / "books") as recorder,
        live_bot(*bot_given, **scenario.settings) as bot,
    ):
        recorder.exchange = venue.exchange
        trade_by_hand(venue)
        traders = set(differences([], venue))
        bot.run(1, STEP)
        scenario.prepare(bot, venue)
        scenario.renew(bot, venue)
        set_flags(bot, scenario)
        recorder.on = True
        scenario.act(bot, venue)
        recorder.on = False
        venue.exchange.catch_up()
        assert venue.exchange.checker.breaches == []
        return Recorded(
            recorder.points,
            recorder.count,
            held(venue.exchange, BTC),
            stop_price(venue),
            at_once(venue.account),
            traders,
        )


def record_recovery(
    scenario: Scenario, recorded: Recorded, left: Left, folder: Path, delay: timedelta
) -> Recorded:
    """The first cycles of a bot that is started on what is left, with the start itself."""
    put_back(left, folder / "books")
    venue = SameVenue()
    venue.exchange = left.exchange_again()
    bot_given = scenario.strategy, scenario.history, left.at + delay, folder, venue
    with recording(folder / "books") as recorder:
        recorder.exchange, recorder.on = venue.exchange, True
        with live_bot(*bot_given, **scenario.settings) as bot:
            scenario.renew(bot, venue)
            set_flags(bot, scenario)
            bot.run(3, STEP)
            recorder.on = False
            return replace(
                recorded,
                points=recorder.points,
                count=recorder.count,
                amount=held(venue.exchange, BTC),
                stop=stop_price(venue),
            )


def interrupted(scenario: Scenario, folder: Path, start: datetime, number: int) -> Left | None:
    """What a bot leaves that is ended by a signal at a point of the scenario, and by Freqtrade's
    own clean-up after it; None where there are not so many points."""
    venue = SameVenue()
    bot_given = scenario.strategy, scenario.history, start, folder, venue
    with interrupting(number) as interrupt, live_bot(*bot_given, **scenario.settings) as bot:
        trade_by_hand(venue)
        bot.run(1, STEP)
        scenario.prepare(bot, venue)
        scenario.renew(bot, venue)
        set_flags(bot, scenario)
        interrupt.on = True
        try:
            scenario.act(bot, venue)
        except KeyboardInterrupt:
            at = bot.now
        else:
            return None
        finally:
            interrupt.on = False
    return Left(files_in(folder / "books"), venue.exchange, at)


def set_flags(bot: InProcessBot, scenario: Scenario) -> None:
    for name, value in scenario.flags.items():
        setattr(bot.bot.strategy, name, value)


def trade_by_hand(venue: SameVenue) -> None:
    """The trader holds another coin, with a stop, and has an order in the bot's pair."""
    exchange = venue.exchange
    for symbol in (BTC, ETH):
        exchange.catch_up(symbol)
    engine, account, now = exchange.engine, venue.account, exchange.market.now()
    for new in (
        NewOrder(ETH, "BUY", "MARKET", Decimal("0.5"), client_id=f"{BY_HAND}eth"),
        NewOrder(
            BTC, "BUY", "LIMIT", Decimal("0.01"), Decimal(47_600), "GTC", client_id=f"{BY_HAND}btc"
        ),
    ):
        engine.place_order(account, new, now)
    # As the bot wants it: the exchange does not change it while there are orders.
    engine._state.holding(account, BTC).isolated = True
    stop = NewAlgo(
        ETH,
        "SELL",
        "STOP_MARKET",
        trigger_price=Decimal(1_500),
        close_position=True,
        client_id=f"{BY_HAND}stop",
    )
    engine.place_algo(account, stop, now)


def position(exchange: Exchange, symbol: str) -> Position:
    return exchange.engine._state.holding(exchange.engine.account(KEY), symbol).position(
        PositionSide.BOTH
    )


def held(exchange: Exchange, symbol: str) -> Decimal:
    account = exchange.engine.account(KEY)
    return sum((v.amount for v in exchange.engine.positions(account, symbol)), Decimal(0))


def live_stops(venue: SameVenue) -> list[Algo]:
    """Of the bot's pair."""
    venue.exchange.catch_up()
    algos = venue.exchange.engine.open_algos(venue.account)
    return [algo for algo in algos if algo.symbol == BTC]


def stop_price(venue: SameVenue) -> float:
    """The nearest of a long position; 0 without one."""
    return max((float(stop.trigger_price) for stop in live_stops(venue)), default=0.0)


def own_orders(account: Account) -> list[Order]:
    """Those in the bot's pair that are not the trader's."""
    orders = account.orders.values()
    return [o for o in orders if o.symbol == BTC and not o.client_id.startswith(BY_HAND)]


def at_once(account: Account) -> int:
    """The most orders that together made one position in the bot's pair."""
    amount, orders, most = Decimal(0), set(), 0
    for fill in account.fills:
        if fill.symbol != BTC:
            continue
        signed = fill.side.sign * fill.quantity
        if amount * signed >= 0:
            orders.add(fill.order_id)
        amount += signed
        if not amount:
            orders.clear()
        most = max(most, len(orders))
    return most


def what_is_wrong(
    scenario: Scenario, recorded: Recorded, left: Left, folder: Path, delay: timedelta
) -> list[str]:
    """After a restart so long after the kill; empty when all is as it must be."""
    put_back(left, folder / "books")
    venue = SameVenue()
    venue.exchange = left.exchange_again()
    at = left.at + delay
    bot_given = scenario.strategy, scenario.history, at, folder, venue
    with live_bot(*bot_given, **scenario.settings) as bot:
        scenario.renew(bot, venue)
        set_flags(bot, scenario)
        same = scenario.same and delay < timedelta(minutes=1)
        return _Restart(recorded, bot, venue).wrong(same)


class _Restart:
    def __init__(self, recorded: Recorded, bot: InProcessBot, venue: SameVenue) -> None:
        self._recorded = recorded
        self._bot = bot
        self._venue = venue
        self._exchange = venue.exchange
        self._exchange.catch_up()
        self._wrong: list[str] = []

    def wrong(self, same: bool) -> list[str]:
        bot, exchange = self._bot, self._exchange
        lost = [each for each in self._lost() if _UNKNOWN.search(each)]
        bare, before = self._bare(), exchange.checker
        protected_by = bot.now + PROTECTED_WITHIN
        with mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask) as ask:
            bot.run(1, STEP)
        if bare:
            self._guard_acts_first(
                [f"{c.args[0]} {urlsplit(c.args[1]).path}" for c in ask.call_args_list]
            )
        while bot.now + STEP <= protected_by:
            bot.run(1, STEP)
        exchange.catch_up()
        if self._bare():
            self._wrong.append("no stop 15 s after the first cycle")
        if duplicated_since(position(exchange, BTC), live_stops(self._venue)) is not None:
            self._wrong.append("two stops 15 s after the first cycle")
        exchange.checker = Checker()
        bot.run(_CYCLES, STEP)
        self._targets()
        exchange.catch_up()
        broken = [b for b in before.breaches if b.invariant is Invariant.CONSERVED]
        self._wrong += [f"{b.invariant}: {b.detail}" for b in (*broken, *exchange.checker.breaches)]
        self._books(same)
        self._traders_own()
        said = [
            f"{m['type']} {m.get('status', '')}".strip()
            for m in bot.messages
            if str(m["type"]) not in ("status", "startup") and "ETH" not in str(m.get("status"))
        ]
        if lost and not said:
            self._wrong.append("the operator was not informed")
        return [*self._wrong, f"said: {said}"] if self._wrong else []

    def _targets(self) -> None:
        orders = self._venue.account.orders.values()
        resting = sum(order.remaining for order in orders if order.is_open and is_target(order))
        if resting > held(self._exchange, BTC):
            self._wrong.append(f"targets of {resting} for {held(self._exchange, BTC)}")

    def _bare(self) -> bool:
        held_now = position(self._exchange, BTC)
        return bool(held_now.amount) and bool(uncovered(held_now, live_stops(self._venue)))

    def _lost(self) -> list[str]:
        """What the exchange has and the database does not know of."""
        differ = differences(self._bot.trades(), self._venue)
        expected = self._recorded.traders | {
            f"order {order.id} is not in the database"
            for order in self._venue.account.orders.values()
            if is_target(order) and not order.executed
        }
        return [each for each in differ if each not in expected]

    def _guard_acts_first(self, asked: list[str]) -> None:
        acts = next((n for n, what in enumerate(asked) if what.startswith("POST")), len(asked))
        if any("klines" in what for what in asked[:acts]):
            self._wrong.append("pairs were analysed before the position had its stop")

    def _books(self, same: bool) -> None:
        recorded, exchange = self._recorded, self._exchange
        if differ := self._lost():
            self._wrong.append(f"books: {differ}")
        if (most := at_once(self._venue.account)) > recorded.at_once:
            self._wrong.append(f"{most} entries in one position")
        if same and held(exchange, BTC) != recorded.amount:
            self._wrong.append(f"holds {held(exchange, BTC)} instead of {recorded.amount}")
        stop = stop_price(self._venue)
        if same and abs(stop - recorded.stop) > _STOP_MOVES * recorded.stop:
            self._wrong.append(f"stop at {stop:g} instead of {recorded.stop:g}")

    def _traders_own(self) -> None:
        account = self._venue.account
        if held(self._exchange, ETH) != Decimal("0.5"):
            self._wrong.append("the trader's position was touched")
        if not account.orders_by_client_id[f"{BY_HAND}btc"].is_open:
            self._wrong.append("the trader's order was touched")
        if not account.algos_by_client_id[f"{BY_HAND}stop"].is_open:
            self._wrong.append("the trader's stop was touched")
