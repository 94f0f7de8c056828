"""The synthetic market: reproducible, consistent with itself, and rough where markets are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import HOUR_MS
from perpkit.venue.market.candles import Candles, PriceKind
from perpkit.venue.market.history import History, PairHistory
from perpkit.venue.market.perpetual import funding
from perpkit.venue.market.regimes import regimes
from perpkit.venue.market.synthetic import MODELS, generate
from tests.cases import cases
from tests.venue.recorded_series import series

START = 1_704_067_200_000
BTC = "BTC/USDT:USDT"


@pytest.fixture(scope="module")
def year() -> History:
    return generate(seed=1, start=START, days=365)


def hourly_returns(pair: PairHistory) -> np.ndarray:
    return np.diff(np.log(pair.candles(PriceKind.LAST, "1h").close))


@cases(12)
@given(seed=st.integers(0, 2**63), days=st.integers(1, 12), more=st.integers(1, 30))
def test_history_does_not_change_as_time_goes_on(seed, days, more):
    short, long = (
        series(generate(seed=seed, start=START, days=d, pairs=[BTC]).pairs["BTCUSDT"])
        for d in (days, days + more)
    )
    for name, values in short.items():
        np.testing.assert_array_equal(long[name][: len(values)], values, err_msg=name)


def test_a_pair_is_the_same_whichever_others_are_traded():
    alone = generate(seed=3, start=START, days=5, pairs=["SOL/USDT:USDT"])
    among = generate(seed=3, start=START, days=5)
    for name, values in series(alone.pairs["SOLUSDT"]).items():
        np.testing.assert_array_equal(series(among.pairs["SOLUSDT"])[name], values, err_msg=name)


def test_another_seed_is_another_market():
    first, second = (generate(seed=s, start=START, days=5, pairs=[BTC]) for s in (1, 2))
    closes = [hourly_returns(h.pairs["BTCUSDT"]) for h in (first, second)]
    assert abs(np.corrcoef(closes)[0, 1]) < 0.5


@pytest.mark.parametrize("base", ["1m", "5m"])
def test_candles_are_well_formed_and_on_their_grids(base):
    for pair in generate(seed=5, start=START, days=3, base=base):
        for kind in PriceKind:
            c = pair.stored[kind][base]
            assert np.all(np.diff(c.time) == c.time[1] - c.time[0])
            assert c.time[0] == START
            assert np.all(c.low <= np.minimum(c.open, c.close))
            assert np.all(c.high >= np.maximum(c.open, c.close))
            assert np.all(c.open[1:] == c.close[:-1])
        last, instrument = pair.stored[PriceKind.LAST][base], pair.instrument
        for column in last.columns()[1:5]:
            np.testing.assert_array_equal(np.round(column, instrument.price_decimals), column)
        np.testing.assert_array_equal(
            np.round(last.volume, instrument.quantity_decimals), last.volume
        )
        assert last.volume.min() > 0


@pytest.mark.parametrize("interval", ["15m", "1h", "4h", "1d"])
def test_longer_candles_are_the_aggregate_of_the_shortest(history, interval):
    pair = history.pairs["ETHUSDT"]
    fine, coarse = pair.candles(PriceKind.LAST, "5m"), pair.candles(PriceKind.LAST, interval)
    n = len(fine) // len(coarse)

    def rows(column: np.ndarray) -> np.ndarray:
        return column.reshape(len(coarse), n)

    np.testing.assert_array_equal(coarse.time, rows(fine.time)[:, 0])
    np.testing.assert_array_equal(coarse.open, rows(fine.open)[:, 0])
    np.testing.assert_array_equal(coarse.high, rows(fine.high).max(axis=1))
    np.testing.assert_array_equal(coarse.low, rows(fine.low).min(axis=1))
    np.testing.assert_array_equal(coarse.close, rows(fine.close)[:, -1])
    np.testing.assert_allclose(coarse.volume, rows(fine.volume).sum(axis=1))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT"])
def test_funding_is_what_the_basis_says(history, symbol):
    """As far as prices that are rounded to their tick can say it."""
    pair = history.pairs[symbol]
    last, index = (pair.candles(kind, "5m") for kind in (PriceKind.LAST, PriceKind.INDEX))
    instrument = pair.instrument
    expected = funding(
        last.time, last.close / index.close - 1, instrument.funding_hours, instrument.funding_cap
    )
    np.testing.assert_array_equal(pair.funding.time, expected.time)
    np.testing.assert_allclose(pair.funding.rate, expected.rate, atol=1e-5)


def test_returns_have_fat_tails_and_clustered_volatility_but_no_memory(year):
    for pair in year:
        r = hourly_returns(pair)
        z = (r - r.mean()) / r.std()
        assert (z**4).mean() - 3 > 5
        size = np.abs(z)
        correlation = [np.corrcoef(size[:-lag], size[lag:])[0, 1] for lag in (1, 24)]
        assert correlation[0] > 0.15
        assert correlation[1] > 0.05
        assert abs(np.corrcoef(r[:-1], r[1:])[0, 1]) < 0.12
        assert 0.3 < r.std() * 8760**0.5 < 1.6


def test_pairs_move_together_by_the_factor(year):
    correlation = np.corrcoef([hourly_returns(pair) for pair in year])
    others = correlation[~np.eye(len(correlation), dtype=bool)]
    assert others.min() > 0.3
    assert others.max() < 0.96


def test_volume_follows_volatility(year):
    for pair in year:
        hours = pair.candles(PriceKind.LAST, "1h")
        ranges = np.log(hours.high / hours.low)
        assert np.corrcoef(np.log(hours.turnover()), np.log(ranges))[0, 1] > 0.4


def test_funding_is_mostly_the_interest_and_at_times_extreme_both_ways(year):
    for pair in year:
        eight_hourly = pair.funding.rate * 8 / pair.instrument.funding_hours
        assert np.median(eight_hourly) == pytest.approx(1e-4, abs=1e-6)
        assert np.quantile(eight_hourly, 0.99) > 6e-4
        assert np.quantile(eight_hourly, 0.01) < -3e-4


def test_accounts_get_crowded_on_both_sides(year):
    ratios = np.concatenate([pair.positioning.long_short_ratio for pair in year])
    assert 0.05 < np.mean(ratios > 2) < 0.5
    assert 0.001 < np.mean(ratios < 0.5) < 0.2


@pytest.mark.parametrize("seed", range(5))
def test_every_year_has_crashes_and_volatility_rises_before_them(seed):
    pair = generate(seed=seed, start=START, days=365, pairs=[BTC]).pairs["BTCUSDT"]
    hours = pair.candles(PriceKind.LAST, "1h")
    starts = crashes(hours)
    assert len(starts) >= 3
    size = np.abs(np.diff(np.log(hours.close), prepend=np.log(hours.open[0])))
    warned = [
        size[s - 18 : s].mean() > 1.25 * np.median(size[max(0, s - 720) : s - 48])
        for s in starts
        if s > 200
    ]
    assert np.mean(warned) > 0.6


def crashes(hours: Candles) -> list[int]:
    """Hours in which a fall of 10% within a day began, a week apart."""
    found: list[int] = []
    for i in range(24, len(hours)):
        window = hours.high[i - 24 : i]
        if hours.close[i] < 0.9 * window.max():
            began = i - 24 + int(window.argmax())
            if not found or began - found[-1] > 168:
                found.append(began)
    return found


def test_pull_backs_in_trends_occur_in_both_directions(year):
    """RSI(14) was oversold, price comes back over SMA(20), SMA(50) above SMA(200); and mirrored."""
    longs = shorts = 0
    for pair in year:
        close = pair.candles(PriceKind.LAST, "1h").close
        change = np.diff(close, prepend=close[0])
        rsi = 100 * wilder(np.maximum(change, 0)) / wilder(np.abs(change))
        mean = {n: np.convolve(close, np.ones(n) / n)[: len(close)] for n in (20, 50, 200)}
        view = np.lib.stride_tricks.sliding_window_view
        oversold, overbought = (
            view(x, 12).any(axis=1)[200:] for x in (rsi[:-11] < 30, rsi[:-11] > 70)
        )
        n = len(oversold)
        above, up = (close > mean[20])[-n:], (mean[50] > mean[200])[-n:]
        crossed_up = above & ~np.r_[True, above[:-1]]
        crossed_down = ~above & np.r_[False, above[:-1]]
        longs += int((oversold & crossed_up & up).sum())
        shorts += int((overbought & crossed_down & ~up).sum())
    assert longs > 20
    assert shorts > 20


def wilder(values: np.ndarray) -> np.ndarray:
    out = np.zeros(len(values))
    for i in range(1, len(values)):
        out[i] = out[i - 1] + (values[i] - out[i - 1]) / 14
    return out + 1e-12


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"seed": -1}, "seed must not be negative, got -1"),
        ({"start": START + HOUR_MS}, "start must be midnight UTC"),
        ({"days": 0}, "days must be at least 1, got 0"),
        ({"base": "2m"}, "base must be one of 1m, 5m, got '2m'"),
        ({"pairs": []}, "pairs must name at least one"),
        ({"pairs": ["FOO/USDT:USDT"]}, "pairs must be among BTC/USDT:USDT.*got 'FOO/USDT:USDT'"),
    ],
)
def test_a_bad_parameter_is_named(bad, message):
    with pytest.raises(ValueError, match=message):
        generate(**{"seed": 1, "start": START, "days": 1} | bad)


def test_every_pair_has_leverage_tiers_in_freqtrade():
    from importlib.resources import files
    from json import loads

    tiers = loads((files("freqtrade") / "exchange/binance_leverage_tiers.json").read_text())
    assert set(MODELS) <= set(tiers)


def test_regimes_too_have_the_shorter_as_their_prefix():
    short, long = (regimes(np.random.default_rng(4), hours) for hours in (100, 9000))
    for name, values in vars(short).items():
        np.testing.assert_array_equal(vars(long)[name][:100], values)
    assert len(long.drift) == 9000
