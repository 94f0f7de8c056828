"""The bench itself, and the breaker of a backtest against the breaker of a running bot."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import ccxt
import pytest
from starlette.responses import JSONResponse, PlainTextResponse

from perpkit.venue.http.app import create_app
from perpkit.venue.market import datadir
from tests.bench.in_process import STRATEGIES, bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW
from tests.integration.conftest import milliseconds

pytestmark = pytest.mark.integration

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
ONE_PAIR = {"exchange": {"pair_whitelist": ["BTC/USDT:USDT"]}}


def test_bot_and_venue_live_by_the_same_clock(history):
    with bench("Opener", history, NOON, **ONE_PAIR) as b:
        b.run(30)
        assert b.now == NOON + 30 * MINUTE
        exchange = b.bot.exchange
        assert exchange._api.fetch_time() == b.now.timestamp() * 1000
        candles = b.bot.dataprovider.get_pair_dataframe("BTC/USDT:USDT", "5m")
        assert candles["date"].iloc[-1] == NOON + 20 * MINUTE
        b.run(1)
        candles = b.bot.dataprovider.get_pair_dataframe("BTC/USDT:USDT", "5m")
        assert candles["date"].iloc[-1] == NOON + 25 * MINUTE


def test_freqtrade_replaces_candles_that_it_has_fetched(history):
    """`perpkit.bot.candles.candles` reads them only then."""
    with bench("Opener", history, NOON, **ONE_PAIR) as b:
        own = b.bot.dataprovider.ohlcv
        b.run(1)
        before = own("BTC/USDT:USDT", "5m", copy=False)
        newest = before["date"].iloc[-1]
        assert own("BTC/USDT:USDT", "5m", copy=False) is before
        b.run(10)
        after = own("BTC/USDT:USDT", "5m", copy=False)
        assert after is not before
        assert after["date"].iloc[-1] > newest == before["date"].iloc[-1]


def test_a_trade_from_entry_to_exit(history, tmp_path):
    with bench("Opener", history, NOON, userdir=tmp_path, max_open_trades=1, **ONE_PAIR) as b:
        b.run(3)
        (trade,) = b.trades()
        assert trade.is_open
        (tmp_path / "leave").touch()
        b.run(1)
        assert b.trades()[0].exit_reason == "told"
        kinds = [str(message["type"]) for message in b.messages]
        assert kinds[-4:] == ["entry", "entry_fill", "exit", "exit_fill"]


def test_the_same_again_is_the_same(history):
    def episode() -> list[tuple]:
        with bench("Opener", history, NOON, seed=3, max_open_trades=3) as b:
            b.run(10)
            return [(t.pair, t.open_date, t.open_rate, t.amount) for t in b.trades()]

    first = episode()
    assert len(first) == 3
    assert episode() == first


def test_an_episode_leaves_nothing_behind(history):
    before = time.sleep, set(threading.enumerate())
    for start in (NOON, NOON - 24 * HOUR):  # and time may go back between them
        with bench("Opener", history, start, **ONE_PAIR) as b:
            assert b.trades() == []
            b.run(2)
            assert len(b.trades()) == 1
    assert (time.sleep, set(threading.enumerate())) == before
    assert datetime.now(UTC) > NOON + 365 * 24 * HOUR


class Faulty:
    """A venue that answers as it should unless it is given a fault."""

    def __init__(self, app) -> None:
        self._app = app
        self.fault = None

    async def __call__(self, scope, receive, send) -> None:
        await (self.fault or self._app)(scope, receive, send)


async def drops(scope, receive, send) -> None: ...


async def hangs(scope, receive, send) -> None:
    await asyncio.get_running_loop().create_future()


def refuses(code: int, status: int = 400) -> JSONResponse:
    return JSONResponse({"code": code, "msg": "no"}, status)


@pytest.fixture
def faulty(history):
    """A bot with a position, and its venue."""
    made: list[Faulty] = []

    def serve(market) -> Faulty:
        made.append(Faulty(create_app(market)))
        return made[0]

    with bench("Opener", history, NOON, serve=serve, max_open_trades=1, **ONE_PAIR) as b:
        b.run(1)
        assert len(b.trades()) == 1
        yield b, made[0]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (drops, ccxt.NetworkError),
        (hangs, ccxt.RequestTimeout),
        (refuses(-1021), ccxt.InvalidNonce),
        (refuses(-2019), ccxt.InsufficientFunds),
        (refuses(-2021), ccxt.OrderImmediatelyFillable),  # among the futures' codes only
        (refuses(-1003, 429), ccxt.DDoSProtection),
        (PlainTextResponse("busy", 503), ccxt.ExchangeNotAvailable),
    ],
)
def test_faults_reach_freqtrade_as_from_the_exchange(faulty, fault, expected):
    """Through ccxt's blocking client and its async one."""
    b, venue = faulty
    exchange = b.bot.exchange
    if fault is hangs:
        exchange._api.timeout = exchange._api_async.timeout = 50
    venue.fault = fault
    with pytest.raises(expected):
        exchange._api.fetch_time()
    with pytest.raises(expected):
        exchange.loop.run_until_complete(exchange._api_async.fetch_time())
    venue.fault = None
    exchange._api.timeout = 10_000
    assert exchange._api.fetch_time() == b.now.timestamp() * 1000


def test_waiting_takes_no_time(faulty):
    """Refused for too many requests, Freqtrade backs off and retries, in its own time."""
    b, venue = faulty
    venue.fault = refuses(-1003, 429)
    began = b.now
    b.run(1)
    assert b.now - began > MINUTE + 10 * SECOND
    venue.fault = None
    b.run(1)
    assert b.trades()[0].is_open


def stretches(locks) -> list[tuple[str, str, str, datetime, datetime]]:
    """Locks of one breaker, pair and side that follow each other, as one: (breaker and state, pair,
    side, begin, end). A backtest extends a lock where a bot adds one."""
    found: list[list] = []
    last: dict[tuple[str, str, str], list] = {}
    for lock in sorted(locks, key=lambda lock: lock["lock_time"]):
        key = lock["reason"].partition(":")[0], lock["pair"], lock["side"]
        before = last.get(key)
        if before is not None and lock["lock_time"] - before[4] <= LOOP:
            before[4] = max(before[4], lock["lock_end_time"])
        else:
            last[key] = [*key, lock["lock_time"], lock["lock_end_time"]]
            found.append(last[key])
    return sorted(map(tuple, found), key=lambda stretch: (stretch[3].date(), stretch))


LOOP = 20 * MINUTE


def locks_of_backtest(stats) -> list[dict]:
    names = ("lock_time", "lock_end_time")
    return [
        {**lock, **{n: datetime.fromisoformat(lock[n]).replace(tzinfo=UTC) for n in names}}
        for lock in stats["locks"]
    ]


def locks_of_bot(b) -> list[dict]:
    return [
        {
            "reason": lock.reason,
            "pair": lock.pair,
            "side": lock.side,
            "lock_time": lock.lock_time.replace(tzinfo=UTC),
            "lock_end_time": lock.lock_end_time.replace(tzinfo=UTC),
        }
        for lock in b.locks()
    ]


@SLOW
def test_locks_of_a_bot_are_those_of_a_backtest(bot, history):
    """A crash of two days, all breakers: every lock of the bot ends as in the backtest, to the
    candle, and begins within one loop after it."""
    since, until = datetime(2025, 4, 7, 12, tzinfo=UTC), datetime(2025, 4, 10, 2, tzinfo=UTC)
    stats = bot.backtest("RsiSmaSwing", "--enable-protections")
    expected = [
        stretch
        for stretch in stretches(locks_of_backtest(stats))
        if since <= stretch[3] and stretch[4] < until and stretch[1] in ("*", "BTC/USDT:USDT")
    ]
    with bench("RsiSmaSwing", history, since, **ONE_PAIR) as b:
        b.run_until(lambda: b.now >= until, within=72 * HOUR, step=LOOP)
        locks = locks_of_bot(b)
    found = [stretch for stretch in stretches(locks) if stretch[4] < until]
    assert {name for name, *_ in expected} == {
        "CryptoVixBreaker reducing",
        "FlashCrashBreaker reducing",
    }
    assert len(expected) > 2
    assert [(*s[:3], s[4]) for s in found] == [(*s[:3], s[4]) for s in expected]
    for (*_, began, _), (*_, should, _) in zip(found, expected, strict=True):
        assert timedelta(0) <= began - should <= LOOP


@SLOW
def test_a_loss_within_a_candle_locks_to_the_same_candle_as_in_a_backtest(bot, tmp_path):
    """12% of the account in a minute, while the position stays open: the bot blocks entries within
    a loop, the backtest at the end of the candle, and both until the same one."""
    start = datetime(2025, 3, 1, 10, tzinfo=UTC)
    fallen = start + 42 * MINUTE
    market = scripted_market(start, [(0, 50_000), (42, 50_000), (43, 48_000)])
    drawdown = {
        "method": "DrawdownBreaker",
        "week_loss": 0.10,
        "open_loss": 0,
        "high_water_loss": 0,
        "week_block_hours": 1,
        "cool_down_hours": 0.25,
    }
    settings = {
        **ONE_PAIR,
        "pairlists": [{"method": "StaticPairList"}],
        "timeframe": "5m",
        "max_open_trades": 1,
        "side": "long",
        "breakers": [drawdown],
        "perpkit": {"use": {"sizing": False, "scale_out": False, "trailing": False,
                            "refresh": False}},
    }  # fmt: skip
    until = start + 110 * MINUTE
    bot.datadir = tmp_path / "stored"
    datadir.write(market, bot.datadir, ["5m", "1h"], milliseconds(until))
    stats = bot.backtest(
        "Braked",
        "--enable-protections",
        f"--strategy-path={STRATEGIES}",
        f"--timerange={start.timestamp():.0f}-{until.timestamp():.0f}",
        **settings,
    )
    expected = stretches(locks_of_backtest(stats))
    with bench("Braked", market, start + 30 * MINUTE, **settings) as b:
        b.run_until(lambda: b.now >= until, within=2 * HOUR, step=30 * SECOND)
        assert [trade.is_open for trade in b.trades()] == [True]
        found = stretches(locks_of_bot(b))
    ((*lock, began, ended),) = found
    ((*same_lock, noticed, same_end),) = expected
    assert lock == same_lock == ["DrawdownBreaker reducing", "*", "*"]
    assert ended == same_end < until
    assert fallen < began < noticed <= fallen + 5 * MINUTE
