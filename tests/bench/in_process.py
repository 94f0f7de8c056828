"""Freqtrade's own worker loop in this process, on a virtual clock.

The bot is stock: configuration, worker, exchange, strategy, database. What is replaced is how long
things take. Where Freqtrade sleeps, the clock moves; requests reach the venue through a wire
(`tests.bench.wire`). time-machine moves every clock of the process but `time.monotonic`, so the
venue, on the system's clock, has the bot's time.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import time_machine
from freqtrade.configuration import Configuration
from freqtrade.enums import NO_ECHO_MESSAGES, State
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import PairLocks, Trade, enable_database_use
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.persistence.pairlock import PairLock
from freqtrade.rpc import RPCHandler
from freqtrade.rpc.rpc_types import RPCSendMsg
from freqtrade.worker import Worker
from starlette.types import ASGIApp

from perpkit.bot.live import golive_gate
from perpkit.venue.http.app import create_app
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.leak_scan import look_at
from tests.bench.planted import ACCOUNTS, SWITCHED_OFF
from tests.bench.wire import BASE_URL, Wire, wired
from tests.conftest import REPOSITORY

STRATEGIES = Path(__file__).parent / "strategies"
MINUTE = timedelta(minutes=1)


class Recorder(RPCHandler):
    """Keeps what the bot would send to Telegram and the like."""

    def __init__(self, bot: FreqtradeBot) -> None:
        super().__init__(bot.rpc._rpc, {"recorder": {"allow_custom_messages": True}})
        self.messages: list[RPCSendMsg] = []

    def send_msg(self, msg: RPCSendMsg) -> None:
        if msg["type"] not in NO_ECHO_MESSAGES:  # the candles, for other bots
            self.messages.append(msg)

    def cleanup(self) -> None: ...


class ProcessClock:
    """The time of this process in ms, which a bot's travels move both ways: a test looks at the
    venue between two of them. `SystemClock` stands still where it is set back."""

    def now(self) -> int:
        return time.time_ns() // 1_000_000


class InProcessBot:
    """A bot that has been made, but has not run yet.

    :param worker: Freqtrade's
    :param wire: to the venue
    """

    def __init__(self, worker: Worker, wire: Wire, clock: time_machine.Traveller) -> None:
        self.wire = wire
        self._worker = worker
        self._clock = clock
        self._state: Any = None
        self.messages: list[RPCSendMsg] = []
        self._record()
        worker._sleep = self.sleep  # type: ignore[method-assign]

    def _record(self) -> None:
        recorder = Recorder(self.bot)
        recorder.messages = self.messages
        self.bot.rpc.registered_modules.append(recorder)

    @property
    def bot(self) -> FreqtradeBot:
        return self._worker.freqtrade

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        self._clock.shift(seconds)

    def run(self, cycles: int = 1, step: timedelta = MINUTE) -> None:
        """Iterations of the worker's loop, each followed by its sleep.

        :param step: Freqtrade's throttle; it wakes early for a new candle, as ever
        """
        self._worker._throttle_secs = step.total_seconds()
        for _ in range(cycles):
            self._state = self._worker._worker(old_state=self._state)

    def reload(self) -> None:
        """As `/reload_config`: the bot is made once more, with the configuration as it is then."""
        self.bot.state = State.RELOAD_CONFIG
        self._state = self._worker._worker(old_state=self._state)
        self._worker._reconfigure()
        self._record()

    def run_until(
        self, condition: Callable[[], Any], within: timedelta, step: timedelta = MINUTE
    ) -> None:
        """Cycles until `condition` holds.

        :raises AssertionError: when it does not `within` that time
        """
        end = self.now + within
        while not condition():
            assert self.now < end, f"not within {within}, at {self.now:%Y-%m-%d %H:%M}"
            self.run(1, step)

    def trades(self) -> list[Trade]:
        """Open and closed, oldest first."""
        return sorted(Trade.get_trades().unique(), key=lambda trade: trade.id)

    def locks(self) -> list[PairLock]:
        """All there have been, oldest first."""
        return list(PairLocks.get_all_locks())


def arguments_of(
    userdir: Path, strategy: str, history: History, settings: dict[str, Any]
) -> dict[str, Any]:
    """Of `freqtrade trade`: the example's configuration, led to the wire, and `settings` on top.

    The wire has no address, and so is no venue to `perpkit.rehearsal`.
    """
    # A thread that asks for positioning would not live on the virtual clock.
    perpkit = {"use": {"refresh": False}}
    settings = {"db_url": "sqlite://", "perpkit": perpkit, **settings}
    own = {"pair_whitelist": [pair.instrument.pair for pair in history]}
    settings["exchange"] = {**own, **settings.get("exchange", {})}
    exchange = overlay(BASE_URL, accounts=ACCOUNTS)["exchange"]
    files = {"venue.json": {**SWITCHED_OFF, "exchange": exchange}, "own.json": settings}
    for name, content in files.items():
        (userdir / name).write_text(json.dumps(content))
    return {
        "command": "trade",
        "config": [str(REPOSITORY / "config.json.example"), *(str(userdir / n) for n in files)],
        "strategy": strategy,
        "strategy_path": str(STRATEGIES),
        "user_data_dir": str(userdir),
    }


@contextmanager
def bench(
    strategy: str,
    history: History,
    start: datetime,
    *,
    seed: int = 0,
    serve: Callable[[Market], ASGIApp] = create_app,
    userdir: Path | None = None,
    gated: bool = False,
    **settings: Any,
) -> Iterator[InProcessBot]:
    """A bot at a venue, at `start`; both end with the block.

    :param history: what happens on the market; all of its pairs are traded
    :param start: within the history, late enough for the strategy's warm-up
    :param serve: makes the venue; with accounts, it can serve a bot that is live
    :param userdir: a temporary one by default
    :param gated: a bot that is live needs a verdict of `perpkit golive`, as at the exchange
    :param settings: of Freqtrade's configuration, on top of config.json.example; the database is in
        memory unless `db_url` is given
    """
    with ExitStack() as stack:
        if userdir is None:
            userdir = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not gated:
            stack.enter_context(mock.patch.object(golive_gate, "at_venue", return_value=True))
        clock = stack.enter_context(time_machine.travel(start, tick=False))
        stack.enter_context(_sleepless(clock))
        wire = stack.enter_context(wired(serve(Market(history, ProcessClock(), seed))))
        arguments = arguments_of(userdir, strategy, history, settings)
        config = Configuration(arguments, None).get_config()
        enable_database_use()  # an earlier backtest in this process has done without
        worker = Worker(arguments, config)
        stack.callback(_forget_database)
        stack.callback(worker.exit)
        running = InProcessBot(worker, wire, clock)
        stack.callback(lambda: look_at("\n".join(map(str, running.messages)), "messages"))
        yield running


@contextmanager
def _sleepless(clock: time_machine.Traveller) -> Iterator[None]:
    """Whoever sleeps moves the clock; and Freqtrade leaves the logging to pytest."""

    async def sleep(seconds: float) -> None:
        clock.shift(seconds)

    with (
        mock.patch.object(time, "sleep", clock.shift),
        mock.patch("freqtrade.freqtradebot.sleep", clock.shift),
        mock.patch("freqtrade.exchange.common.asyncio", SimpleNamespace(sleep=sleep)),
        mock.patch("freqtrade.configuration.configuration.setup_logging"),
    ):
        yield


def _forget_database() -> None:
    engine = Trade.session.get_bind()
    Trade.session.remove()
    _CustomData.session.remove()
    engine.dispose()
