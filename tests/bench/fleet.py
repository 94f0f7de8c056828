"""Three live bots as processes: two on one account of a venue, the third on another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.latch import Latch, read
from perpkit.record.state import State
from perpkit.record.state_file import read as read_state
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.emergency import history_of, pair, wait_until
from tests.bench.in_process import STRATEGIES
from tests.bench.leak_scan import look_at
from tests.bench.planted import API_PASSWORD, JWT_SECRET, KEY, NEXT_KEY, NEXT_SECRET, SECRET
from tests.bench.process import Process
from tests.bench.web import unused_port
from tests.conftest import REPOSITORY

WALLET = 100_000
STAKE = 1_000
COINS = ("BTC", "ETH", "LTC", "XRP")
ACCOUNTS = {"first": {KEY: SECRET}, "second": {NEXT_KEY: NEXT_SECRET}}
# Account and pairs: ETH is wanted by two bots of one account, LTC by bots of both.
BOTS = {
    "a": ("first", ("BTC", "ETH")),
    "b": ("first", ("ETH", "LTC")),
    "c": ("second", ("LTC", "XRP")),
}
OWNED = {"a": ["BTC"], "c": ["LTC"]}


class FleetPlace:
    """A venue with two accounts, and a folder with the fleet's file and its bots.

    :param folder: has a folder of each bot
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        histories = [history_of(coin) for coin in COINS]
        pairs = {name: one for history in histories for name, one in history.pairs.items()}
        self.market = Market(History(pairs), SystemClock(), 1)
        self.exchange = Exchange(self.market)
        for accounts in ACCOUNTS.values():
            for key, secret in accounts.items():
                self.exchange.engine.add_account(key, secret, Decimal(WALLET), self.market.now())
        self.app = create_app(
            self.market, exchange=self.exchange, limiter=Limiter(enforced=True), log=None
        )
        self.ports = {name: unused_port() for name in BOTS}

    @property
    def file(self) -> Path:
        return self.folder / "fleet.toml"

    def limit(self, **limits: float) -> None:
        """Writes the fleet's file, with these limits."""
        lines = ["[limits]", *(f"{name} = {value}" for name, value in limits.items())]
        for name, (account, _) in BOTS.items():
            configs = ["venue.json", "own.json"]
            files = [str(REPOSITORY / "config.json.example"), *configs]
            lines += [
                "[[bot]]",
                f'name = "{name}"',
                f"config = {json.dumps(files)}",
                f"port = {self.ports[name]}",
                f'key = "{account}"',
                f"pairs = {json.dumps([pair(coin) for coin in OWNED.get(name, [])])}",
                f'folder = "{name}"',
            ]
        self.file.write_text("\n".join(lines))

    def configure(self, url: str) -> None:
        for name, (account, coins) in BOTS.items():
            own = self.folder / name
            (own / "user_data").mkdir(parents=True)
            (own / "venue.json").write_text(
                json.dumps(overlay(url, own, accounts=ACCOUNTS[account], live=True))
            )
            (own / "own.json").write_text(json.dumps(self._own(name, coins)))

    def _own(self, name: str, coins: tuple[str, ...]) -> dict[str, Any]:
        return {
            "strategy": "GuardedCrowd",
            "strategy_path": str(STRATEGIES),
            "holds": [pair(coin) for coin in coins],
            "db_url": "sqlite:///trades.sqlite",
            "stake_amount": STAKE,
            "max_open_trades": len(coins),
            "pairlists": [{"method": "StaticPairList"}],
            "exchange": {"pair_whitelist": [pair(coin) for coin in coins]},
            "internals": {"process_throttle_secs": 2, "heartbeat_interval": 1},
            "perpkit": {
                "use": {"refresh": False},
                "fleet_dir": str(self.folder / "fleet"),
                "fleet_bot": name,
            },
            "api_server": {
                "enabled": True,
                "listen_ip_address": "127.0.0.1",
                "listen_port": self.ports[name],
                "username": "operator",
                "password": API_PASSWORD,
                "jwt_secret_key": JWT_SECRET,
                "ws_token": "y" * 40,
            },
        }

    @contextmanager
    def trading(self) -> Iterator[list[Process]]:
        """All bots, each in its folder, until the end of the block."""
        files = [REPOSITORY / "config.json.example", "venue.json", "own.json"]
        command = ["trade", *(f"--config={file}" for file in files)]
        with ExitStack() as stack:
            processes = []
            for name in BOTS:
                processes.append(Process(command, cwd=self.folder / name))
                stack.callback(processes[-1].close)
            yield processes

    def wait_until(self, condition: Any, what: str, processes: list[Process]) -> None:
        for process in processes:
            assert not process.has_ended
        wait_until(condition, what, processes[0], 240)

    def state(self, name: str) -> State | None:
        path = self.folder / name / "trades.state.json"
        return read_state(path) if path.exists() else None

    def why(self, name: str, coin: str) -> str:
        """What `perpkit why` says of a bot's newest decision about a pair."""
        own = self.folder / name
        options = [f"--db-url=sqlite:///{own}/trades.sqlite", f"--userdir={own / 'user_data'}"]
        result = CliRunner().invoke(app, ["why", coin, *options])
        assert result.exit_code == 0, result.output
        return result.output

    def latch(self, name: str) -> Latch:
        return read(self.latch_path(name))

    def latch_path(self, name: str) -> Path:
        return self.folder / name / "user_data" / "perpkit" / "latch" / "main.rehearsal.live.json"

    def held(self, account: str) -> set[str]:
        """Coins in which an account has a position."""
        [key] = ACCOUNTS[account]
        engine = self.exchange.engine
        while True:
            try:
                views = engine.positions(engine.account(key))
                return {view.symbol.removesuffix("USDT") for view in views if view.amount}
            except RuntimeError:  # the server's thread has changed them meanwhile
                continue

    def perpkit_fleet(self, *arguments: str) -> tuple[int, str]:
        """The command, as an operator runs it: exit code and output."""
        command, *options = arguments
        result = CliRunner().invoke(app, ["fleet", command, str(self.file), *options])
        look_at(result.output, f"perpkit fleet {command}")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output


@contextmanager
def fleet_place(folder: Path) -> Iterator[FleetPlace]:
    made = FleetPlace(folder)
    with running_venue(made.market, tls=True, app=made.app) as url:
        made.configure(url)
        made.limit(max_gross=10, max_drawdown=0.5)
        yield made
