"""Which market the options mean: replays whose pairs end at different times."""

from dataclasses import replace
from pathlib import Path

import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.market import datadir
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.history import History
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.source import replayed_market
from perpkit.venue.market.synthetic import generate

START = 1_704_067_200_000
DAYS = 10
NOW = START + 400 * DAY_MS + 12_345_678


def stored(directory: Path, last_days: dict[str, float]) -> Path:
    """Pairs whose candles end after so many days."""
    names = [f"{symbol.removesuffix('USDT')}/USDT:USDT" for symbol in last_days]
    made = generate(seed=5, start=START, days=DAYS, pairs=names)
    pairs = {
        symbol: replace(
            made.pairs[symbol].within(Lifetime(START, START + int(day * DAY_MS))), life=None
        )
        for symbol, day in last_days.items()
    }
    datadir.write(History(pairs), directory, ["5m", "1h"], START + DAYS * DAY_MS)
    return directory


def test_a_pair_that_ended_days_before_the_others_is_delisted(tmp_path):
    """It must not hold the others back: they lead up to the present."""
    folder = stored(tmp_path, {"BTCUSDT": 10, "XRPUSDT": 6, "SOLUSDT": 9.5})
    market = replayed_market(folder, [], VirtualClock(NOW), None, keep_dates=False)
    assert market.traded == ["BTCUSDT", "SOLUSDT"]
    assert market.listing("XRPUSDT").status == "CLOSE"
    last = market.candles("BTCUSDT", "5m", limit=1).time[0]
    assert 0 <= NOW - last < 300_000
    ended = market.candles("XRPUSDT", "1d", PriceKind.LAST, limit=1).time[0]
    assert 1.5 <= (NOW - ended) / DAY_MS - 1 <= 2.5


@pytest.mark.parametrize(("day", "traded"), [(5.5, ["BTCUSDT", "XRPUSDT"]), (7, ["BTCUSDT"])])
def test_kept_dates_may_lie_after_the_end_of_some(tmp_path, day, traded):
    folder = stored(tmp_path, {"BTCUSDT": 10, "XRPUSDT": 6})
    clock = VirtualClock(START + int(day * DAY_MS))
    assert replayed_market(folder, [], clock, None, keep_dates=True).traded == traded
