"""Ranks of a pair among the others, as columns of its candles."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.enums import CandleType
from freqtrade.exceptions import TemporaryError

from perpkit.bot.candles import rank_columns
from perpkit.bot.candles.known_funding import KnownFunding
from perpkit.bot.candles.rank_columns import RankColumns
from perpkit.durations import HOUR
from perpkit.signals.cross_rank import strength
from tests import factories

PAIRS = [f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP", "LTC")]
ROWS = 900
NAMES = ["strength_rank", "carry_rank"]


class Feed:
    """The same frame for as long as nothing is new, as the feeds have it."""

    def __init__(self, rows: int = ROWS) -> None:
        self.candles = {p: factories.candles(rows, seed=n) for n, p in enumerate(PAIRS)}
        self.rates: dict[str, pd.DataFrame] = {}
        self.funding = KnownFunding()
        self.asked: list[tuple[str, CandleType, timedelta]] = []

    def history(self, pair, timeframe, kind, warm_up):
        self.asked.append((pair, kind, warm_up))
        of = self.rates if kind is CandleType.FUNDING_RATE else self.candles
        found = of.get(pair, pd.DataFrame())
        if isinstance(found, Exception):
            raise found
        return found


def joined(feed: Feed, pair: str, pairs=PAIRS, least: int = 3) -> pd.DataFrame:
    candles = feed.candles[pair]
    return pd.DataFrame(RankColumns(feed, "1h", least).columns(candles, pair, pairs))


def test_every_pair_has_its_place_at_every_hour():
    feed = Feed()
    found = pd.DataFrame({p: joined(feed, p)["strength_rank"] for p in PAIRS})
    scores = pd.DataFrame({p: strength(feed.candles[p]["close"].to_numpy(), HOUR) for p in PAIRS})
    assert found[:672].isna().all(axis=None)
    assert (np.sort(found[672:], axis=1) == np.array([0, 1 / 3, 2 / 3, 1])).all()
    assert (found[672:].idxmax(axis=1) == scores[672:].idxmax(axis=1)).all()


def test_later_candles_of_any_pair_change_nothing():
    whole, feed = joined(Feed(), PAIRS[0]), Feed()
    for end in (700, 750, 899):
        for pair in PAIRS:
            feed.candles[pair] = Feed().candles[pair][:end]
        pd.testing.assert_frame_equal(joined(feed, PAIRS[0]), whole[:end])


@pytest.mark.parametrize("missing", [800, 899])
def test_a_pair_without_the_candle_is_left_out_of_that_hour(missing):
    whole, feed = joined(Feed(), PAIRS[0]), Feed()
    feed.candles[PAIRS[1]] = feed.candles[PAIRS[1]].drop(index=missing)
    found = joined(feed, PAIRS[0])
    assert found["strength_rank"][missing] in (0, 0.5, 1)  # of three
    pd.testing.assert_frame_equal(found[:missing], whole[:missing])
    assert joined(feed, PAIRS[0], least=4)["strength_rank"].isna()[missing]


def test_an_hour_that_no_pair_has_is_no_rank():
    """Rather than the rank of the next hour."""
    feed = Feed()
    for pair in PAIRS:
        feed.candles[pair] = Feed().candles[pair].drop(index=[800, 899])
    own = Feed().candles[PAIRS[0]]
    found = RankColumns(feed, "1h", 3).columns(own, PAIRS[0], PAIRS)["strength_rank"]
    assert np.flatnonzero(np.isnan(found[672:])).tolist() == [800 - 672, 899 - 672]


def rates(level: float) -> pd.DataFrame:
    dates = [factories.START + timedelta(hours=8 * n) for n in range(ROWS // 8)]
    wave = [level + 0.00001 * (n % 3) for n in range(len(dates))]
    return pd.DataFrame({"date": pd.DatetimeIndex(dates), "funding_rate": wave})


def test_who_pays_least_for_a_long_has_the_highest_carry():
    feed = Feed()
    feed.rates = {p: rates(0.0001 * n) for n, p in enumerate(PAIRS)}
    last = [joined(feed, p)["carry_rank"].iloc[-1] for p in PAIRS]
    assert last == pytest.approx([1, 2 / 3, 1 / 3, 0])
    del feed.rates[PAIRS[0]]
    assert np.isnan(joined(feed, PAIRS[0])["carry_rank"].iloc[-1])
    assert joined(feed, PAIRS[1])["carry_rank"].iloc[-1] == 1


def test_too_few_pairs_are_no_rank_and_said_each_time_that_begins(caplog):
    feed = Feed()
    columns = RankColumns(feed, "1h", 4)

    def ranked(*pairs: str, traded: str = "") -> list[bool]:
        analysed = [*pairs, *filter(None, [traded])]
        found = [columns.columns(feed.candles[pair], pair, pairs) for pair in analysed]
        return [bool(np.isfinite(each["strength_rank"][-1])) for each in found]

    warning = (
        "Ranks need 4 pairs, and there are 3: until there are enough, nothing is entered and no "
        "open trade is left by its rank. Stops act."
    )
    assert ranked(*PAIRS) == [True] * 4
    assert caplog.messages == []
    for _ in range(2):
        assert ranked(*PAIRS[:3]) == [False] * 3
        # The pair of an open trade that has left the list is ranked, and nothing has ended.
        assert ranked(*PAIRS[:3], traded=PAIRS[3]) == [False] * 3 + [True]
    assert caplog.messages == [warning]
    assert ranked(*PAIRS) == [True] * 4
    ranked(*PAIRS[:3])
    assert caplog.messages == [warning] * 2


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (None, "No 1h candles of LTC/USDT:USDT: it is not ranked."),
        (
            TemporaryError("busy"),
            "1h futures of LTC/USDT:USDT could not be fetched for its rank: busy",
        ),
    ],
)
def test_a_pair_that_cannot_be_had_is_not_ranked(caplog, there, said):
    feed = Feed()
    feed.candles[PAIRS[3]] = pd.DataFrame() if there is None else there
    columns = RankColumns(feed, "1h", 3)
    for pair in PAIRS[:3]:
        found = columns.columns(feed.candles[pair], pair, PAIRS)
        assert found["strength_rank"][-1] in (0, 0.5, 1)
    assert [r.message for r in caplog.records] == [said]


def test_a_traded_pair_is_ranked_though_the_list_lacks_it():
    found = joined(Feed(), PAIRS[0], pairs=PAIRS[1:], least=4)
    pd.testing.assert_frame_equal(found, joined(Feed(), PAIRS[0], least=4))


def test_what_has_not_changed_is_made_once(monkeypatch):
    made, feed = [], Feed()
    monkeypatch.setattr(
        rank_columns, "ranks", lambda values, _: made.append(values.shape) or values
    )
    monkeypatch.setattr(
        rank_columns, "strength", lambda closes, _: made.append(len(closes)) or closes
    )
    columns = RankColumns(feed, "1h", 3)
    for _ in range(2):
        for pair in PAIRS:
            columns.columns(feed.candles[pair], pair, PAIRS)
    assert made == [ROWS] * 4 + [(ROWS, 4)] * 2
    feed.candles[PAIRS[1]] = factories.candles(ROWS + 1, seed=1)
    for pair in PAIRS:
        columns.columns(feed.candles[pair], pair, PAIRS)
    assert made[6:] == [ROWS + 1] + [(ROWS + 1, 4)] * 2
