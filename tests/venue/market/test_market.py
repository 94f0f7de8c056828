"""The market as of now: windows as on the exchange, and nothing from the future."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.errors import VenueError
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import INTERVALS_MS, SERVED_MS, Candles, PriceKind
from perpkit.venue.market.history import Funding, History, PairHistory
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.market import Market
from perpkit.venue.market.relabel import relabelled
from perpkit.venue.market.synthetic import generate
from tests.venue.conftest import HandClock

START = 1_704_067_200_000
INTERVALS = ("5m", "15m", "1h", "4h", "1d", "1w", "1M")


def everything(market: Market) -> dict[str, Any]:
    """All that a market shows at one moment."""
    shown: dict[str, Any] = {}
    for symbol in market.symbols:
        for kind in PriceKind:
            shown[f"{symbol} {kind} price"] = market.price(symbol, kind)
            for interval in INTERVALS:
                for start in (None, START):
                    candles = market.candles(symbol, interval, kind, start=start, limit=1500)
                    shown[f"{symbol} {kind} {interval} {start}"] = [
                        c.tolist() for c in candles.columns()
                    ]
        shown[f"{symbol} ticker"] = market.ticker(symbol)
        shown[f"{symbol} premium"] = market.premium(symbol)
        shown[f"{symbol} stress"] = market.stress(symbol)
        shown[f"{symbol} book"] = [v.tolist() for v in vars(market.book(symbol, 20)).values()]
        funding = market.funding(symbol, limit=1000)
        shown[f"{symbol} funding"] = [funding.time.tolist(), funding.rate.tolist()]
        for what in ("long_short_ratio", "taker_ratio", "open_interest"):
            times, values = market.readings(symbol, what, "1h", limit=500)
            shown[f"{symbol} {what}"] = times.tolist(), values.tolist()
    return shown


def with_another_future(history: History, now: int) -> History:
    """The same until `now`; all that opens, settles or is read later is something else.

    Of the candles in progress only the shortest stays: longer ones, though on record, must not be
    looked at.
    """

    def candles(c: Candles, interval: str) -> Candles:
        ends = c.time if interval == "5m" else c.time + INTERVALS_MS[interval] - 1
        later = np.where(ends > now, 3.0, 1.0)
        return Candles(c.time, *(column * later for column in c.columns()[1:]))

    def pair(p: PairHistory) -> PairHistory:
        f, r = p.funding, p.positioning
        return PairHistory(
            p.instrument,
            {k: {i: candles(c, i) for i, c in by.items()} for k, by in p.stored.items()},
            Funding(f.time, np.where(f.time > now, 0.5, f.rate)),
            replace(r, long_short_ratio=np.where(r.time > now, 99.0, r.long_short_ratio)),
        )

    return History({symbol: pair(p) for symbol, p in history.pairs.items()})


def with_hours_on_record(history: History) -> History:
    """As in a data directory: 1h candles beside the 5m ones they could be made of."""
    return History(
        {
            symbol: replace(
                p, stored={k: {**by, "1h": p.candles(k, "1h")} for k, by in p.stored.items()}
            )
            for symbol, p in history.pairs.items()
        }
    )


@pytest.mark.parametrize("offset", [0, 1, 5 * MINUTE_MS, 36 * MINUTE_MS, HOUR_MS - 1, 8 * HOUR_MS])
def test_another_future_changes_nothing_that_is_shown(history, clock, offset):
    clock.time += offset
    history = with_hours_on_record(history)
    now = Market(history, clock, seed=7)
    other = Market(with_another_future(history, clock.time), clock, seed=7)
    assert everything(other) == everything(now)


def test_nothing_shown_is_later_than_now(market, clock):
    for interval in INTERVALS:
        candles = market.candles("BTCUSDT", interval, limit=1500)
        assert candles.time[-1] <= clock.time < candles.time[-1] + SERVED_MS[interval]
    assert market.funding("BTCUSDT").time[-1] <= clock.time
    assert market.readings("BTCUSDT", "open_interest", "5m")[0][-1] <= clock.time


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_forming_candle_becomes_the_stored_one(history, market, clock, interval):
    ms = SERVED_MS[interval]
    whole = history.pairs["ETHUSDT"].candles(PriceKind.LAST, interval)
    row = 0 if interval == "1M" else 2  # January, of 31 days
    opened = int(whole.time[row])
    highs, volumes = [], []
    for fraction in (0.0, 0.013, 0.2, 0.51, 0.99):
        clock.time = opened + int(ms * fraction)
        forming = market.candles("ETHUSDT", interval, limit=1)
        assert forming.time.tolist() == [opened]
        assert forming.open[0] == whole.open[row]
        highs.append(forming.high[0])
        volumes.append(forming.volume[0])
    assert highs == sorted(highs)
    assert volumes == sorted(volumes)
    assert highs[-1] <= whole.high[row]
    clock.time = opened + ms
    closed = market.candles("ETHUSDT", interval, end=opened, limit=1)
    assert [c[0] for c in closed.columns()] == [c[row] for c in whole.columns()]


def test_a_month_of_28_days_is_closed_after_them():
    february = 1_675_209_600_000  # 2023
    march = february + 28 * DAY_MS
    history = generate(seed=7, start=february, days=29)
    market = Market(history, HandClock(march + HOUR_MS), seed=7)
    assert market.candles("BTCUSDT", "1M").time.tolist() == [february, march]
    days = market.candles("BTCUSDT", "1d", start=february, end=march - 1)
    whole = market.candles("BTCUSDT", "1M", limit=1, end=march - 1)
    assert whole.volume[0] == pytest.approx(days.volume.sum())


NOW_HOUR = 30 * 24 + 7  # of the fixture's clock


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        ({}, NOW_HOUR - 499, NOW_HOUR),
        ({"limit": 3}, NOW_HOUR - 2, NOW_HOUR),
        ({"start": 10, "limit": 5}, 10, 14),
        ({"start": 9.5, "limit": 5}, 10, 14),
        ({"start": NOW_HOUR - 1, "limit": 5}, NOW_HOUR - 1, NOW_HOUR),
        ({"end": 20, "limit": 5}, 16, 20),
        ({"end": 20.5, "limit": 5}, 16, 20),
        ({"start": 10, "end": 12, "limit": 5}, 10, 12),
        ({"start": 10, "end": 900, "limit": 5}, 10, 14),
        ({"start": -100, "limit": 2}, 0, 1),
        ({"end": NOW_HOUR, "limit": 2}, NOW_HOUR - 1, NOW_HOUR),
        ({"end": NOW_HOUR - 1, "limit": 2}, NOW_HOUR - 2, NOW_HOUR - 1),
        ({"start": NOW_HOUR, "limit": 2}, NOW_HOUR, NOW_HOUR),
    ],
)
def test_windows_are_those_of_the_exchange(market, window, first, last):
    times = {k: START + int(v * HOUR_MS) for k, v in window.items() if k != "limit"}
    limit = {"limit": window["limit"]} if "limit" in window else {}
    hours = (market.candles("BTCUSDT", "1h", **times, **limit).time - START) // HOUR_MS
    assert hours.tolist() == list(range(first, last + 1))


@pytest.mark.parametrize("window", [{"start": 900}, {"end": -1}, {"start": 5, "end": 4}])
def test_a_window_outside_of_history_is_empty(market, window):
    times = {k: START + v * HOUR_MS for k, v in window.items()}
    assert len(market.candles("BTCUSDT", "1h", **times)) == 0
    assert len(market.funding("BTCUSDT", **times).time) == 0


def test_the_ticker_is_the_last_day(history, market, clock):
    ticker = market.ticker("BTCUSDT")
    fine = market.candles("BTCUSDT", "5m", limit=288)
    assert ticker.last == market.price("BTCUSDT") == fine.close[-1]
    assert ticker.high == fine.high.max()
    assert ticker.volume == pytest.approx(fine.volume.sum())
    assert (ticker.opened, ticker.closed) == (clock.time - DAY_MS, clock.time)


def test_the_book_surrounds_the_price_and_changes_every_second(market, clock):
    book, again = market.book("BTCUSDT", 5), market.book("BTCUSDT", 5)
    assert book.bid_prices[0] <= market.price("BTCUSDT") <= book.ask_prices[0]
    np.testing.assert_array_equal(book.bid_sizes, again.bid_sizes)
    clock.time += 1000
    assert market.book("BTCUSDT", 5).bid_sizes.tolist() != book.bid_sizes.tolist()


def test_the_premium_tells_the_last_settlement_and_the_next(history, market, clock):
    premium, funding = market.premium("SOLUSDT"), history.pairs["SOLUSDT"].funding
    assert premium.next_funding == START + 30 * DAY_MS + 8 * HOUR_MS
    settled = funding.time.searchsorted(clock.time, side="right") - 1
    assert premium.funding_rate == funding.rate[settled]
    assert premium.mark == pytest.approx(market.price("SOLUSDT"), rel=0.01)


def test_readings_hold_until_the_next(market, clock):
    times, values = market.readings("BTCUSDT", "long_short_ratio", "15m", limit=8)
    quarter = 15 * MINUTE_MS
    last = clock.time // quarter * quarter
    assert times.tolist() == list(range(last - 7 * quarter, last + 1, quarter))
    assert values[2] == values[3] == values[4] == values[5]  # 06:00 to 06:45
    assert values[5] != values[6]


def test_marks_of_the_past(history, market):
    mark = history.pairs["BTCUSDT"].stored[PriceKind.MARK]["5m"]
    times = np.array([START, START + HOUR_MS])
    assert market.mark_at("BTCUSDT", times).tolist() == [mark.open[0], mark.close[11]]


def test_before_the_short_candles_begin_the_long_ones_form_alone(history, clock):
    """As in a data directory with years of 1h candles and a few months of 5m ones."""
    pair = history.pairs["BTCUSDT"]
    fine, hours = pair.candles(PriceKind.LAST, "5m"), pair.candles(PriceKind.LAST, "1h")
    late = fine[len(fine) // 2 :]
    mixed = PairHistory(pair.instrument, {PriceKind.LAST: {"5m": late, "1h": hours}}, pair.funding)
    clock.time = START + 3 * HOUR_MS + HOUR_MS // 2
    market = Market(History({"BTCUSDT": mixed}), clock)
    forming = market.candles("BTCUSDT", "1h", limit=1)
    assert forming.time.tolist() == [START + 3 * HOUR_MS]
    assert hours.low[3] <= market.price("BTCUSDT") == forming.close[0] <= hours.high[3]
    assert market.price("BTCUSDT", PriceKind.MARK) == market.price("BTCUSDT")
    assert market.candles("BTCUSDT", "4h", limit=1).open[0] == hours.open[0]
    assert len(market.candles("BTCUSDT", "5m")) == 0
    assert market.ticker("BTCUSDT").open == hours.open[0]


def test_when_history_runs_out_prices_stand_still(history, market, clock):
    clock.time = history.end + 3 * DAY_MS
    last = history.pairs["BTCUSDT"].candles(PriceKind.LAST, "5m")
    assert market.price("BTCUSDT") == last.close[-1]
    assert market.candles("BTCUSDT", "5m", limit=1).time[-1] == last.time[-1]
    assert market.ticker("BTCUSDT").volume == 0
    assert len(market.book("BTCUSDT", 5).bid_prices) == 5


@pytest.mark.parametrize("days", [-1, 40, 400])
def test_a_time_without_candles_is_refused(history, clock, days):
    clock.time = START + days * DAY_MS
    with pytest.raises(ValueError, match=r"2024-01-01T00:00Z to 2024-02-10T00:00Z, got 202"):
        Market(history, clock)


@pytest.mark.parametrize(
    ("symbol", "interval", "code"),
    [("FOOUSDT", "1h", -1121), ("BTCUSDT", "7m", -1120), ("BTCUSDT", "1m", -1120)],
)
def test_what_is_not_there_is_refused_with_the_exchange_code(market, symbol, interval, code):
    with pytest.raises(VenueError) as refused:
        market.candles(symbol, interval)
    assert refused.value.code == code


def test_without_positioning_there_are_no_readings(history, clock):
    pair = replace(history.pairs["BTCUSDT"], positioning=None)
    market = Market(History({"BTCUSDT": pair}), clock)
    assert len(market.readings("BTCUSDT", "open_interest", "1h")[0]) == 0


DOGE, FUTURE, ENDED = "DOGEUSDT", "ACHUSDT", "DENTUSDT"


@pytest.fixture(scope="module")
def passing() -> History:
    """A pair that is there all the time, one to come, one that never does, and one that ends."""
    made = generate(seed=7, start=START, days=20, pairs=["DOGE/USDT:USDT"])
    life = {
        "DOGE": None,
        "ACH": Lifetime(START + 10 * DAY_MS),
        "DENT": Lifetime(START, START + 9 * DAY_MS),
        "BTC": Lifetime(START + 100 * DAY_MS),
    }
    doge = replace(made.pairs["DOGEUSDT"], life=None)
    pairs = {
        f"{base}USDT": replace(doge, instrument=replace(doge.instrument, base=base))
        for base in life
    }
    return History(
        {s: p.within(each) if (each := life[p.instrument.base]) else p for s, p in pairs.items()}
    )


@pytest.fixture
def around(passing: History) -> tuple[Market, HandClock]:
    clock = HandClock(START + 8 * DAY_MS)
    return Market(passing, clock), clock


@pytest.mark.parametrize(
    ("day", "traded"),
    [
        (8, [DOGE, ENDED]),
        (9, [DOGE]),
        (9.999, [DOGE]),
        (10, [DOGE, FUTURE]),
        (19.9, [DOGE, FUTURE]),
    ],
)
def test_traded_are_those_between_listing_and_end(around, day, traded):
    market, clock = around
    clock.time = START + int(day * DAY_MS)
    assert market.traded == traded
    assert market.symbols == [DOGE, FUTURE, ENDED, "BTCUSDT"]


def test_before_its_listing_a_pair_has_no_candles_and_no_price(around):
    market, clock = around
    for symbol in (FUTURE, "BTCUSDT"):
        assert market.listing(symbol).status == "PENDING_TRADING"
        for kind in PriceKind:
            for interval in ("5m", "1h", "1d"):
                assert len(market.candles(symbol, interval, kind, start=0)) == 0
        assert len(market.funding(symbol).time) == 0
        assert len(market.readings(symbol, "open_interest", "1h")[0]) == 0
        for look in (market.price, market.ticker, market.premium, lambda s: market.book(s, 5)):
            with pytest.raises(VenueError) as refused:
                look(symbol)
            assert refused.value.code == -4108
    clock.time = START + 10 * DAY_MS + 1
    assert market.listing(FUTURE).status == "TRADING"
    assert market.candles(FUTURE, "5m", start=0).time.tolist() == [START + 10 * DAY_MS]
    assert market.price(FUTURE) > 0


def test_after_its_end_a_pair_keeps_its_candles_and_has_no_more(around, passing):
    market, clock = around
    clock.time = START + 15 * DAY_MS
    stands = market.listing(ENDED)
    assert (stands.status, stands.delivery) == ("CLOSE", START + 9 * DAY_MS)
    hours = market.candles(ENDED, "1h", limit=2)
    assert hours.time.tolist() == [START + 9 * DAY_MS - 2 * HOUR_MS, START + 9 * DAY_MS - HOUR_MS]
    assert market.readings(ENDED, "open_interest", "1h")[0][-1] == START + 9 * DAY_MS
    assert market.funding(ENDED, limit=1).time[0] == START + 9 * DAY_MS
    assert market.price(ENDED) == passing.pairs[ENDED].candles(PriceKind.LAST, "5m").close[-1]


def test_a_delisting_by_fault_ends_trading_too(around):
    market, clock = around
    until = clock.time + DAY_MS
    market.faults.add(Fault(FaultKind.DELISTING, symbol=DOGE, since=clock.time, until=until))
    assert DOGE in market.traded
    clock.time = until
    assert DOGE not in market.traded


def test_one_pair_that_is_traded_is_enough(passing):
    Market(passing, HandClock(START + 19 * DAY_MS))
    alone = History({"BTCUSDT": passing.pairs["BTCUSDT"]})
    with pytest.raises(ValueError, match="where a pair has candles"):
        Market(alone, HandClock(START + 19 * DAY_MS))


def test_a_moved_history_takes_its_lifetimes_along(passing):
    moved = passing.shifted(DAY_MS)
    assert moved.pairs[FUTURE].lifetime.onboard == START + 11 * DAY_MS
    assert moved.pairs[ENDED].lifetime.delivery == START + 10 * DAY_MS
    assert moved.end == passing.end + DAY_MS == START + 21 * DAY_MS


def test_relabelled_history_takes_its_lifetimes_along(passing):
    anchor = START + 10 * DAY_MS
    faster = relabelled(passing, "1h", "5m", anchor)
    assert faster.pairs[ENDED].lifetime.delivery == anchor - DAY_MS // 12
    assert faster.pairs[ENDED].end == anchor - DAY_MS // 12
