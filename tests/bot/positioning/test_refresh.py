"""The refresh inside the bot: once a period, in its own thread, harmless when it fails."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from perpkit.bot.positioning.client import PositioningClient
from perpkit.bot.positioning.refresh import PositioningRefresh
from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.market import store
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.request_log import RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bot.refusals import Refusals
from tests.venue.other_contracts import renamed

START = 1_704_067_200_000
BTC, SOL, XAU = "BTC/USDT:USDT", "SOL/USDT:USDT", "XAU/USDT:USDT"


class Pairs:
    """The whitelist, which is asked for at the start of every round."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self._rounds = threading.Semaphore(0)

    def __call__(self) -> list[str]:
        self._rounds.release()
        return self.names

    def wait_for_a_round(self) -> None:
        """Until one that began after now has ended."""
        while self._rounds.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self._rounds.acquire(timeout=30)


@pytest.fixture
def running(tmp_path):
    clock = VirtualClock(START + 35 * DAY_MS + 20 * MINUTE_MS)
    history = generate(seed=7, start=START, days=40, pairs=(BTC, SOL))
    market = Market(History({**history.pairs, **renamed(history, (XAU,)).pairs}), clock, seed=7)
    log = RequestLog()
    app = Refusals(create_app(market, log=log))
    with running_venue(market, app=app) as url:
        yield market, log, {**overlay(url), "datadir": tmp_path}, app


@pytest.fixture
def venue(running):
    return running[:3]


@pytest.fixture
def refusals(running) -> Refusals:
    return running[3]


@pytest.fixture
def refresh(venue):
    """Makes a refresh that waits a hundredth of a second where it would wait a minute."""
    market, _, config = venue
    made = []

    def make(pairs, **options):
        def client(exchange, budget, sleep):
            return PositioningClient(exchange, budget, sleep=lambda _: sleep(0))

        made.append(
            PositioningRefresh(
                config,
                pairs,
                retry=timedelta(milliseconds=10),
                clock=lambda: market.now() / 1000,
                client=client,
                **options,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.stop()
        assert not each._thread.is_alive()


def test_each_pair_is_asked_for_once_a_period(venue, refresh):
    market, log, config = venue
    pairs = Pairs(BTC)
    refresh(pairs).start()
    pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], BTC, "1h")) == 720
    before = log.total
    pairs.wait_for_a_round()
    assert log.total == before
    market.clock.advance(40 * MINUTE_MS + 30_000)  # the hour, but not yet a minute of the next
    pairs.wait_for_a_round()
    assert log.total == before
    market.clock.advance(MINUTE_MS)
    pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], BTC, "1h")) == 721
    pairs.names.append(SOL)
    pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], SOL, "1h")) == 720


def test_after_an_outage_the_gap_is_filled(venue, refresh):
    market, _, config = venue
    pairs = Pairs(BTC)
    refresh(pairs).start()
    pairs.wait_for_a_round()
    name = market.faults.add(Fault(FaultKind.SERVER_ERROR))
    market.clock.advance(50 * HOUR_MS)
    pairs.wait_for_a_round()
    market.faults.remove(name)
    pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], BTC, "1h")) == 720 + 50


def test_a_failure_is_said_once_and_its_end_too(venue, refresh, caplog):
    caplog.set_level("INFO", "perpkit.bot.positioning.refresh")
    market, _, config = venue
    name = market.faults.add(Fault(FaultKind.SERVER_ERROR))
    pairs = Pairs(BTC)
    refresh(pairs).start()
    for _ in range(3):
        pairs.wait_for_a_round()
    said = [r.message for r in caplog.records if r.name == "perpkit.bot.positioning.refresh"]
    assert len(said) == 1
    assert said[0].startswith("Positioning data are not refreshed: ")
    market.faults.remove(name)
    pairs.wait_for_a_round()
    assert caplog.records[-1].message == "Positioning data are refreshed again."
    assert store.read(config["datadir"], BTC, "1h") is not None


def test_one_pair_that_fails_does_not_keep_the_others_back(venue, refresh, caplog):
    _, _, config = venue
    store.merge(
        config["datadir"], BTC, "1h", store.read_periods(config["datadir"], BTC).get("1h", _one())
    )
    store.path_of(config["datadir"], BTC, "1h").write_bytes(b"damaged")
    pairs = Pairs("NEW/USDT:USDT", BTC, SOL)
    refresh(pairs).start()
    pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], SOL, "1h")) == 720
    assert "NEW/USDT:USDT" in caplog.text
    assert "BTC_USDT_USDT-1h.feather: cannot be read" in caplog.text


def test_a_refused_pair_is_said_once_and_asked_for_again_a_period_later(
    venue, refresh, refusals, caplog
):
    caplog.set_level("INFO", "perpkit.bot.positioning.refresh")
    market, _, config = venue
    body = {"code": -4411, "msg": "Please sign TradFi-Perps agreement contract."}
    refusals.by_symbol["XAUUSDT"] = 400, body
    pairs = Pairs(XAU, BTC, "NEW/USDT:USDT", SOL)
    refresh(pairs).start()
    for _ in range(3):
        pairs.wait_for_a_round()
    assert len(store.read(config["datadir"], BTC, "1h")) == 720
    assert len(store.read(config["datadir"], SOL, "1h")) == 720
    assert refusals.asked.count("XAUUSDT") == 1
    said = [r.message for r in caplog.records if r.name == "perpkit.bot.positioning.refresh"]
    assert len(said) == 1
    assert "XAU/USDT:USDT: " in said[0]
    assert "-4411" in said[0]
    assert "NEW/USDT:USDT: the exchange lists no perpetual of that name" in said[0]
    refusals.by_symbol.clear()
    pairs.names.remove("NEW/USDT:USDT")
    market.clock.advance(HOUR_MS)
    pairs.wait_for_a_round()
    # All that the exchange keeps: nothing had been given before.
    assert len(store.read(config["datadir"], XAU, "1h")) == 720
    assert caplog.records[-1].message == "Positioning data are refreshed again."


def test_an_exchange_that_offers_none_is_named_once(tmp_path, caplog):
    config = {"datadir": tmp_path, "exchange": {"name": "bitget"}}
    refresh = PositioningRefresh(config, lambda: [BTC, SOL])
    refresh._round()
    [said] = caplog.messages
    assert said.count("exchange.name must be one of") == 1


def test_an_exchange_that_is_down_is_not_asked_about_every_pair(venue, refresh, refusals):
    _, _, config = venue
    for symbol in ("BTCUSDT", "SOLUSDT", "XAUUSDT"):
        refusals.by_symbol[symbol] = 503, {"code": -1000, "msg": "Unknown error"}
    pairs = Pairs(BTC, SOL, XAU)
    refresh(pairs).start()
    pairs.wait_for_a_round()
    assert {symbol for symbol in refusals.asked if symbol} == {"BTCUSDT"}
    assert store.read(config["datadir"], BTC, "1h") is None


def _one():
    import pandas as pd

    dates = pd.DatetimeIndex(["2024-01-01T00:00Z"])
    return pd.DataFrame({"date": dates, "long_short_ratio": [1.0]})


def test_a_whitelist_that_cannot_be_had_does_not_end_it(venue, refresh):
    _, _, config = venue
    pairs = Pairs(BTC)
    fails = [True]

    def sometimes() -> list[str]:
        names = pairs()
        if fails[0]:
            raise RuntimeError("not yet")
        return names

    refresh(sometimes).start()
    pairs.wait_for_a_round()
    assert store.read(config["datadir"], BTC, "1h") is None
    fails[0] = False
    pairs.wait_for_a_round()
    assert store.read(config["datadir"], BTC, "1h") is not None


def test_beside_another_download_it_waits_its_turn(venue, refresh, caplog):
    _, log, config = venue
    pairs = Pairs(BTC)
    with store.sole_downloader(config["datadir"]):
        refresh(pairs).start()
        pairs.wait_for_a_round()
        assert log.total == 0
    pairs.wait_for_a_round()
    assert store.read(config["datadir"], BTC, "1h") is not None
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


def test_it_stops_in_the_middle_of_a_wait(venue):
    _, _, config = venue
    pairs = Pairs(BTC)
    # A client that is to wait an hour between two calls.
    refresh = PositioningRefresh(config, pairs, share=300 / (3600 * 1000))
    refresh.start()
    assert pairs._rounds.acquire(timeout=30)
    refresh.stop(timeout=20)
    assert not refresh._thread.is_alive()


def test_starting_another_one_ends_the_first(venue, refresh):
    pairs, more = Pairs(BTC), Pairs(SOL)
    first, second = refresh(pairs), refresh(more)
    first.start()
    second.start()
    first._thread.join(30)
    assert not first._thread.is_alive()
    more.wait_for_a_round()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"period": "7m"}, "period must be one of"),
        ({"delay": timedelta(hours=1)}, "delay must be a timedelta less than 1:00:00"),
        ({"share": 2}, "share must be a number from 0 to 1, got 2"),
    ],
)
def test_a_bad_parameter_is_named(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        PositioningRefresh({"datadir": tmp_path, "exchange": {}}, list, **bad)
