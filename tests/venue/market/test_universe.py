"""The contracts of a wide market: which there are, what they cost and how they move together."""

from collections import Counter
from importlib.resources import files
from itertools import combinations
from json import loads

import numpy as np
import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import ContractType
from perpkit.venue.market.listing import NEVER_DELIVERED
from perpkit.venue.market.roster import Group
from perpkit.venue.market.synthetic import generate
from perpkit.venue.market.universe import MODELS, first_pairs, lifetime, universe
from tests.venue.recorded_series import series

START = 1_704_067_200_000  # 2024-01-01T00:00Z
ANCHOR = START + 60 * DAY_MS
DAYS = 91
COUNT = 120


@pytest.fixture(scope="module")
def wide() -> History:
    return generate(seed=1, start=START, days=DAYS, pairs=first_pairs(COUNT, ANCHOR), anchor=ANCHOR)


def test_the_first_are_the_same_however_many_there_are():
    everything = tuple(universe(ANCHOR))
    assert everything[:5] == tuple(MODELS)
    assert len(everything) >= 305
    assert len(set(everything)) == len(everything)
    for count in (1, 5, 6, 60, len(everything)):
        assert first_pairs(count, ANCHOR) == everything[:count]


@pytest.mark.parametrize("count", [-1, 0, 10_000])
def test_a_count_that_is_not_there_is_refused(count):
    with pytest.raises(ValueError, match=f"count must be 1 to 371, got {count}"):
        first_pairs(count, ANCHOR)


def test_the_first_five_are_what_they_were_when_there_were_no_others():
    """Figures of the release that had five: markets on record must stay what they are."""
    history = generate(seed=1, start=START, days=40, pairs=first_pairs(7, ANCHOR), anchor=ANCHOR)
    shown = {
        symbol: (
            float(pair.candles(PriceKind.LAST, "5m").close[-1]),
            float(pair.candles(PriceKind.MARK, "5m").high.max()),
            float(pair.funding.rate[-1]),
            float(pair.positioning.long_short_ratio[-1]),
        )
        for symbol, pair in history.pairs.items()
    }
    assert {symbol: shown[symbol] for symbol in list(shown)[:5]} == FIGURES_OF_FIVE


FIGURES_OF_FIVE = {
    "BTCUSDT": (62512.6, 75764.25710055, -0.00141839, 1.7559),
    "ETHUSDT": (3754.56, 4568.74029345, -0.00210166, 1.6988),
    "BNBUSDT": (594.23, 699.26901234, -0.00098207, 1.4136),
    "SOLUSDT": (124.34, 170.83329678, -0.00089285, 1.6141),
    "XRPUSDT": (0.7544, 0.97325265, -0.00189312, 1.5054),
}


def test_a_pair_is_the_same_whichever_others_are_traded(wide):
    some = ["DOGE/USDT:USDT", "BTC/USDC:USDC", "XAU/USDT:USDT", "币安人生/USDT:USDT"]
    few = generate(seed=1, start=START, days=DAYS, pairs=some, anchor=ANCHOR)
    for symbol, pair in few.pairs.items():
        expected = series(wide.pairs[symbol])
        for name, values in series(pair).items():
            np.testing.assert_array_equal(values, expected[name], err_msg=f"{symbol} {name}")


def test_a_wide_market_does_not_change_as_time_goes_on(wide):
    short = generate(
        seed=1, start=START, days=70, pairs=first_pairs(COUNT, ANCHOR)[5::9], anchor=ANCHOR
    )
    for symbol, pair in short.pairs.items():
        longer = series(wide.pairs[symbol])
        for name, values in series(pair).items():
            np.testing.assert_array_equal(longer[name][: len(values)], values, err_msg=symbol)


def test_another_seed_lists_and_delists_at_other_times():
    lives = [
        {pair: lifetime(seed, model, ANCHOR) for pair, model in universe(ANCHOR).items()}
        for seed in (1, 2)
    ]
    assert lives[0] != lives[1]


def test_freqtrade_knows_every_name():
    tiers = loads((files("freqtrade") / "exchange/binance_leverage_tiers.json").read_text())
    dated = {pair for pair, model in universe(ANCHOR).items() if model.instrument.delivery}
    assert set(universe(ANCHOR)) - dated <= set(tiers)


def test_prices_and_turnovers_are_spread_over_decades():
    models = [universe(ANCHOR)[pair] for pair in first_pairs(200, ANCHOR)]
    prices, turnovers = (
        np.array([getattr(model, name) for model in models]) for name in ("price", "turnover")
    )
    assert (prices.min(), prices.max()) == (0.0005, 100_000)
    assert turnovers.min() < 2e5
    assert turnovers.max() > 1e9
    for values, low, high in ((prices, -4, 5), (turnovers, 5, 9)):
        decades = Counter(np.floor(np.log10(values)).astype(int).tolist())
        assert all(decades[decade] >= 2 for decade in range(low, high))


def test_ticks_and_steps_match_prices():
    for model in universe(ANCHOR).values():
        assert 1e-7 < model.instrument.tick_size / model.price < 1e-3, model
        assert model.instrument.step_size * model.price < 250, model


def test_kinds_of_contracts():
    models = [universe(ANCHOR)[pair] for pair in first_pairs(200, ANCHOR)]
    instruments = [model.instrument for model in models]
    hours = Counter(each.funding_hours for each in instruments)
    assert set(hours) == {1, 4, 8}
    assert hours[4] > hours[8] > hours[1] > 5
    kinds = Counter(each.contract_type for each in instruments)
    assert kinds[ContractType.TRADIFI_PERPETUAL] > 10
    assert kinds[ContractType.CURRENT_QUARTER] == kinds[ContractType.NEXT_QUARTER] == 1
    assert Counter(each.quote for each in instruments)["USDC"] > 5
    assert sum(not each.base.isascii() for each in instruments) >= 1
    for model in models:
        tradfi = model.instrument.contract_type is ContractType.TRADIFI_PERPETUAL
        assert tradfi is model.traditional, model


@pytest.mark.parametrize(
    ("day", "deliveries"),
    [
        ("2026-10-30", ["261225", "270326"]),
        ("2024-01-01", ["240329", "240628"]),
        ("2024-02-29", ["240628", "240927"]),  # the end of March is less than a month away
    ],
)
def test_dated_contracts_end_on_the_last_fridays_of_quarters(day, deliveries):
    anchor = int(np.datetime64(day, "ms").astype(np.int64))
    dated = [m.instrument for m in universe(anchor).values() if m.instrument.delivery]
    of_btc = [each for each in dated if each.base == "BTC"]
    assert [each.delivery for each in of_btc] == deliveries
    assert [each.contract_type for each in of_btc] == ["CURRENT_QUARTER", "NEXT_QUARTER"]
    assert [each.symbol for each in dated if each.base == "ETH"] == [
        f"ETHUSDT_{delivery}" for delivery in deliveries
    ]


def test_lifetimes_have_young_ones_and_ends_about_the_anchor():
    lives = [lifetime(1, model, ANCHOR) for model in universe(ANCHOR).values()]
    assert lives[:5] == [None] * 5
    others = [life for life in lives if life is not None]
    age = np.array([(ANCHOR - life.onboard) / DAY_MS for life in others])
    assert np.sum((age > 0) & (age < 75)) >= 5
    assert np.sum(age <= 0) >= 5
    ends = [life.delivery for life in others if not life.dated]
    soon = [end for end in ends if end < NEVER_DELIVERED]
    assert 5 <= len(soon) <= 30
    for life in others:
        assert life.onboard % (30 * MINUTE_MS) == 0
    for end in soon:
        assert (end - 9 * HOUR_MS) % DAY_MS == 0
        assert -5 * DAY_MS - DAY_MS <= end - ANCHOR <= 61 * DAY_MS


def test_history_keeps_to_lifetimes(wide):
    cut = 0
    for pair in wide:
        life = pair.life
        if life is None:
            continue
        candles, step = pair.candles(PriceKind.LAST, "5m"), 5 * MINUTE_MS
        first = max(START, life.onboard)
        last = min(START + DAYS * DAY_MS, life.delivery)
        assert len(candles) == max(0, (last - first) // step)
        cut += len(candles) < DAYS * DAY_MS // step
        if not len(candles):
            continue
        assert (candles.time[0], candles.time[-1] + step) == (first, last)
        for time in (pair.funding.time, pair.positioning.time):
            assert np.all((time > life.onboard) & (time <= life.delivery))
    assert cut > 5


def returns(history: History) -> dict[str, np.ndarray]:
    """Hourly, of the pairs that are there all the time and have a price of their own."""
    closes = {
        pair.instrument.symbol: pair.candles(PriceKind.LAST, "1h").close
        for pair in history
        if pair.instrument.quote == "USDT" and not pair.instrument.delivery
    }
    return {s: np.diff(np.log(c)) for s, c in closes.items() if len(c) == DAYS * 24}


def test_groups_move_together_and_shares_and_metals_apart_from_bitcoin(wide):
    moves = returns(wide)
    group = {m.instrument.symbol: m.group for m in universe(ANCHOR).values()}
    correlation = dict(
        zip(
            combinations(moves, 2),
            np.corrcoef(list(moves.values()))[np.triu_indices(len(moves), 1)],
            strict=True,
        )
    )

    def mean(first: Group | None, second: Group | None) -> float:
        found = [
            value
            for (a, b), value in correlation.items()
            if {group[a], group[b]} == {first, second}
        ]
        return float(np.mean(found))

    crypto = [each for each in Group if not each.traditional]
    across = [mean(a, b) for a, b in combinations(crypto, 2)]
    assert min(mean(each, each) for each in crypto) > max(across) + 0.03
    for each in crypto:
        apart = np.mean([mean(each, other) for other in crypto if other is not each])
        assert mean(each, each) > apart + 0.08
        assert abs(mean(each, Group.SHARES)) < 0.06
        assert mean(None, each) > 0.3  # BTC and the other four
    assert mean(Group.SHARES, Group.SHARES) > 0.2
    assert abs(mean(Group.SHARES, Group.COMMODITIES)) < 0.1


def test_small_coins_move_more_by_themselves(wide):
    moves = returns(wide)
    models = {m.instrument.symbol: m for m in universe(ANCHOR).values()}
    own = {
        symbol: float(np.std(r - models[symbol].beta * moves["BTCUSDT"]))
        for symbol, r in moves.items()
        if symbol in models and models[symbol].group and not models[symbol].traditional
    }
    size = [np.log10(models[symbol].turnover) for symbol in own]
    assert np.corrcoef(size, list(own.values()))[0, 1] < -0.5


def test_turnover_is_that_of_the_model(wide):
    for pair in wide:
        days = pair.candles(PriceKind.LAST, "1d")
        if len(days) == DAYS:
            model = universe(ANCHOR)[pair.instrument.pair]
            assert 0.3 < np.median(days.turnover()) / model.turnover < 5, model


def test_contracts_on_one_asset_have_one_price(wide):
    usdt, usdc = (wide.pairs[s].candles(PriceKind.INDEX, "1h") for s in ("BTCUSDT", "BTCUSDC"))
    np.testing.assert_array_equal(usdt.close, usdc.close)
    last, other = (wide.pairs[s].candles(PriceKind.LAST, "1h") for s in ("BTCUSDT", "BTCUSDC"))
    gap = np.abs(np.log(last.close / other.close))
    assert 0 < gap.mean() < 0.002


def test_a_dated_contract_has_no_funding_and_is_delivered_at_the_index():
    anchor = ANCHOR - 60 * DAY_MS
    pair = "BTC/USDT:USDT-240329"
    made = generate(seed=1, start=START, days=DAYS, pairs=[pair], anchor=anchor)
    dated = made.pairs["BTCUSDT_240329"]
    last, index = (dated.candles(kind, "5m") for kind in (PriceKind.LAST, PriceKind.INDEX))
    assert len(dated.funding.time) == 0
    assert last.time[-1] + 5 * MINUTE_MS == START + 88 * DAY_MS + 8 * HOUR_MS
    premium = last.close / index.close - 1
    assert premium[:288].mean() == pytest.approx(0.06 * 88 / 365, abs=2e-3)
    assert abs(premium[-12:].mean()) < 5e-4


def test_the_pairs_that_there_are_stand_in_the_refusal():
    with pytest.raises(ValueError, match=r"XRP/USDT:USDT and 366 more of Binance's, got 'FOO/"):
        generate(seed=1, start=START, days=1, pairs=["FOO/USDT:USDT"])
