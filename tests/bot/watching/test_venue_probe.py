"""The probe against a client that answers as it is told to."""

from __future__ import annotations

import threading
from datetime import timedelta
from math import isnan
from types import SimpleNamespace

import ccxt
import pandas as pd
import pytest

from perpkit.bot.watching import beside
from perpkit.bot.watching.venue_probe import VenueProbe, candle_delay
from perpkit.breakers.venue_health import HealthLimits
from tests.factories import START

BTC, ETH, XRP = (f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP"))
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
EPOCH_MS = int(START.timestamp() * 1000)


class Client:
    """ccxt's, as far as the probe asks it. Copies share what they are told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.timeout, self.enableRateLimit = 10_000, True
        self.last_response_headers = None
        self.lastRestRequestTimestamp = 0

    def nonce(self):
        return self.world.local_ms

    def fetch_time(self):
        return self._answer(lambda: self.world.local_ms - self.world.ahead_ms)

    def fetch_order_book(self, pair, limit):
        age = self.world.book_age_ms
        return self._answer(lambda: {"timestamp": self.world.local_ms - self.world.ahead_ms - age})

    def _answer(self, answer):
        world = self.world
        world.asked += 1
        world.hold.wait(10)
        self.last_response_headers = world.headers
        world.pass_time(world.latency_s)
        if world.error is not None:
            raise world.error
        return answer() if world.answers else {} if world.asked % 2 == 0 else None


class World:
    """The exchange, the bot's clocks, its candles: a data provider, too."""

    def __init__(self) -> None:
        self.asked = 0
        self.hold = threading.Event()
        self.hold.set()
        self.error, self.answers = None, True
        self.latency_s, self.ahead_ms, self.book_age_ms = 0.1, 0, 200
        self.headers = {"X-MBX-USED-WEIGHT-1M": "7"}
        self.elapsed_s = 0.0
        self.candles: dict[str, pd.DataFrame] = {}
        self._exchange = SimpleNamespace(_api=Client(self), _api_async=Client(self))

    @property
    def local_ms(self):
        return EPOCH_MS + int(self.elapsed_s * 1000)

    @property
    def now(self):
        return START + timedelta(seconds=self.elapsed_s)

    def pass_time(self, seconds):
        self.elapsed_s += seconds

    def ohlcv(self, pair, timeframe, copy):
        assert not copy
        return self.candles.get(pair, pd.DataFrame(columns=["date"]))


@pytest.fixture
def world():
    return World()


@pytest.fixture
def probe(world, monkeypatch):
    # The thread has all the time it needs: what is late is told by the world's clock.
    monkeypatch.setattr(beside, "PATIENCE_S", 10)
    return VenueProbe(world, HealthLimits(), BTC, "1h", clock=lambda: world.elapsed_s)


def test_a_good_reading(world, probe):
    reading = probe.poll(world.now, [BTC])
    assert reading.failure == ""
    assert reading.latency_s == pytest.approx(0.1)
    assert reading.skew_s == 0
    assert reading.book_age_s == pytest.approx(0.1)
    assert reading.used_weight == 7
    assert isnan(reading.candle_delay_s)
    assert not reading.refused


def test_an_exchange_that_tells_no_time_is_not_a_bad_one(world, probe, monkeypatch):
    def fetch_time():
        raise ccxt.NotSupported("krakenfutures fetchTime() is not supported yet")

    monkeypatch.setattr(probe._client, "fetch_time", fetch_time)
    reading = probe.poll(world.now, [BTC])
    assert reading.failure == ""
    assert reading.latency_s == pytest.approx(0.1)
    assert isnan(reading.skew_s)
    assert isnan(reading.book_age_s)


def test_two_requests_every_interval(world, probe):
    for _ in range(61):
        probe.poll(world.now, [])
        world.pass_time(5)
    # 0, 30 ... 300 s
    assert world.asked == 2 * 11


@pytest.mark.parametrize("ban", [0, 120])
def test_a_clock_that_is_set_back_delays_no_reading(world, probe, ban):
    """It would hide for an hour that every signed request is refused."""
    if ban:
        world.error, world.headers = ccxt.DDoSProtection("no"), {"Retry-After": str(ban)}
    probe.poll(world.now, [])
    wait = ban or HealthLimits().interval_s
    world.pass_time(5)
    assert probe.poll(world.now - HOUR, []) is None
    world.pass_time(wait - 6)
    assert probe.poll(world.now - HOUR, []) is None
    world.pass_time(7)  # the time before it was set is not known
    assert probe.poll(world.now - HOUR, []) is not None


def test_the_client_is_its_own(world, probe):
    api = world._exchange._api
    probe.poll(world.now, [])
    assert (api.timeout, api.enableRateLimit, api.last_response_headers) == (10_000, True, None)
    assert (probe._client.timeout, probe._client.enableRateLimit) == (5000, False)


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ccxt.RequestTimeout, False),
        (ccxt.ExchangeNotAvailable, False),
        (ccxt.BadSymbol, False),
        (RuntimeError, False),
        (ccxt.DDoSProtection, True),
        (ccxt.RateLimitExceeded, True),
    ],
)
def test_whatever_goes_wrong_is_a_failed_reading(world, probe, error, refused):
    world.error = error("no")
    reading = probe.poll(world.now, [])
    assert reading.failure == f"a request failed ({error.__name__})"
    assert reading.refused is refused
    assert isnan(reading.latency_s)


def test_an_answer_that_is_not_json_is_a_failed_reading(world, probe):
    world.answers = False
    assert probe.poll(world.now, []).failure == "a request failed (KeyError)"


def test_an_answer_without_a_time_is_a_failed_reading(world, probe, monkeypatch):
    monkeypatch.setattr(Client, "fetch_time", lambda _: None)
    assert probe.poll(world.now, []).failure == "an answer without a time"


def test_after_a_refusal_it_waits_as_long_as_it_is_told_to(world, probe):
    world.error, world.headers = ccxt.DDoSProtection("no"), {"Retry-After": "120"}
    probe.poll(world.now, [])
    asked = world.asked
    world.pass_time(119)
    assert probe.poll(world.now, []) is None
    assert world.asked == asked
    world.pass_time(2)
    assert probe.poll(world.now, []) is not None


# The world's exchange reads its clock at the end of the way: half of the latency off the middle.
@pytest.mark.parametrize(
    ("ahead_ms", "latency_s", "skew"),
    [
        (0, 0.1, 0.0),
        (2000, 0.1, 1.9),
        (-6000, 0.1, -6.0),
        (700, 2.0, 0.0),
        (1900, 2.0, 0.0),
    ],
)
def test_the_skew_is_what_the_time_of_travel_cannot_explain(
    world, probe, ahead_ms, latency_s, skew
):
    world.ahead_ms, world.latency_s = ahead_ms, latency_s
    assert probe.poll(world.now, []).skew_s == pytest.approx(skew)


def test_a_clock_that_is_set_meanwhile_tells_no_skew(world, probe):
    own = VenueProbe(world, HealthLimits(), BTC, "1h", clock=lambda: 0.0)
    world.latency_s = 3.0  # of the wall clock; by the other one no time has passed
    assert isnan(own.poll(world.now, []).skew_s)


def test_an_exchange_that_hangs_holds_nothing_up(world, monkeypatch):
    monkeypatch.setattr(beside, "PATIENCE_S", 0)
    probe = VenueProbe(world, HealthLimits(), BTC, "1h", clock=lambda: world.elapsed_s)
    world.hold.clear()
    for _ in range(2):  # at 0 and 5 s
        assert probe.poll(world.now, []) is None
        world.pass_time(5)
    world.pass_time(1)
    assert probe.poll(world.now, []).failure == "no answer within 5 s"
    assert probe.poll(world.now, []) is None  # and it is not asked again before its time
    world.hold.set()


def test_the_highest_weight_of_freqtrades_own_answers_counts(world, probe):
    api = world._exchange._api_async
    probe.poll(world.now, [])
    for second, used in ((5, "90"), (10, "2100"), (15, "30")):
        world.elapsed_s = second
        api.lastRestRequestTimestamp = world.local_ms
        api.last_response_headers = {"x-mbx-used-weight-1m": used}
        assert probe.poll(world.now, []) is None
    world.elapsed_s = 30
    assert probe.poll(world.now, []).used_weight == 2100
    # the next reading has its own
    world.elapsed_s = 90
    assert probe.poll(world.now, []).used_weight == 7


@pytest.mark.parametrize("headers", [None, {}, {"x-mbx-used-weight-1m": "much"}])
def test_without_the_header_the_weight_is_unknown(world, probe, headers):
    world.headers = headers
    assert isnan(probe.poll(world.now, []).used_weight)


def candles_until(newest):
    return pd.DataFrame({"date": [newest - HOUR, newest]})


@pytest.mark.parametrize(
    ("minutes_late", "delay"),
    [
        ([], None),
        ([None], None),
        ([-30], -1800),
        ([3], 180),
        ([3, -30], -1800),  # one that rests is not the exchange
        ([3, 4, -30], 180),
        ([3, None, None], 180),
    ],
)
def test_candle_delay(world, minutes_late, delay):
    pairs = [BTC, ETH, XRP][: len(minutes_late)]
    for pair, late in zip(pairs, minutes_late, strict=True):
        if late is not None:
            world.candles[pair] = candles_until(START - 2 * HOUR - timedelta(minutes=late))
    found = candle_delay(world, pairs, "1h", START)
    assert isnan(found) if delay is None else found == delay
