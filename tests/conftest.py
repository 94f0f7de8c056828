"""Fixtures every test may use: a futures config, an exchange without network, a trade database."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from freqtrade.enums import CandleType, RunMode
from freqtrade.exchange import Exchange
from freqtrade.exchange.binance import Binance
from freqtrade.mixins import LoggingMixin
from freqtrade.persistence import CustomDataWrapper, PairLocks, Trade, init_db
from freqtrade.resolvers import ExchangeResolver
from hypothesis import settings

from tests import factories
from tests.cases import scaled

# Every run looks for its own secrets in what it has written: see tests/bench/leak_scan.py.
pytest_plugins = ["tests.bench.leak_scan"]

# The same examples in every run, and no judgement by the clock of a busy machine.
settings.register_profile("perpkit", deadline=None, derandomize=True, max_examples=scaled(60))
settings.load_profile("perpkit")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """A fifth of the time in which tests are found went into looking for garbage among them, and
    every later collection would walk over all of them, too."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def log_once_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backtest in this process switches it off for the tests that follow, in which a line of
    ours that it has logged would count as logged, too."""
    monkeypatch.setattr(LoggingMixin, "show_output", True)
    if (unwatched := sys.modules.get("perpkit.bot.watching.unwatched")) is not None:
        unwatched._log_once.cache_clear()


@pytest.fixture(autouse=True)
def acceleration_is_off() -> Iterator[None]:
    """A backtest in this process switches it on, for the tests that follow."""
    yield
    if (switch := sys.modules.get("perpkit.bot.acceleration.switch")) is not None:
        switch.switch_off()
        switch._trading = False  # a bot in this process switches it off for good


@pytest.fixture
def default_futures_config(tmp_path: Path) -> dict[str, Any]:
    """A complete dry-run configuration: Binance USD-M futures, isolated, 1h."""
    user_data = tmp_path / "user_data"
    datadir = user_data / "data" / "binance"
    (datadir / "futures").mkdir(parents=True)
    return {
        "runmode": RunMode.DRY_RUN,
        "dry_run": True,
        "dry_run_wallet": 1000,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "candle_type_def": CandleType.FUTURES,
        "max_open_trades": 3,
        "stake_currency": "USDT",
        "stake_amount": 100,
        "timeframe": "1h",
        "dataformat_ohlcv": "feather",
        "dataformat_trades": "feather",
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exchange": {
            "name": "binance",
            "key": "",
            "secret": "",
            "enable_ws": False,
            "pair_whitelist": ["BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"],
            "pair_blacklist": [],
        },
        "pairlists": [{"method": "StaticPairList"}],
        "user_data_dir": user_data,
        "datadir": datadir,
    }


@pytest.fixture
def offline_markets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Freqtrade exchange made in this test has the markets of `factories.PAIRS`.

    Only the network calls of start-up (markets, clock) are replaced; parsing, precision, limits
    and the bundled leverage tiers are Freqtrade's and ccxt's own.
    """

    def load(exchange: Exchange, reload: bool = False) -> None:
        exchange._api_async.set_markets(factories.markets())

    def skip(exchange: Exchange) -> None: ...

    monkeypatch.setattr(Exchange, "_load_async_markets", load)
    monkeypatch.setattr(Exchange, "check_time_offset", skip, raising=False)


@pytest.fixture
def futures_exchange(
    offline_markets: None, default_futures_config: dict[str, Any]
) -> Iterator[Binance]:
    """Freqtrade's Binance futures exchange, markets and leverage tiers loaded offline."""
    exchange = ExchangeResolver.load_exchange(default_futures_config, load_leverage_tiers=True)
    assert isinstance(exchange, Binance)
    yield exchange
    exchange.close()


@pytest.fixture
def trade_database() -> Iterator[None]:
    """An empty in-memory trade database."""
    init_db("sqlite://")
    Trade.use_db = PairLocks.use_db = CustomDataWrapper.use_db = True
    yield
    Trade.rollback()
    Trade.session.remove()
    PairLocks.reset_locks()


@pytest.fixture
def mock_trades(trade_database: None) -> list[Trade]:
    """An open long, an open short, a long closed in profit and a short closed at a loss."""
    return [
        factories.trade("BTC/USDT:USDT"),
        factories.trade("ETH/USDT:USDT", is_short=True, open_rate=2000.0, amount=0.1),
        factories.trade("XRP/USDT:USDT", open_rate=0.50, close_rate=0.52, amount=400),
        factories.trade(
            "LTC/USDT:USDT", is_short=True, open_rate=80.0, close_rate=82.0, amount=2.5
        ),
    ]


@pytest.fixture(scope="session")
def real_datadir() -> Path:
    """Real candles beside the repository (see pyproject's marker `real_data`)."""
    datadir = REPOSITORY.parent / "shared" / "data" / "binance"
    if not datadir.is_dir():
        pytest.skip(f"no real data at {datadir}")
    return datadir
