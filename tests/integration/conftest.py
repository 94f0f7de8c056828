"""A venue, and stock Freqtrade pointed at it, for the whole test session."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from freqtrade.data.btanalysis import load_backtest_stats

from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import datadir, synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.live import Venue
from tests.bench.planted import ACCOUNTS, SWITCHED_OFF
from tests.conftest import REPOSITORY
from tests.freqtrade_cli import run_freqtrade

PAIRS = tuple(synthetic.MODELS)
START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 150


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


@pytest.fixture(scope="session")
def present() -> History:
    """A synthetic market up to the present and on."""
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since -= timedelta(days=60)
    return synthetic.generate(seed=2, start=milliseconds(since), days=62, pairs=PAIRS, base="5m")


@pytest.fixture(scope="session")
def venue_url(present: History) -> Iterator[str]:
    """Of a venue with that market. What one test asks of it is part of the next one's weight."""
    with running_venue(Market(present, SystemClock(), 2)) as url:
        yield url


@pytest.fixture(scope="session")
def history() -> History:
    """150 synthetic days of five pairs."""
    return synthetic.generate(seed=1, start=milliseconds(START), days=DAYS, pairs=PAIRS, base="5m")


@pytest.fixture(scope="session")
def stored(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`history` as a Freqtrade data directory, 5m and 1h."""
    directory = tmp_path_factory.mktemp("stored")
    datadir.write(history, directory, ["5m", "1h"], milliseconds(START + timedelta(days=DAYS)))
    return directory


@dataclass
class Bot:
    """Stock `freqtrade` with the example config, the overlay, and a user directory of its own."""

    userdir: Path
    configs: list[Path]
    datadir: Path

    def __call__(
        self, command: str, *arguments: str | Path, timeout: float = 240, **config: Any
    ) -> subprocess.CompletedProcess[str]:
        """:param config: settings on top of the example's"""
        return run_freqtrade(self.arguments(command, *arguments, **config), timeout)

    def arguments(self, command: str, *arguments: str | Path, **config: Any) -> list[str | Path]:
        own = self.userdir / "own.json"
        own.write_text(json.dumps(config))
        return [
            command,
            *(f"--config={path}" for path in (*self.configs, own)),
            f"--userdir={self.userdir}",
            *arguments,
        ]

    def backtest(self, strategy: str, *arguments: str, **config: Any) -> dict[str, Any]:
        """The statistics of `freqtrade backtesting` as Freqtrade exports them."""
        result = self(
            "backtesting",
            f"--datadir={self.datadir}",
            f"--strategy={strategy}",
            "--timerange=20250118-20250531",
            "--cache=none",
            *arguments,
            **config,
        )
        assert "BACKTESTING REPORT" in result.stdout, result.stdout[-3000:]
        results = self.userdir / "backtest_results"
        return load_backtest_stats(results)["strategy"][strategy]


@pytest.fixture
def bot(venue_url: str, stored: Path, tmp_path: Path) -> Bot:
    userdir = tmp_path / "user_data"
    (userdir / "backtest_results").mkdir(parents=True)
    redirect = tmp_path / "venue.json"
    redirect.write_text(
        json.dumps(
            {**SWITCHED_OFF, **overlay(venue_url, tmp_path / "rehearsal", accounts=ACCOUNTS)}
        )
    )
    return Bot(userdir, [REPOSITORY / "config.json.example", redirect], stored)


def present_venue(*pairs: str) -> Venue:
    """With an account, whose synthetic market of these pairs runs up to the present and on."""
    since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since -= timedelta(days=10)
    history = synthetic.generate(seed=4, start=milliseconds(since), days=12, pairs=pairs, base="1m")
    venue = Venue()
    venue.serve(Market(history, SystemClock(), 4))
    return venue


@contextmanager
def bot_at(venue: Venue, folder: Path, stored: Path) -> Iterator[Bot]:
    """A live `freqtrade` that reaches `venue` over TLS."""
    exchange = venue.exchange
    userdir = folder / "user_data"
    userdir.mkdir()
    app = create_app(exchange.market, exchange=exchange)
    with running_venue(exchange.market, tls=True, app=app) as url:
        redirect = folder / "venue.json"
        redirect.write_text(
            json.dumps({**SWITCHED_OFF, **overlay(url, folder / "rehearsal", accounts=ACCOUNTS)})
        )
        yield Bot(userdir, [REPOSITORY / "config.json.example", redirect], stored)


def fills(trade: dict[str, Any]) -> Iterator[tuple[datetime, float, float]]:
    """(when, amount bought, rate); what is sold is below 0."""
    for order in trade["orders"]:
        at = pd.Timestamp(order["order_filled_timestamp"], unit="ms", tz="UTC")
        bought = order["ft_is_entry"] is not trade["is_short"]
        yield at, order["amount"] if bought else -order["amount"], order["safe_price"]
