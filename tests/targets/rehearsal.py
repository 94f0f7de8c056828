"""Living through an episode, and what must hold of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from freqtrade.exceptions import DependencyException
from freqtrade.rpc import RPC, RPCException
from starlette.types import ASGIApp

from perpkit.venue.engine import Fill, NewOrder, Order
from perpkit.venue.faults.faults import FaultPlan
from perpkit.venue.http.app import create_app
from perpkit.venue.market.market import Market
from tests.bench.in_process import InProcessBot, bench
from tests.bench.killed import Left, _copy, files_in, interrupting, put_back
from tests.bench.live import LIVE, differences
from tests.bench.restarts import BTC, BY_HAND
from tests.bench.whole_trade import is_target
from tests.soak.rehearsal import FaultyVenue, _impatient, _wait, quiet
from tests.targets.episodes import MINUTE, PRICE, START, Episode, R, episode

STEP = timedelta(seconds=5)
TOLD, LONGEST = 5.5, 10.0  # minutes: when the bot is to leave, and has to have done so
_CALM_CYCLES = 16  # what several orders have cost together is booked a minute later
# Of what is due: a cycle that fails is followed by half a minute, and the next one is made whole.
_GRACE = timedelta(seconds=50)
# So far beyond the last price an order may be the first of the book.
_FIRST = 1e-4
# So far beyond a price an order has been passed.
_PASSED = 0.002
_LOT = Decimal("0.001")
_ADDED = Decimal("0.010")
PERPKIT = {"use": {"targets": True, "refresh": False}}
SETTINGS = {
    **LIVE,
    "stake_amount": "unlimited",  # by the risk
    "entry_pricing": {"price_side": "other"},
    "exit_pricing": {"price_side": "other"},  # an episode has its own
    "perpkit": PERPKIT,
}


@dataclass
class Outcome:
    """:param risked: stop and target were at the exchange at the same time
    :param targets, stops: that have filled, all or in part; `in_part`: of the targets
    :param both: targets and stops have filled between two cycles of the bot
    :param wrong: what must not be
    """

    seed: int
    side: str
    move: str
    trouble: str
    price_side: str = ""
    risked: bool = False
    targets: int = 0
    stops: int = 0
    in_part: int = 0
    both: bool = False
    cycles: int = 0
    wrong: list[str] = field(default_factory=list)


class TargetVenue(FaultyVenue):
    """The same exchange for the bot that is killed and for its successor."""

    def serve(self, market: Market) -> ASGIApp:
        if not hasattr(self, "exchange"):
            return super().serve(market)
        app = create_app(self.exchange.market, exchange=self.exchange, wait=_wait)
        return _impatient(app)

    def own(self) -> list[Order]:
        return [o for o in self.account.orders.values() if not o.client_id.startswith(BY_HAND)]

    def targets(self) -> list[Order]:
        return [order for order in self.own() if is_target(order)]

    @property
    def held(self) -> Decimal:
        """What the bot's own orders have made, negative for a short."""
        self.exchange.catch_up()
        own = {order.id for order in self.own()}
        fills = [fill for fill in self.account.fills if fill.order_id in own]
        return sum((fill.side.sign * fill.quantity for fill in fills), Decimal(0))


def run(seed: int, price_side: str | None = None) -> Outcome:
    """Quietly, as one of many.

    :param price_side: instead of the one that is drawn
    """
    drawn = episode(seed)
    drawn = replace(drawn, price_side=price_side or drawn.price_side)
    with quiet(), TemporaryDirectory(prefix="targets-") as folder:
        return rehearse(drawn, Path(folder))


def rehearse(drawn: Episode, folder: Path) -> Outcome:
    """A live bot lives through it, with its files in `folder`."""
    outcome = Outcome(drawn.seed, drawn.side, drawn.move, drawn.trouble, drawn.price_side)
    venue = TargetVenue(FaultPlan(drawn.faults, drawn.seed))
    rehearsal = Rehearsal(drawn, venue, folder, outcome)
    left = rehearsal.first_life()
    if left is not None:
        put_back(left, folder / "books")
        venue.exchange = left.exchange
        delay = timedelta(seconds=drawn.seconds)
        with rehearsal.bot(left.at + delay) as bot:
            rehearsal.flag(bot)
            rehearsal.live(bot, up_since=left.at + delay)
            rehearsal.judge(bot)
    return outcome


class Rehearsal:
    def __init__(self, drawn: Episode, venue: TargetVenue, folder: Path, outcome: Outcome) -> None:
        self._drawn = drawn
        self._venue = venue
        self._folder = folder
        self._outcome = outcome
        self._bites = list(drawn.bites)
        self._asleep = drawn.trouble != "asleep"  # whether that has been
        self._added = drawn.trouble != "trader adds"
        self._left = False
        self._whole = Decimal(0)
        self._stop = Decimal(0)
        self._due: dict[str, datetime] = {}
        self._waiting: set[int] = set()  # exits that rested at the last look
        self._rested: list[Order] = []  # targets that did

    @contextmanager
    def bot(self, at: datetime) -> Iterator[InProcessBot]:
        books = self._folder / "books"
        books.mkdir(exist_ok=True)
        given = {**SETTINGS, "db_url": f"sqlite:///{books}/trades.sqlite"}
        given["exit_pricing"] = {"price_side": self._drawn.price_side}
        given |= {"serve": self._venue.serve, "userdir": self._folder}
        with bench("WholeTrade", self._drawn.history, at, **given) as bot:
            yield bot

    def first_life(self) -> Left | None:
        """What is left of a bot that is killed; the others live to the end."""
        found: list[Left] = []

        def at() -> None:
            files = files_in(self._folder / "books")
            found.append(Left(files, _copy(self._venue.exchange), bot.now))

        with interrupting(self._drawn.point, at) as interrupt, self.bot(START) as bot:
            self._by_hand(bot)
            bot.bot.strategy.side = self._drawn.side
            bot.run_until(lambda: self._venue.held, 2 * timedelta(minutes=1), STEP)
            bot.bot.strategy.side = None
            self._whole = self._venue.held
            if self._drawn.trouble == "killed":
                since = self._at(self._drawn.since)
                self.live(bot, until=since)
                interrupt.on = True
            try:
                self.live(bot, up_since=START)
            except KeyboardInterrupt:
                return found[0]
            interrupt.on = False
            self.judge(bot)
        return None

    def flag(self, bot: InProcessBot) -> None:
        bot.bot.strategy.leave = self._left and not self._drawn.by_force

    def live(
        self, bot: InProcessBot, up_since: datetime = START, until: datetime | None = None
    ) -> None:
        """To the end of the episode, or until all has been quiet for a while.

        That is counted from when the exchange answers everything: before, a bot can neither learn
        what has filled nor book it.
        """
        drawn, venue, calm = self._drawn, self._venue, 0
        end = until or self._at(LONGEST)
        while bot.now < end and calm < _CALM_CYCLES:
            before = len(venue.account.fills)
            if not self._asleep and bot.now >= self._at(drawn.since):
                self._asleep = True
                bot.sleep(drawn.seconds / 2)
                self._traders(bot)
                bot.sleep(drawn.seconds / 2)
                up_since = bot.now
            self._traders(bot)
            self._leave(bot)
            bot.run(1, STEP)
            self._outcome.cycles += 1
            self._look(bot, before, up_since)
            answered = bot.now >= drawn.answered_from
            calm = calm + 1 if answered and not venue.held else 0

    def _leave(self, bot: InProcessBot) -> None:
        drawn, told = self._drawn, bot.now >= self._at(TOLD)
        if drawn.by_force and not self._left and bot.now >= self._at(drawn.leaves):
            # The venue may be out of reach, or a stop may have closed it while the bot slept.
            with suppress(RPCException, DependencyException):
                RPC(bot.bot)._rpc_force_exit("all", "market")
            self._left = True
        if told or (not drawn.by_force and bot.now >= self._at(drawn.leaves)):
            self._left = bot.bot.strategy.leave = True

    def _by_hand(self, bot: InProcessBot) -> None:
        """The trader's own target in the bot's pair, out of reach."""
        bot.run(1, STEP)
        exchange = self._venue.exchange
        exchange.catch_up(BTC)
        far = Decimal(PRICE) * (1 + self._drawn.way * Decimal("0.2"))
        side = "SELL" if self._drawn.way > 0 else "BUY"
        new = NewOrder(BTC, side, "LIMIT", _LOT, far, "GTC", client_id=f"{BY_HAND}target")
        holding = exchange.engine._state.holding(self._venue.account, BTC)
        holding.isolated, holding.leverage = True, 3
        exchange.engine.place_order(self._venue.account, new, exchange.market.now())

    def _traders(self, bot: InProcessBot) -> None:
        """What somebody takes of the nearest target and of the bot's own exits, and what the trader
        buys beside the bot."""
        venue, drawn = self._venue, self._drawn
        venue.exchange.catch_up()
        engine, now = venue.exchange.engine, venue.exchange.market.now()
        if self._bites and bot.now >= self._at(self._bites[0][0]):
            resting = [order for order in venue.targets() if order.is_open]
            if resting:
                nearest = min(resting, key=lambda order: drawn.way * order.price)
                share = max(nearest.remaining * Decimal(self._bites[0][1]) // _LOT, 1) * _LOT
                share = min(share, nearest.remaining, abs(venue.held))
                engine.fill_order(venue.account, nearest.id, share, now)
                del self._bites[0]
        self._take_exits()
        if not self._added and bot.now >= self._at(drawn.since):
            self._added = True
            side = "BUY" if drawn.way > 0 else "SELL"
            new = NewOrder(BTC, side, "MARKET", _ADDED, client_id=f"{BY_HAND}more")
            engine.place_order(venue.account, new, now)

    def _exits(self) -> list[Order]:
        """Of the bot, in the book, that are no targets."""
        return [o for o in self._venue.own() if o.is_open and o.reduce_only and not is_target(o)]

    def _take_exits(self) -> None:
        """What is first in the book for a cycle, where nothing that rests could be sold else."""
        venue, way = self._venue, self._drawn.way
        first = way * venue.exchange.market.price(BTC) + _FIRST * PRICE
        for order in self._exits():
            if order.id in self._waiting and way * float(order.price) <= first:
                share = min(order.remaining, abs(venue.held))
                now = venue.exchange.market.now()
                venue.exchange.engine.fill_order(venue.account, order.id, share, now)
        self._waiting = {order.id for order in self._exits()}

    def _give_up(self, resting: list[Order]) -> None:
        """Whether a target has made room for an exit of the same size that is no nearer."""
        way, gone = self._drawn.way, [o for o in self._rested if not o.is_open and not o.executed]
        self._rested = resting
        if self._drawn.faults or self._drawn.trouble == "trader adds":
            return  # it may not be known to rest
        for order in self._exits():
            if any(
                order.id > target.id
                and order.quantity == target.quantity
                and way * (order.price - target.price) >= 0
                for target in gone
            ):
                self._outcome.wrong.append(f"exit {order.id} is no nearer than its target was")

    def _look(self, bot: InProcessBot, before: int, up_since: datetime) -> None:
        """At the venue after a cycle: what is at risk, what has filled, and what was due."""
        venue, drawn, outcome = self._venue, self._drawn, self._outcome
        held = venue.held
        stops = venue.exchange.engine.open_algos(venue.account)
        resting = [order for order in venue.targets() if order.is_open]
        outcome.risked |= bool(held and stops and resting)
        self._give_up(resting)
        filled = {fill.order_id for fill in venue.account.fills[before:]}
        outcome.both |= bool(filled & self._of_stops()) and bool(
            filled & {order.id for order in venue.targets()}
        )
        if stops:
            prices = [algo.trigger_price for algo in stops]
            self._stop = min(prices) if drawn.way > 0 else max(prices)
        r = drawn.way * (venue.exchange.market.price(BTC) / PRICE - 1) / R
        beyond = self._stop and drawn.way * (float(self._stop) - venue.exchange.market.price(BTC))
        self._is_due("the stop", bool(held) and beyond > _PASSED * PRICE, bot, up_since)
        self._is_due("the whole", bool(held) and r > 2.15, bot, up_since)
        self._is_due("the part", held == self._whole and r > 1.05, bot, up_since)

    def _is_due(self, what: str, due: bool, bot: InProcessBot, up_since: datetime) -> None:
        now = bot.now
        since = self._due.setdefault(what, now) if due else self._due.pop(what, now)
        since = max(since, up_since, self._drawn.answered_from)
        if due and now - since > _GRACE:
            self._outcome.wrong.append(f"neither, while {what} was due, at {now:%H:%M:%S}")
            del self._due[what]

    def _of_stops(self) -> set[int]:
        algos = self._venue.account.algos.values()
        return {algo.order.id for algo in algos if algo.order is not None}

    def judge(self, bot: InProcessBot) -> None:
        venue, outcome = self._venue, self._outcome
        venue.exchange.catch_up()
        account, engine = venue.account, venue.exchange.engine
        of_stops = self._of_stops()
        sold = [order for order in venue.targets() if order.executed]
        outcome.targets, outcome.in_part = len(sold), sum(o.remaining > 0 for o in sold)
        outcome.stops = sum(account.orders[number].executed > 0 for number in of_stops)
        outcome.wrong += self._beyond(account.fills)
        outcome.wrong += self._books(bot)
        if not outcome.risked:
            outcome.wrong.append("stop and target were never at risk together")
        if venue.held:
            outcome.wrong.append(f"{venue.held} are left")
        if not account.orders_by_client_id[f"{BY_HAND}target"].is_open:
            outcome.wrong.append("the trader's target was touched")
        open_orders = [*engine.open_orders(account), *engine.open_algos(account)]
        left = [o.client_id for o in open_orders if not o.client_id.startswith(BY_HAND)]
        outcome.wrong += [f"{name} is left" for name in left]
        outcome.wrong += [
            f"{b.invariant}: {b.detail}"
            for b in venue.exchange.checker.breaches
            if self._drawn.trouble != "trader adds" and not self._drawn.faults
        ]

    def _beyond(self, fills: list[Fill]) -> list[str]:
        """Whether the bot has ever sold more than it had bought, or had more than at its entry."""
        own, amount = {order.id for order in self._venue.own()}, Decimal(0)
        for fill in fills:
            if fill.order_id in own:
                amount += fill.side.sign * fill.quantity
            if amount * self._drawn.way < 0 or abs(amount) > abs(self._whole):
                return [f"beyond the position: {amount} after order {fill.order_id}"]
        return []

    def _books(self, bot: InProcessBot) -> list[str]:
        """What differs, but for orders that have ended without a fill and what the trader holds."""
        orders = self._venue.account.orders.values()
        empty = [o.id for o in orders if not o.executed] + [
            o.id for o in orders if o.client_id.startswith(BY_HAND)
        ]
        expected = {f"order {number} is not in the database" for number in empty}
        found = [each for each in differences(bot.trades(), self._venue) if each not in expected]
        if self._drawn.trouble == "trader adds":
            # The venue has one entry price for both.
            return [each for each in found if "profit" not in each and "venue" not in each]
        return found

    def _at(self, minutes: float) -> datetime:
        return MINUTE + timedelta(minutes=minutes)
