"""The plugin translates and gathers; what it decides is tested in tests/breakers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, TemporaryError
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.watching.protection import Watched
from perpkit.bot.watching.sources import Sources
from perpkit.breakers import flash_crash, market_halt
from perpkit.breakers.flash_crash import FlashCrashLimits
from perpkit.breakers.market_halt import HaltLimits
from tests import factories

HOUR = timedelta(hours=1)
BTC, ETH, XRP, LTC = (f"{asset}/USDT:USDT" for asset in ("BTC", "ETH", "XRP", "LTC"))
ROWS = 240
NOW = factories.START + ROWS * HOUR


def breaker(config, runmode=RunMode.BACKTEST, **parameters):
    method = {"method": "FlashCrashBreaker", **parameters}
    config = {**config, "runmode": runmode}
    return ProtectionResolver.load_protection("FlashCrashBreaker", config, Watched(method))


def calm() -> pd.DataFrame:
    return factories.candles(ROWS, volatility=0.002)


def crash(row: int = ROWS - 1) -> pd.DataFrame:
    """The price falls by 20% in one hour, and stays there."""
    candles = calm()
    candles.loc[row + 1 :, ["open", "high", "low", "close"]] *= 0.8
    candles.loc[row, ["low", "close"]] *= 0.8
    return candles


def thin(share: float) -> pd.DataFrame:
    """The last candle has hardly any volume."""
    candles = calm()
    candles.loc[ROWS - 1, "volume"] = share * candles["volume"].mean()
    return candles


class Prices:
    """A client of the exchange that knows the last trades."""

    def __init__(self, prices: dict[str, float] | None) -> None:
        self.prices, self.asked = prices, 0

    def fetch_last_prices(self):
        if self.prices is None:
            raise TemporaryError("timed out")
        self.asked += 1
        return {
            pair: {"price": price, "timestamp": self.asked} for pair, price in self.prices.items()
        }


class Feed:
    """Candles by pair, a book and running prices."""

    def __init__(self, candles: dict[str, pd.DataFrame], book=None, prices=()) -> None:
        self.data, self.book = candles, book
        self.asked, self.books = [], []
        api = Prices(None if prices is None else dict(prices))
        self._exchange = SimpleNamespace(_api=api, get_contract_size=lambda _pair: 1.0)

    def history(self, *request):
        self.asked.append(request)
        return self.data[request[0]]

    def orderbook(self, pair, maximum):
        self.books.append(pair)
        if isinstance(self.book, Exception):
            raise self.book
        return self.book


def sources(*, pairs=None, book=None, prices=(), **candles) -> Sources:
    data = {f"{asset}/USDT:USDT": frame for asset, frame in candles.items()}
    feed = Feed(data, book, prices)
    return Sources({}, feed, dp=feed, pairs=list(data) if pairs is None else pairs)


def blocked(decisions):
    return [(d.pair, d.release) for d in decisions if d.entries_blocked]


@pytest.mark.parametrize("held", [ROWS, 180])
def test_a_running_bot_blocks_what_a_backtest_does(default_futures_config, held):
    """Each candle is judged when it comes, out of the candles that the bot holds by then."""
    whole = {"ETH": crash(200), "XRP": crash(202), "BTC": calm()}
    whole["XRP"].loc[190, "volume"] = 0.0
    simulated = breaker(default_futures_config)
    running = breaker(default_futures_config, RunMode.LIVE)
    book = {"bids": [[100.0, 1.0]], "asks": [[100.1, 1.0]]}  # which blocks nothing itself
    found = []
    for rows in range(ROWS - 60, ROWS + 1):
        now = factories.START + rows * HOUR
        expected = simulated.evaluate(sources(**whole), now)
        seen = {name: frame[max(0, rows - held) : rows] for name, frame in whole.items()}
        assert running.evaluate(sources(book=book, **seen), now) == expected
        found += expected
    assert {decision.pair for decision in found} == {ETH, XRP, "*"}


def test_it_decides_as_its_timelines(default_futures_config):
    candles = crash(200)
    candles.loc[100, "volume"] = 0.0
    subject = breaker(default_futures_config, market_pair=None)
    falls = flash_crash.timeline(FlashCrashLimits(pair=ETH), candles)
    halts = market_halt.timeline(HaltLimits(pair=ETH), candles)
    found = 0
    for row in range(ROWS):
        now = factories.START + (row + 1) * HOUR
        expected = [d for d in (falls.at(now), halts.at(now)) if d.restricts]
        assert subject.evaluate(sources(ETH=candles), now) == expected
        found += len(expected)
    assert found > 2


@pytest.mark.parametrize(
    ("crashed", "pairs", "expected"),
    [
        ("", [ETH, XRP, LTC], []),
        ("ETH", [ETH, XRP, LTC], [ETH]),
        # All stop, and the locks of single pairs would add nothing.
        ("ETH XRP", [ETH, XRP, LTC], ["*"]),
        ("BTC", [ETH, XRP, LTC], ["*"]),
        ("BTC ETH", [BTC, ETH, XRP], ["*", "*"]),
    ],
)
def test_one_pair_or_all_of_them(default_futures_config, crashed, pairs, expected):
    candles = {
        asset: crash() if asset in crashed.split() else calm()
        for asset in ("BTC", "ETH", "XRP", "LTC")
    }
    found = breaker(default_futures_config).evaluate(sources(pairs=pairs, **candles), NOW)
    assert blocked(found) == [(pair, NOW + 2 * HOUR) for pair in expected]


def test_a_pair_that_stays_blocked_for_longer_keeps_its_own_lock(default_futures_config):
    """BTC fell an hour before ETH: all are blocked for one hour more, ETH for two."""
    seen = sources(BTC=crash(ROWS - 2), ETH=crash(), XRP=calm(), LTC=calm(), ADA=calm())
    found = breaker(default_futures_config, windows=[[60, 0.08]]).evaluate(seen, NOW)
    assert blocked(found) == [("*", NOW + HOUR), (ETH, NOW + 2 * HOUR)]


def test_the_leader_can_be_another_or_none(default_futures_config):
    seen = sources(pairs=[XRP, LTC], BTC=crash(), ETH=calm(), XRP=calm(), LTC=calm())
    for leader in (ETH, None):
        assert breaker(default_futures_config, market_pair=leader).evaluate(seen, NOW) == []


def test_a_timeline_is_computed_once(default_futures_config, monkeypatch):
    computed = []
    stock = flash_crash.timeline
    monkeypatch.setattr(
        flash_crash,
        "timeline",
        lambda limits, candles: computed.append(limits.pair) or stock(limits, candles),
    )
    subject, seen = breaker(default_futures_config), sources(BTC=calm(), ETH=calm())
    for row in range(100, ROWS):
        subject.evaluate(seen, factories.START + row * HOUR)
    assert sorted(computed) == [BTC, ETH]


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE])
@pytest.mark.parametrize(
    ("age", "stale"), [(HOUR, False), (HOUR + timedelta(minutes=6), True), (99 * HOUR, True)]
)
def test_a_pair_whose_candles_stopped_is_blocked(default_futures_config, runmode, age, stale):
    seen = sources(pairs=[BTC, ETH], BTC=factories.candles(ROWS + 200), ETH=calm())
    found = breaker(default_futures_config, runmode).evaluate(seen, NOW + age)
    assert [d.pair for d in found] == ([ETH] if stale else [])
    if stale:
        assert found[0].reason == (
            f"no current candles of {ETH} (the last closed at {NOW:%Y-%m-%d %H:%M} UTC): "
            "no new entries"
        )


@pytest.mark.parametrize(
    ("rows", "stale"), [(1, False), (2, True), (ROWS, True)], ids=["one", "two", "all"]
)
@pytest.mark.parametrize(
    ("column", "value"), [("close", float("nan")), ("low", 1e9), ("volume", -1.0), ("high", 0.0)]
)
def test_newest_candles_that_contradict_themselves_are_none(
    default_futures_config, column, value, rows, stale
):
    broken = calm()
    broken.loc[ROWS - rows :, column] = value
    subject = breaker(default_futures_config, RunMode.LIVE)
    seen = sources(pairs=[BTC, ETH], BTC=calm(), ETH=broken)
    found = subject.evaluate(seen, NOW)
    assert [(d.pair, "no current candles" in d.reason) for d in found] == [(ETH, True)] * stale


def test_without_any_candle_a_pair_is_blocked(default_futures_config):
    seen = sources(pairs=[BTC, ETH], BTC=calm(), ETH=calm()[:0])
    [decision] = breaker(default_futures_config, RunMode.LIVE).evaluate(seen, NOW)
    assert decision.pair == ETH
    assert "none seen" in decision.reason


def test_in_a_backtest_a_pair_may_begin_later_and_end_sooner(default_futures_config):
    seen = sources(pairs=[BTC, ETH, XRP], BTC=calm(), ETH=calm()[:100], XRP=calm()[150:])
    assert breaker(default_futures_config).evaluate(seen, factories.START + 120 * HOUR) == []


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.LIVE])
def test_without_candles_of_the_leader_all_pairs_are_blocked(default_futures_config, runmode):
    seen = sources(pairs=[ETH], BTC=calm()[:100], ETH=calm())
    [decision] = breaker(default_futures_config, runmode).evaluate(seen, NOW)
    assert decision.pair == "*"
    assert f"no current candles of {BTC}" in decision.reason


class Failing(Feed):
    """ETH cannot be fetched."""

    def history(self, *request):
        if request[0] == ETH:
            raise TemporaryError("timed out")
        return super().history(*request)


def test_a_pair_that_cannot_be_fetched_is_blocked_alone(default_futures_config):
    feed = Failing({f"{asset}/USDT:USDT": calm() for asset in ("BTC", "XRP")})
    seen = Sources({}, feed, dp=feed, pairs=[ETH, XRP])
    found = breaker(default_futures_config, RunMode.LIVE).evaluate(seen, NOW)
    [decision] = [d for d in found if d.entries_blocked]
    assert decision.pair == ETH
    assert "could not be fetched (timed out)" in decision.reason


@pytest.mark.parametrize("pairs", [[ETH, XRP], [XRP]], ids=["traded", "not traded"])
def test_a_leader_that_cannot_be_fetched_blocks_all_pairs(default_futures_config, pairs):
    feed = Failing({XRP: crash()})
    seen = Sources({}, feed, dp=feed, pairs=pairs)
    found = breaker(default_futures_config, RunMode.LIVE, market_pair=ETH).evaluate(seen, NOW)
    reasons = {d.pair: d.reason for d in found if d.entries_blocked}
    assert "could not be fetched (timed out)" in reasons["*"]
    assert XRP in reasons  # it crashes, and stays blocked for as long as that lasts


WIDE = {"bids": [[90.0, 1.0]], "asks": [[110.0, 1.0]]}
FINE = {"bids": [[99.9, 1.0]], "asks": [[100.1, 1.0]]}


@pytest.mark.parametrize(
    ("share", "book", "looked", "blocks"),
    [
        (1.0, WIDE, False, False),
        (0.06, FINE, True, False),
        (0.06, WIDE, True, True),
        (0.06, {"bids": [], "asks": []}, True, True),
        (0.06, TemporaryError("timed out"), True, True),
    ],
)
def test_the_book_of_a_thin_pair_is_looked_at(default_futures_config, share, book, looked, blocks):
    seen = sources(BTC=calm(), ETH=thin(share), book=book)
    subject = breaker(default_futures_config, RunMode.LIVE, book_seconds=60)
    for second in range(0, 60, 5):
        found = subject.evaluate(seen, NOW + timedelta(seconds=second))
        assert [d.pair for d in found] == ([ETH] if blocks else [])
    assert seen.dp.books == ([ETH] if looked else [])
    subject.evaluate(seen, NOW + timedelta(seconds=60))
    assert seen.dp.books == ([ETH, ETH] if looked else [])


def test_a_backtest_asks_for_no_book(default_futures_config):
    seen = sources(BTC=calm(), ETH=thin(0.06), book=WIDE)
    assert breaker(default_futures_config).evaluate(seen, NOW) == []
    assert seen.dp.books == []


def test_it_reads_the_candles_it_is_told_to(default_futures_config):
    subject = breaker(default_futures_config)
    assert subject.informative_pairs([ETH, XRP]) == [(ETH, "1h"), (XRP, "1h"), (BTC, "1h")]
    assert subject.informative_pairs([ETH, BTC]) == [(ETH, "1h"), (BTC, "1h")]
    finer = breaker(default_futures_config, timeframe="5m", market_pair=None)
    assert finer.informative_pairs([ETH]) == [(ETH, "5m")]
    seen = sources(ETH=factories.candles(100, "5m"))
    assert finer.evaluate(seen, factories.START + 5 * HOUR) == []
    assert seen.candles.asked[0][:2] == (ETH, "5m")


def test_the_limits_of_a_pair_are_made_once(default_futures_config):
    subject = breaker(default_futures_config, gap=0.3)
    limits = subject._limits_of(ETH)
    assert limits == (replace(subject._crash, pair=ETH), replace(subject._halt, pair=ETH))
    assert subject._limits_of(ETH) is limits
    assert subject._limits_of(XRP)[0].pair == XRP
    subject.configure(subject._config, {"gap": 0.2})
    assert subject._limits_of(ETH)[1].gap == 0.2


def test_parameters_reach_the_limits(default_futures_config):
    subject = breaker(
        default_futures_config, windows=[[60, 0.2]], gap=0.3, quiet_minutes=30, calm_candles=5
    )
    assert subject._crash == FlashCrashLimits(windows=((60, 0.2),), calm_candles=5)
    assert subject._halt == replace(HaltLimits(), gap=0.3, quiet_minutes=30)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"windows": [[60, 5, 1]]}, "windows[0] must be a list of minutes and move"),
        ({"calm_candles": 0}, "calm_candles must be"),
        ({"halted_volume": 0.5}, "halted_volume must be"),
        ({"book_seconds": 1}, "book_seconds must be a number from 10 to 3600, got 1"),
        ({"timeframe": "soon"}, "timeframe must be one such as 5m or 1h, got 'soon'"),
        ({"timeframe": "5q"}, "timeframe must be one such as 5m or 1h, got '5q'"),
        ({"market_pair": "BTC/USDT"}, "market_pair must be a pair such as BTC/USDT:USDT"),
        ({"timeframe": 60}, "timeframe must be one such as 5m or 1h, got 60"),
        ({"pair": BTC}, "unknown parameter 'pair'. Allowed: blocks, book_seconds"),
        ({"timeframe_minutes": 5}, "unknown parameter 'timeframe_minutes'"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match="FlashCrashBreaker: ") as error:
        breaker(default_futures_config, **parameters)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {},
            "FlashCrashBreaker - No entries on a pair that moves 10% in 60 min, 15% in 240 min (by "
            "its closed 1h candles), is halted, or opens with a gap of 10%; on none when "
            "BTC/USDT:USDT or 50% of the pairs move so.",
        ),
        (
            {"blocks": "against", "windows": [[60, 0.2]], "market_pair": None},
            "FlashCrashBreaker - No entries against the move on a pair that moves 20% in 60 min "
            "(by its closed 1h candles), is halted, or opens with a gap of 10%; on none when 50% "
            "of the pairs move so.",
        ),
    ],
)
def test_it_introduces_itself(default_futures_config, parameters, said):
    assert breaker(default_futures_config, **parameters).short_desc() == said


@pytest.mark.parametrize(
    ("runmode", "parameters", "said"),
    [
        (RunMode.DRY_RUN, {}, "(by its price over 3 looks and its closed 1h candles)"),
        (RunMode.LIVE, {"looks": 5}, "(by its price over 5 looks and its closed 1h candles)"),
        (RunMode.LIVE, {"looks": 0}, "(by its closed 1h candles)"),
    ],
)
def test_it_says_what_it_goes_by(default_futures_config, runmode, parameters, said):
    assert said in breaker(default_futures_config, runmode, **parameters).short_desc()


FALLEN = 0.85  # of the last close


@pytest.mark.parametrize(
    ("runmode", "parameters", "fallen", "expected"),
    [
        (RunMode.LIVE, {}, [ETH], [ETH]),
        (RunMode.DRY_RUN, {}, [ETH], [ETH]),
        (RunMode.LIVE, {}, [ETH, XRP], ["*"]),
        (RunMode.LIVE, {}, [BTC], ["*"]),
        (RunMode.LIVE, {"looks": 0}, [BTC, ETH], []),
        (RunMode.LIVE, {"market_pair": None}, [BTC], []),
        (RunMode.BACKTEST, {}, [BTC, ETH], []),
    ],
)
def test_it_blocks_before_the_candle_has_closed(
    default_futures_config, runmode, parameters, fallen, expected
):
    frames = {"BTC": calm(), "ETH": calm(), "XRP": calm(), "LTC": calm()}
    last = {f"{asset}/USDT:USDT": frame["close"].iloc[-1] for asset, frame in frames.items()}
    prices = {pair: price * (FALLEN if pair in fallen else 1) for pair, price in last.items()}
    seen = sources(pairs=[ETH, XRP, LTC], prices=prices, **frames)
    subject = breaker(default_futures_config, runmode, **parameters)
    for look in range(3):
        now = NOW + (look + 1) * timedelta(seconds=5)
        found = [d.pair for d in subject.evaluate(seen, now) if d.entries_blocked]
        assert found == (expected if look == 2 else [])


@pytest.mark.parametrize(("minutes", "blocked"), [(4, False), (6, True)])
def test_without_running_prices_for_long_nothing_is_entered(
    default_futures_config, caplog, minutes, blocked
):
    seen = sources(pairs=[ETH], prices=None, BTC=calm(), ETH=calm())
    subject = breaker(default_futures_config, RunMode.LIVE)
    for minute in range(minutes + 1):
        found = subject.evaluate(seen, NOW + timedelta(minutes=minute))
    assert [d.reason for d in found] == (
        [f"no running prices since {NOW:%Y-%m-%d %H:%M} UTC: no new entries"] if blocked else []
    )
    assert caplog.text.count("No running prices: TemporaryError") == 1
    seen.dp._exchange._api.prices = {}
    subject._prices._client = seen.dp._exchange._api
    assert subject.evaluate(seen, NOW + timedelta(minutes=minutes + 1)) == []


def test_a_backtest_takes_the_finer_candles_that_it_has(default_futures_config):
    finer = {**default_futures_config, "timeframe_detail": "5m"}
    assert breaker(finer).informative_pairs([BTC]) == [(BTC, "5m")]
    assert breaker(finer, timeframe="1h").informative_pairs([BTC]) == [(BTC, "1h")]
    assert breaker(finer, RunMode.LIVE).informative_pairs([BTC]) == [(BTC, "1h")]
