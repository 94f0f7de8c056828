"""Downloading positioning from the venue: whole, resumed, within the limits, through its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from perpkit.bot.positioning.client import PositioningClient
from perpkit.bot.positioning.download import DownloadProgress, download
from perpkit.bot.positioning.paced import Budget, DownloadError, Pacer, RefusedError
from perpkit.bot.positioning.sources import positioning_source
from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.market import store
from perpkit.market.store import SERIES, BusyError
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter, RateLimits
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.http.weights import Cost
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bot.refusals import Refusals
from tests.venue.other_contracts import renamed

START = 1_704_067_200_000  # 2024-01-01T00:00Z
BTC, SOL = "BTC/USDT:USDT", "SOL/USDT:USDT"
XAU, LOBSTER = "XAU/USDT:USDT", "龙虾/USDT:USDT"
DATA = "/futures/data/*"


@dataclass
class Bench:
    """A venue that enforces its limits, and a client for whom waiting moves the venue's clock."""

    market: Market
    clock: VirtualClock
    limiter: Limiter
    log: RequestLog
    datadir: Path
    exchange: dict
    refusals: Refusals
    waited: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.waited.append(round(seconds, 3))
        self.clock.advance(round(seconds * 1000))

    def client(self, **budget: float) -> PositioningClient:
        return PositioningClient(
            self.exchange,
            Budget(**budget),
            clock=lambda: self.clock.now() / 1000,
            sleep=self.sleep,
        )

    def download(self, *pairs: str, days: float = 20, period: str = "1h", **budget: float) -> int:
        client = self.client(**budget)
        try:
            return download(client, self.datadir, pairs or (BTC,), period, days).added
        finally:
            client.close()

    def fails(self, kind: FaultKind, **options) -> None:
        options = {"endpoint": DATA, **options}
        self.market.faults.add(Fault(kind, **options))

    @property
    def backoffs(self) -> list[float]:
        return [seconds for seconds in self.waited if seconds >= 1]

    def statistics(self) -> list:
        return [e for e in self.log.after(0, 10_000) if e.path.startswith("/futures/data")]


@pytest.fixture(scope="module")
def history():
    history = generate(seed=7, start=START, days=40, pairs=(BTC, SOL))
    return History({**history.pairs, **renamed(history, (XAU, LOBSTER)).pairs})


@pytest.fixture
def bench(history, tmp_path, request):
    clock = VirtualClock(START + 35 * DAY_MS + 20 * MINUTE_MS)
    market = Market(history, clock, seed=7)
    limiter, log = Limiter(getattr(request, "param", RateLimits())), RequestLog()
    app = Refusals(create_app(market, limiter=limiter, log=log))
    with running_venue(market, app=app) as url:
        yield Bench(market, clock, limiter, log, tmp_path, overlay(url)["exchange"], app)


def test_all_five_statistics_are_stored_as_the_venue_has_them(bench):
    assert bench.download(BTC, SOL, days=20) == 2 * 480
    frame = store.read(bench.datadir, SOL, "1h")
    until = START + 35 * DAY_MS
    times, ratios = bench.market.readings(
        "SOLUSDT", "long_short_ratio", "1h", start=until - 480 * HOUR_MS + HOUR_MS, limit=500
    )
    assert (frame["date"].astype("int64") == times).all()
    np.testing.assert_allclose(frame["long_short_ratio"], ratios, atol=5e-5)
    np.testing.assert_allclose(frame["top_positions_ratio"], ratios**0.4, atol=5e-5)
    interest = bench.market.readings("SOLUSDT", "open_interest", "1h", limit=480)[1]
    np.testing.assert_allclose(frame["open_interest"], interest)
    assert frame[list(SERIES)].notna().all(axis=None)


def test_only_what_is_missing_is_asked_for(bench):
    bench.download()
    before = bench.log.total
    assert bench.download() == 0
    assert bench.log.total - before == 2  # the symbols and the time
    bench.clock.advance(3 * HOUR_MS)
    before = len(bench.statistics())
    assert bench.download() == 3
    assert len(bench.statistics()) - before == 5


def test_a_gap_and_an_unknown_series_are_filled(bench):
    bench.download()
    path = store.path_of(bench.datadir, BTC, "1h")
    whole = path.read_bytes()
    frame = store.read(bench.datadir, BTC, "1h")
    frame.loc[50:60, "taker_ratio"] = np.nan
    frame = frame.drop(index=range(100, 110)).reset_index(drop=True)
    frame.to_feather(path)
    assert bench.download() == 10
    assert path.read_bytes() == whole


def test_the_oldest_that_is_kept_can_be_asked_for(bench):
    assert bench.download(days=30) == 720
    assert {entry.status for entry in bench.statistics()} == {200}


def test_the_caller_is_told(bench):
    told: list[DownloadProgress] = []
    client = bench.client()
    download(client, bench.datadir, [BTC, SOL], "15m", 10, told.append)
    client.close()
    assert [(p.pair, p.page, p.pages) for p in told] == [
        (BTC, 0, 4), (BTC, 1, 4), (SOL, 2, 4), (SOL, 3, 4), (SOL, 4, 4),
    ]  # fmt: skip
    assert [p.added for p in told] == [0, 500, 960, 1460, 1920]


@pytest.mark.parametrize(
    ("kind", "options", "backoffs"),
    [
        (FaultKind.SERVER_ERROR, {"times": 3, "parameters": {"status": 503}}, [1, 2, 4]),
        (FaultKind.SERVER_ERROR, {"times": 2, "parameters": {"status": 502}}, [1, 2]),
        (FaultKind.SERVER_ERROR, {"times": 1, "parameters": {"status": 504}}, [1]),
        (FaultKind.MAINTENANCE, {"times": 2}, [1, 2]),
        (FaultKind.RESET, {"times": 2}, [1, 2]),
        (FaultKind.TRUNCATED, {"times": 1}, [1]),
        (FaultKind.MALFORMED, {"times": 2}, [1, 2]),
        (FaultKind.RATE_LIMITED, {"times": 2, "parameters": {"retry_after_s": 7}}, [7, 7]),
        (FaultKind.RATE_LIMITED, {"times": 3, "parameters": {"retry_after_s": 1}}, [1, 2, 4]),
        (FaultKind.BANNED, {"times": 1, "parameters": {"retry_after_s": 120}}, [120]),
    ],
)
def test_what_passes_is_waited_for(bench, kind, options, backoffs):
    bench.fails(kind, **options)
    assert bench.download(days=5) == 120
    assert bench.backoffs == backoffs


@pytest.mark.parametrize(
    ("kind", "options", "backoffs"),
    [
        (FaultKind.SERVER_ERROR, {}, [1, 2, 4, 8]),
        (FaultKind.BANNED, {"parameters": {"retry_after_s": 7200}}, []),
    ],
)
def test_what_does_not_pass_ends_it_and_what_was_fetched_is_kept(bench, kind, options, backoffs):
    bench.fails(kind, symbol="SOLUSDT", **options)
    with pytest.raises(DownloadError, match="binance"):
        bench.download(BTC, SOL, days=5)
    assert bench.backoffs == backoffs
    assert len(store.read(bench.datadir, BTC, "1h")) == 120
    assert store.read(bench.datadir, SOL, "1h") is None


def test_interrupted_at_any_call_it_ends_with_the_same_store(bench, history, tmp_path):
    class Interrupted(BaseException):
        pass

    whole = tmp_path / "whole"
    client = bench.client()
    download(client, whole, [BTC], "15m", 10)
    expected = store.path_of(whole, BTC, "15m").read_bytes()
    calls = len(bench.statistics())
    assert calls == 10
    for after in range(calls):
        once = tmp_path / str(after)
        made = []

        def page(*arguments, made=made, after=after):
            if len(made) == after:
                raise Interrupted
            made.append(arguments)
            return PositioningClient.page(client, *arguments)

        client.page = page
        with pytest.raises(Interrupted):
            download(client, once, [BTC], "15m", 10)
        del client.page
        download(client, once, [BTC], "15m", 10)
        assert store.path_of(once, BTC, "15m").read_bytes() == expected
    client.close()


SMALL = RateLimits(calls_5m_data=10)


@pytest.mark.parametrize("bench", [SMALL], indirect=True)
def test_calls_stay_within_four_fifths_of_the_limit(bench):
    bench.download(BTC, days=15, period="15m", calls_5m=10)
    times = np.array([entry.time for entry in bench.statistics()])
    assert len(times) == 3 * 5
    busiest = max(int(((times >= t) & (times < t + 5 * MINUTE_MS)).sum()) for t in times)
    assert busiest <= 8
    assert bench.log.by_status == {"200": len(times) + 2}


@pytest.mark.parametrize("bench", [SMALL], indirect=True)
def test_that_test_would_see_it_go_over(bench):
    bench.download(BTC, days=15, period="15m", calls_5m=80)
    assert bench.log.by_status["429"] > 0


def test_nothing_is_asked_in_a_minute_whose_weight_is_used_up(bench):
    others = Cost(1919)
    bench.limiter.admit("127.0.0.1", "", others, bench.clock.now())
    bench.download(days=5)
    minutes = [entry.time // MINUTE_MS for entry in bench.log.after(0, 100)]
    assert minutes[0] + 1 == minutes[1]  # the first answer told
    assert len(minutes) == 7


def test_one_download_at_a_time(bench):
    with store.sole_downloader(bench.datadir), pytest.raises(BusyError):
        bench.download()
    assert bench.log.total == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": "7m"}, "period must be one of 5m, .*, got '7m'"),
        ({"days": 0}, "days must be above 0 and at most 30, got 0"),
        ({"days": 31}, "days must be above 0 and at most 30, got 31"),
    ],
)
def test_a_bad_argument_is_named(bench, options, message):
    with pytest.raises(ValueError, match=message):
        bench.download(**options)


def test_a_badly_named_pair_stops_it_before_the_first_request(bench):
    with pytest.raises(ValueError, match=r"pairs must be like BTC/USDT:USDT, got 'BTCUSDT'"):
        bench.download(BTC, "BTCUSDT")
    assert bench.log.total == 0


def test_a_perpetual_on_metals_is_downloaded_as_one_on_coins(bench):
    assert bench.download(XAU, LOBSTER, days=5) == 2 * 120
    assert len(store.read(bench.datadir, XAU, "1h")) == 120
    assert store.path_of(bench.datadir, LOBSTER, "1h").is_file()
    assert store.stored(bench.datadir) == [(XAU, "1h"), (LOBSTER, "1h")]


def test_a_pair_that_is_not_listed_keeps_the_others_not_back(bench):
    client = bench.client()
    pairs = ["NEW/USDT:USDT", BTC, "OLD/USDT:USDT-240329", SOL]
    done = download(client, bench.datadir, pairs, "1h", 5)
    client.close()
    assert done.added == 2 * 120
    assert list(done.refused) == ["NEW/USDT:USDT", "OLD/USDT:USDT-240329"]
    assert done.refused["NEW/USDT:USDT"] == "the exchange lists no perpetual of that name"
    assert [e.path for e in bench.log.after(0, 100)].count("/fapi/v1/exchangeInfo") == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": -1121, "msg": "Invalid symbol."}),
        (400, {"code": -4108, "msg": "This symbol is pending trading."}),
        (400, {"code": -4411, "msg": "Please sign TradFi-Perps agreement contract."}),
        (400, {"code": -9999, "msg": "What comes next."}),
    ],
)
def test_a_pair_that_is_refused_is_said_and_the_others_go_on(bench, status, body):
    """Each refusal costs one call and no waiting."""
    bench.refusals.by_symbol["XAUUSDT"] = status, body
    client = bench.client()
    done = download(client, bench.datadir, [BTC, XAU, SOL], "15m", 10)
    client.close()
    assert done.added == 2 * 960
    assert list(done.refused) == [XAU]
    assert str(body["code"]) in done.refused[XAU]
    assert bench.backoffs == []
    assert store.read(bench.datadir, XAU, "15m") is None
    assert bench.refusals.asked.count("XAUUSDT") == 1


@pytest.mark.parametrize(
    ("status", "body", "asked"),
    [
        (503, {"code": -1000, "msg": "Unknown error"}, 5),
        (401, {"code": -2014, "msg": "API-key format invalid."}, 1),
        (403, {"code": 0, "msg": "blocked"}, 5),
        (451, {"code": 0, "msg": "Service unavailable from a restricted location"}, 5),
    ],
)
def test_what_is_not_about_the_pair_ends_it(bench, status, body, asked):
    bench.refusals.by_symbol["XAUUSDT"] = status, body
    with pytest.raises(DownloadError) as error:
        bench.download(BTC, XAU, SOL, days=5)
    assert not isinstance(error.value, RefusedError)
    assert bench.refusals.asked.count("XAUUSDT") == asked
    assert "SOLUSDT" not in bench.refusals.asked


def test_keys_do_not_reach_the_client():
    config = {"key": "k", "secret": "s", "ccxt_config": {"apiKey": "k", "secret": "s"}}
    client = PositioningClient(config)
    assert not client._ccxt.apiKey
    assert not client._ccxt.secret


def test_another_exchange_is_refused():
    with pytest.raises(ValueError, match=r"exchange.name must be one of binance, .*, got 'kraken'"):
        positioning_source({"name": "kraken"})


@pytest.mark.parametrize("share", [0, -1, 1.1])
def test_a_bad_share_is_named(share):
    with pytest.raises(ValueError, match=f"share must be .*1, got {share}"):
        Budget(share=share)


def test_the_pace_is_even_and_stops_for_the_weight():
    now, waits = [961.0], []

    def sleep(seconds: float) -> None:
        waits.append(round(seconds, 3))
        now[0] += seconds

    pacer = Pacer(Budget(share=0.5, calls_5m=100), lambda: now[0], sleep)
    for _ in range(3):
        pacer.wait()
    assert waits == [6, 6]
    pacer.answered({"x-mbx-used-weight-1m": "1199"})  # at 973 s; half of the limit is 1200
    pacer.wait()
    assert waits[2:] == [6]
    pacer.answered({"x-mbx-used-weight-1m": "1200"})
    pacer.wait()
    assert now[0] == 1021  # a second into the next minute
    now[0] += timedelta(hours=1).total_seconds()
    pacer.answered({})
    pacer.wait()
    assert len(waits) == 4
