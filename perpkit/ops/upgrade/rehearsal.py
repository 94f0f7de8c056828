"""A short rehearsal: a live bot at a simulated venue opens and closes a long and a short.

Everything that a bot does between its start and its end is done once by stock `freqtrade trade`, in
a process: start, entries, stops at the exchange, exits, end. The orders are given by REST to a
strategy that has no signals and no breakers: what the market of the hour is like changes nothing.
"""

from __future__ import annotations

import json
import logging
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from secrets import token_hex
from typing import Any

from freqtrade_client import FtRestClient

from perpkit.ops.upgrade.processes import bare_environment
from perpkit.venue.engine import Account
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import bind, running_venue
from perpkit.venue.market import synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import ACCOUNT, overlay

STRATEGY = "NoSignals"
_STRATEGY_FILE = f'''from perpkit.bot.strategy import PerpStrategy


class {STRATEGY}(PerpStrategy):
    """Trades what is ordered by REST, and nothing else."""

    timeframe = "1h"
    startup_candle_count = 400

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
'''
# What refuses entries, or ends trades, by what the market is like.
_OPTIONS = {
    "protections": [],
    "use": {"book": False, "carry": False, "scale_out": False, "trailing": False},
}
SIDES = {"BTC/USDT:USDT": "long", "ETH/USDT:USDT": "short"}
_WALLET = Decimal(10_000)
# For indicators, which need 400 hours.
_DAYS = 30
_SEED = 1
# A start takes four seconds, a step two; on a machine that was busy, a start has taken ninety.
_MOST_SECONDS = 240.0
_USER = "rehearsal"
# Of Freqtrade, after SIGTERM.
_ENDED_WELL = (0, 128 + signal.SIGINT)
# Lines of the output that show an error: "2026-... - module - ERROR - ...", a traceback, and what
# Perpkit says as Freqtrade is imported, before there is a log.
_ERROR = re.compile(
    r" - (?:ERROR|CRITICAL) - (.*)"
    r"|^(Traceback .*|perpkit: (?:no plugin discovery|.* could not adjust ).*)",
    re.M,
)


class RehearsalFailedError(Exception):
    """A step of the rehearsal did not come; the message names it, and what was seen instead."""


def rehearsal(folder: Path) -> Iterator[str]:
    """Yields what each step was seen to do, in order.

    :param folder: an empty one, for the bot's files
    :raises RehearsalFailedError: at the first step that fails
    """
    market = _present_market()
    exchange = Exchange(market)
    account = exchange.engine.add_account(*next(iter(ACCOUNT.items())), _WALLET, market.now())
    app = create_app(market, exchange=exchange)
    with running_venue(market, tls=True, app=app) as url, _bot(url, folder) as bot:
        bot.wait("the first cycle", bot.has_cycled)
        yield "a live bot starts"
        for pair, side in SIDES.items():
            bot.order(bot.rest.forceenter, pair, side)
        bot.wait("entries to fill", lambda: len(_held(exchange, account)) == len(SIDES))
        yield "entries fill, long and short"
        bot.wait("a stop for each position", lambda: _stopped(exchange, account))
        yield "each position has its stop at the exchange"
        bot.wait("open trades", lambda: len(bot.rest.status()) == len(SIDES))
        bot.order(bot.rest.forceexit, "all")
        bot.wait("exits to fill", lambda: bot.rest.status() == [])
        # A stop goes just after its trade is closed.
        bot.wait(
            "positions and stops to be gone from the exchange",
            lambda: not _held(exchange, account) and not exchange.engine.open_algos(account),
        )
        yield "exits fill, and nothing is left at the exchange"
        _same_profit(bot.rest.trades()["trades"], account)
        yield "profits in the database are those of the exchange"
        bot.end()
        yield "the bot ends, with no error in its log"


def _present_market() -> Market:
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    start -= timedelta(days=_DAYS)
    history = synthetic.generate(
        seed=_SEED, start=int(start.timestamp() * 1000), days=_DAYS + 2, pairs=tuple(SIDES)
    )
    return Market(history, SystemClock(), _SEED)


def _held(exchange: Exchange, account: Account) -> dict[str, Decimal]:
    """Returns the amounts of the positions, below 0 for a short."""
    exchange.catch_up()
    positions = exchange.engine.positions(account)
    return {each.symbol: each.amount for each in positions if each.amount}


def _stopped(exchange: Exchange, account: Account) -> bool:
    stops = {stop.symbol: stop.quantity for stop in exchange.engine.open_algos(account)}
    return stops == {symbol: abs(amount) for symbol, amount in _held(exchange, account).items()}


def _same_profit(trades: list[dict[str, Any]], account: Account) -> None:
    ours = sum(trade["profit_abs"] for trade in trades)
    theirs = float(account.wallet - _WALLET)
    # Freqtrade stores eight decimals, and rates in whole ticks.
    if len(trades) != len(SIDES) or abs(ours - theirs) > 0.01:
        raise RehearsalFailedError(
            f"the database has {len(trades)} closed trades with {ours:.4f} USDT, "
            f"the exchange booked {theirs:.4f} USDT"
        )


class _Bot:
    """`freqtrade trade` in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, rest: FtRestClient) -> None:
        self.rest = rest
        self._process, self._log = process, log

    def has_cycled(self) -> bool:
        """Whether a cycle is done: REST answers earlier, when no entry is possible yet."""
        health = self.rest.health()
        return bool(health and health.get("last_process_ts"))

    def wait(self, step: str, seen: Callable[[], bool]) -> None:
        """Waits until `seen` is true.

        :param step: what is waited for
        """
        end = time.monotonic() + _MOST_SECONDS
        while not seen():
            if self._process.poll() is not None:
                raise self._failed(f"the bot ended while it waited for {step}")
            if time.monotonic() > end:
                raise self._failed(f"waited {_MOST_SECONDS:g} s for {step}")
            time.sleep(0.3)

    def order(self, asked: Callable[..., Any], *given: str) -> None:
        answer = asked(*given)
        if not isinstance(answer, dict) or "error" in answer or "detail" in answer:
            raise self._failed(f"{asked.__name__} {' '.join(given)} was answered with {answer}")

    def end(self) -> None:
        # Ctrl-C would not reach a bot that a job in a shell's background has started.
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_MOST_SECONDS)
        if self._process.returncode not in _ENDED_WELL:
            raise self._failed(f"the bot ended with {self._process.returncode}")
        if self._errors():
            raise self._failed("errors are in the bot's log")

    def _failed(self, words: str) -> RehearsalFailedError:
        errors = self._errors()
        return RehearsalFailedError(f"{words}; its log: {errors[0]}" if errors else words)

    def _errors(self) -> list[str]:
        log = self._log.read_text(errors="replace")
        return [logged or said for logged, said in _ERROR.findall(log)]


@contextmanager
def _bot(url: str, folder: Path) -> Iterator[_Bot]:
    with closing(bind("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    password = token_hex()
    config = folder / "config.json"
    config.write_text(json.dumps(_config(url, folder, port, password)))
    log = folder / "output.log"
    # It warns at each call until the bot listens.
    logging.getLogger("ft_rest_client").setLevel(logging.ERROR)
    command = [*_python(), "-m", "freqtrade", "trade", "--config", str(config)]
    command += ["--userdir", str(folder / "user_data")]
    strategies = folder / "user_data" / "strategies"
    strategies.mkdir(parents=True)
    (strategies / f"{STRATEGY}.py").write_text(_STRATEGY_FILE)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            command, stdout=output, stderr=subprocess.STDOUT, cwd=folder, env=bare_environment()
        )
        try:
            rest = FtRestClient(f"http://127.0.0.1:{port}", _USER, password)
            yield _Bot(process, log, rest)
        finally:
            process.kill()
            process.wait()


def _python() -> list[str]:
    """Returns this Python, isolated if this process is: without paths of the environment."""
    return [sys.executable, "-I"] if sys.flags.isolated else [sys.executable]


def _config(url: str, folder: Path, port: int, password: str) -> dict[str, Any]:
    redirected = overlay(url, folder / "rehearsal", live=True)
    prices = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        **redirected,
        "strategy": STRATEGY,
        "perpkit": _OPTIONS,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "stake_amount": "unlimited",
        "tradable_balance_ratio": 0.99,
        "max_open_trades": len(SIDES),
        "entry_pricing": prices,
        "exit_pricing": prices,
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {**redirected["exchange"], "pair_whitelist": list(SIDES)},
        "initial_state": "running",
        "force_entry_enable": True,
        "internals": {"process_throttle_secs": 1},
        "api_server": {
            "enabled": True,
            "listen_ip_address": "127.0.0.1",
            "listen_port": port,
            "verbosity": "error",
            "username": _USER,
            "password": password,
            "jwt_secret_key": token_hex(),
        },
    }
