"""What the base of the breakers over candles does for all of them, with one over positioning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, TemporaryError
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.candle_breaker import CandleBreaker
from perpkit.bot.watching.sources import Sources
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.timeline import CandleTimeline
from perpkit.checks import check_range
from perpkit.market import store
from perpkit.market.candle_grid import gapless
from perpkit.market.positioning import with_positioning
from tests import factories
from tests.factories import START

HOUR = timedelta(hours=1)
ROWS = 48
NOW = START + ROWS * HOUR
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


@dataclass(frozen=True)
class CrowdLimits:
    ratio: float = 3.0
    timeframe_minutes: int = 60

    @property
    def history(self) -> timedelta:
        return 24 * HOUR

    def __post_init__(self) -> None:
        check_range("ratio", self.ratio, 1, 10)


@dataclass(frozen=True)
class CrowdTimeline(CandleTimeline[Decision]):
    pair: str

    NOTHING = UNRESTRICTED

    def decide(self, row, now):
        reason, release = "crowded", self.closed_by(now) + HOUR
        return Decision(Trading.REDUCING, 0.0, release, reason, self.pair, "long")


class CrowdBreaker(CandleBreaker[CrowdTimeline]):
    """No longs beside too many others."""

    LIMITS = (CrowdLimits,)
    DERIVED = frozenset({"timeframe_minutes"})
    measured = 0

    limits: CrowdLimits

    def short_desc(self):
        return f"{self.name} - No longs from {self.limits.ratio} longs a short."

    def data(self, pair, sources):
        return (*super().data(pair, sources), sources.positioning.readings(pair))

    def timeline(self, pair, candles, positioning):
        CrowdBreaker.measured += 1
        grid, _ = gapless(candles, 60)
        ratio = with_positioning(candles, positioning, "1h")["long_short_ratio"]
        return CrowdTimeline(grid, (ratio >= self.limits.ratio).to_numpy().tobytes(), pair)


class Feed:
    """Candles that can be replaced; asked for a pair of which there is none it fails."""

    def __init__(self, *pairs: str) -> None:
        self.frames = {pair: factories.candles(ROWS) for pair in pairs}

    def history(self, pair, *_):
        if pair not in self.frames:
            raise TemporaryError("timed out")
        return self.frames[pair]


def breaker(config, runmode=RunMode.LIVE, leaders=(), **parameters) -> CrowdBreaker:
    subject = CrowdBreaker({**config, "runmode": runmode}, {"method": "Crowd", **parameters})
    subject.leaders = leaders
    CrowdBreaker.measured = 0
    return subject


@pytest.fixture
def crowded(default_futures_config) -> Sources:
    """ETH has four longs a short from row 20 on."""
    readings = factories.candles(ROWS)[["date"]].assign(long_short_ratio=1.0)
    readings.loc[20:, "long_short_ratio"] = 4.0
    store.merge(default_futures_config["datadir"], ETH, "1h", readings)
    return Sources(default_futures_config, Feed(BTC, ETH), pairs=[BTC, ETH])


def test_positioning_is_joined_to_the_candles_that_can_know_it(default_futures_config, crowded):
    subject = breaker(default_futures_config, RunMode.BACKTEST)
    found = [bool(subject.evaluate(crowded, START + row * HOUR)) for row in range(ROWS)]
    # The reading of row 20 is used an hour after its time.
    assert found.index(True) == 21
    assert subject.quiet_until(crowded, START) == START + 21 * HOUR
    [decision] = subject.evaluate(crowded, NOW)
    assert (decision.pair, decision.side, decision.release) == (ETH, "long", NOW + HOUR)


def test_it_is_measured_when_there_is_something_new(default_futures_config, crowded):
    subject = breaker(default_futures_config)
    for _ in range(3):
        subject.evaluate(crowded, NOW)
    assert CrowdBreaker.measured == 2
    crowded.candles.frames[BTC] = factories.candles(ROWS + 1)
    subject.evaluate(crowded, NOW)
    assert CrowdBreaker.measured == 3
    more = factories.candles(ROWS + 1)[["date"]][-1:].assign(long_short_ratio=1.0)
    store.merge(default_futures_config["datadir"], ETH, "1h", more)
    subject.evaluate(crowded, NOW)
    assert CrowdBreaker.measured == 4


@pytest.mark.parametrize(
    ("runmode", "leaders", "late", "blocked"),
    [
        (RunMode.LIVE, (), timedelta(minutes=65), set()),
        (RunMode.LIVE, (), timedelta(minutes=66), {BTC, ETH}),
        (RunMode.BACKTEST, (), timedelta(minutes=66), set()),  # a pair may end sooner
        (RunMode.BACKTEST, (BTC,), timedelta(minutes=66), {"*"}),
        (RunMode.LIVE, (BTC,), timedelta(minutes=66), {"*", ETH}),
    ],
)
def test_old_candles_block(default_futures_config, crowded, runmode, leaders, late, blocked):
    subject = breaker(default_futures_config, runmode, leaders, ratio=9)
    found = subject.evaluate(crowded, NOW + late)
    assert {decision.pair for decision in found} == blocked
    assert all("no current candles of " in decision.reason for decision in found)


def test_what_cannot_be_fetched_blocks_its_pair(default_futures_config, crowded):
    del crowded.candles.frames[BTC]
    store.path_of(default_futures_config["datadir"], ETH, "1h").write_bytes(b"nothing")
    found = breaker(default_futures_config).evaluate(crowded, NOW)
    assert [(d.pair, d.entries_blocked) for d in found] == [(BTC, True), (ETH, True)]
    assert found[0].reason == "candles could not be fetched (timed out): no new entries"


def test_a_leader_that_cannot_be_fetched_blocks_all_pairs(default_futures_config, crowded):
    del crowded.candles.frames[BTC]
    found = breaker(default_futures_config, leaders=(BTC,)).evaluate(crowded, NOW)
    assert [(d.pair, d.entries_blocked) for d in found if d.entries_blocked] == [
        ("*", True),
        (ETH, True),
    ]


def test_it_names_the_candles_that_it_reads(default_futures_config):
    subject = breaker(default_futures_config, leaders=[BTC])
    assert subject.informative_pairs([ETH]) == [(ETH, "1h"), (BTC, "1h")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ratio": 11}, "CrowdBreaker: ratio must be a number from 1 to 10, got 11"),
        ({"ratios": 3}, "CrowdBreaker: unknown parameter 'ratios'. Allowed: ratio."),
        ({"timeframe_minutes": 5}, "unknown parameter 'timeframe_minutes'"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match=message):
        breaker(default_futures_config, **parameters)


def test_an_epoch_goes_on_with_what_an_equal_one_has_measured(default_futures_config, crowded):
    before = breaker(default_futures_config, RunMode.HYPEROPT)
    expected = [before.evaluate(crowded, START + row * HOUR) for row in range(ROWS)]
    subject = breaker(default_futures_config, RunMode.HYPEROPT)
    subject.continue_with(before)
    assert [subject.evaluate(crowded, START + row * HOUR) for row in range(ROWS)] == expected
    assert CrowdBreaker.measured == 0


def test_only_an_epoch_with_equal_parameters_goes_on(default_futures_config, monkeypatch):
    def load(name, config, protection_config):
        return CrowdBreaker(config, protection_config)

    monkeypatch.setattr(ProtectionResolver, "load_protection", staticmethod(load))
    given = [{"method": "Crowd", "ratio": 3.0}]
    config = {**default_futures_config, "runmode": RunMode.HYPEROPT, "enable_protections": True}
    watch = Watch(config, None, lambda: given, candles=Feed())
    ([first], [equal]) = watch._made(), watch._made()
    assert equal is not first
    assert equal._measured is first._measured
    given = [{"method": "Crowd", "ratio": 5.0}]
    [other] = watch._made()
    assert other._measured is not equal._measured
