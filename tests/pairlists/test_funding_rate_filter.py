"""FundingRateFilter in Freqtrade's own pairlist manager: live against a patched exchange, and in
dynamic-pairlist backtests."""

import logging
from datetime import UTC, datetime, timedelta

import ccxt
import numpy as np
import pandas as pd
import pytest
import time_machine
from freqtrade.enums import RunMode
from freqtrade.exceptions import OperationalException

from perpkit.market.funding import with_funding
from tests import factories
from tests.pairlists import running
from tests.pairlists.running import BTC, DAYS, ETH, PAIRS, XRP, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)


def manager(config, exchange, **parameters):
    return running.manager(config, exchange, {"method": "FundingRateFilter", **parameters})


class FundingEndpoint:
    """Stands in for GET /fapi/v1/fundingRate: rates of each pair, every 8 h until now."""

    def __init__(self, last: dict[str, float], days: int = 40):
        self.last, self.days = last, days
        self.asked: list[str] = []
        self.error: Exception | None = None
        # By pair: when it began to settle more often, how often, and at which rate.
        self.shorter: dict[str, tuple[datetime, str, float]] = {}

    async def fetch_funding_rate_history(self, pair, since=None, limit=None, params=None):
        self.asked.append(pair)
        if self.error:
            raise self.error
        now = pd.Timestamp(datetime.now(UTC)).floor("8h")
        dates = pd.date_range(end=now, periods=3 * self.days, freq="8h")
        rates = [0.0001, 0.0003] * (len(dates) // 2 - 1) + [0.0001, self.last[pair]]
        if pair in self.shorter:
            began, every, rate = self.shorter[pair]
            more = pd.date_range(began, datetime.now(UTC), freq=every, inclusive="right")
            dates, rates = dates.append(more), rates + [rate] * len(more)
        return [
            {"timestamp": int(date.timestamp() * 1000), "fundingRate": rate}
            for date, rate in zip(dates, rates, strict=True)
            if date.timestamp() * 1000 >= (since or 0)
        ]


@pytest.fixture
def endpoint(futures_exchange, monkeypatch):
    endpoint = FundingEndpoint({BTC: 0.0005, ETH: -0.0002, XRP: 0.0001})
    monkeypatch.setattr(
        futures_exchange._api_async,
        "fetch_funding_rate_history",
        endpoint.fetch_funding_rate_history,
    )
    with time_machine.travel(NOW, tick=False) as clock:
        endpoint.clock = clock
        yield endpoint


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, PAIRS),
        ({"max_funding_rate_8h": 0.0003}, [ETH, XRP]),
        ({"min_funding_rate_8h": 0.0001}, [BTC, XRP]),
        ({"min_percentile": 90}, [BTC]),
        # Between its last rate and its mean of 0.02%: 0.0005 -> 0.000438, -0.0002 -> -0.00012.
        ({"max_predicted_rate_8h": 0.0004}, [ETH, XRP]),
        ({"min_predicted_rate_8h": -0.0001}, [BTC, XRP]),
        ({"min_interval_hours": 8}, PAIRS),
        ({"max_interval_hours": 4}, []),
        # Over a day a long pays 0.1% in BTC and is paid 0.02% in ETH.
        ({"max_carry_cost": 0.0005, "carry_side": "long"}, [ETH, XRP]),
        ({"max_carry_cost": 0, "carry_side": "long"}, [ETH]),
        ({"max_carry_cost": 0, "carry_side": "short"}, [BTC, XRP]),
        ({"max_carry_cost": 0.0005}, [ETH, XRP]),
        ({"max_carry_cost": 0.0005, "holding_hours": 240, "carry_side": "short"}, PAIRS),
        ({"max_percentile": 10}, [ETH]),
        ({"sort": "asc"}, [ETH, XRP, BTC]),
        ({"sort": "desc", "number_assets": 2}, [BTC, XRP]),
        # What FreqUI sends for fields left empty.
        ({"min_percentile": None, "max_percentile": "", "sort": "", "number_assets": 0}, PAIRS),
        ({"max_funding_rate_8h": 0.0003, "refresh_period": None}, [ETH, XRP]),
    ],
)
def test_live_the_band_is_applied_to_the_settled_rates(
    config, futures_exchange, endpoint, parameters, expected
):
    assert whitelist(manager(config, futures_exchange, **parameters)) == expected


@pytest.mark.parametrize(("minutes_after_8h", "known"), [(59, False), (60, True)])
def test_live_as_in_backtests_a_rate_counts_an_hour_after_it_settled(
    config, futures_exchange, endpoint, minutes_after_8h, known
):
    endpoint.clock.move_to(
        datetime(2023, 3, 1, 8, tzinfo=UTC) + timedelta(minutes=minutes_after_8h)
    )
    pairs = whitelist(manager(config, futures_exchange, max_funding_rate_8h=0.0003))
    assert (BTC not in pairs) is known


def test_rates_are_fetched_again_every_hour(config, futures_exchange, endpoint):
    pairlists = manager(config, futures_exchange)
    requests = []
    for hour in (9.5, 10.4, 10.5, 12, 16.9, 17, 17.9):
        endpoint.clock.move_to(datetime(2023, 3, 1, tzinfo=UTC) + timedelta(hours=hour))
        endpoint.asked.clear()
        assert whitelist(pairlists) == PAIRS
        requests.append(sorted(endpoint.asked))
    assert requests == [PAIRS, [], PAIRS, PAIRS, PAIRS, [], PAIRS]


@pytest.mark.parametrize("interval", ["4h", "2h", "1h"])
@pytest.mark.parametrize("refresh_period", [1800, 86_400])
def test_live_a_shorter_interval_is_seen_as_in_a_backtest(
    config, futures_exchange, endpoint, interval, refresh_period
):
    """From 8:00 on BTC settles more often, at a rate that is not wanted."""
    settled = datetime(2023, 3, 1, 8, tzinfo=UTC)
    first = settled + timedelta(hours=int(interval[0]))
    endpoint.last[BTC], endpoint.shorter = 0.0001, {BTC: (settled, interval, 0.002)}
    parameters = {"max_funding_rate_8h": 0.001, "refresh_period": refresh_period}
    pairlists = manager(config, futures_exchange, **parameters)
    for minutes in range(45, 480, 5):
        now = settled + timedelta(minutes=minutes)
        endpoint.clock.move_to(now)
        expected = now < first + timedelta(hours=1)
        assert (BTC in whitelist(pairlists)) is expected


def test_without_an_exchange_the_last_list_counts_until_rates_are_too_old(
    config, futures_exchange, endpoint, caplog
):
    pairlists = manager(config, futures_exchange, max_funding_rate_8h=0.0003)
    assert whitelist(pairlists) == [ETH, XRP]
    endpoint.error = ccxt.NetworkError("cable cut")
    settled = datetime(2023, 3, 1, 8, tzinfo=UTC)
    for hours, expected in [(9, [ETH, XRP]), (17, [ETH, XRP]), (17.1, [])]:
        endpoint.clock.move_to(settled + timedelta(hours=hours))
        assert whitelist(pairlists) == expected
    assert "could not fetch the funding of BTC/USDT:USDT, ETH" in caplog.text

    endpoint.error = None
    endpoint.clock.shift(timedelta(minutes=30))
    assert whitelist(pairlists) == [ETH, XRP]
    assert caplog.text.count("the funding of XRP/USDT:USDT is unknown") == 1

    endpoint.error = ccxt.NetworkError("cable cut again")
    endpoint.clock.shift(timedelta(days=1))
    assert whitelist(pairlists) == []
    assert caplog.text.count("the funding of XRP/USDT:USDT is unknown") == 2


@pytest.mark.parametrize(("keep_unknown", "expected"), [(False, []), (True, PAIRS)])
def test_an_exchange_never_reached_is_unknown_funding_said_once_a_pair(
    config, futures_exchange, endpoint, caplog, keep_unknown, expected
):
    endpoint.error = ccxt.NetworkError("cable cut")
    pairlists = manager(config, futures_exchange, keep_unknown=keep_unknown)
    for _ in range(3):
        assert whitelist(pairlists) == expected
    assert caplog.text.count("the funding of BTC/USDT:USDT is unknown") == 1
    assert len(set(endpoint.asked)) == 3
    attempts = len(endpoint.asked)
    endpoint.clock.shift(timedelta(seconds=59))
    assert whitelist(pairlists) == expected
    assert len(endpoint.asked) == attempts
    endpoint.error = None
    endpoint.clock.shift(timedelta(seconds=1))
    assert whitelist(pairlists) == PAIRS


def test_a_newly_listed_pair_has_a_rate_but_no_percentile(config, futures_exchange, endpoint):
    endpoint.days = 6
    assert whitelist(manager(config, futures_exchange, min_funding_rate_8h=-0.01)) == PAIRS
    assert whitelist(manager(config, futures_exchange, min_percentile=0)) == []


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_percentile": 120}, "FundingRateFilter: max_percentile must be .* got 120"),
        ({"sort": "up"}, "FundingRateFilter: sort must be one of none, asc, desc, got 'up'"),
        ({"max_percentil": 90}, "FundingRateFilter: unknown parameter 'max_percentil'.*max_perc"),
        ({"max_carry_cost": -0.001}, "max_carry_cost must be at least 0 for carry_side either"),
        ({"refresh_period": 0}, "refresh_period must be a number from 1 to 86400, got 0"),
        ({"refresh_period": "1h"}, "refresh_period .*got '1h'"),
    ],
)
def test_bad_parameters_stop_the_bot_with_one_line(config, futures_exchange, parameters, message):
    with pytest.raises(OperationalException, match=message):
        manager(config, futures_exchange, **parameters)


@pytest.mark.parametrize(
    ("parameters", "described"),
    [
        ({}, "any known funding"),
        ({"max_funding_rate_8h": 0.0003}, "funding per 8h up to 0.0300%"),
        (
            {"min_funding_rate_8h": 0, "min_percentile": 5, "max_percentile": 95},
            "funding per 8h from 0.0000%, funding percentile from 5 to 95",
        ),
        ({"sort": "desc", "number_assets": 3}, "sorted desc, the first 3"),
    ],
)
def test_the_start_up_message(config, futures_exchange, parameters, described):
    handlers = manager(config, futures_exchange, **parameters).short_desc()
    assert handlers[-1] == {"FundingRateFilter": f"FundingRateFilter - {described}."}


# --- backtests


def write(config, funding):
    factories.write_market(config["datadir"], funding, rows=24 * DAYS)


def whitelists(config, **parameters):
    return running.whitelists(
        config, {"method": "StaticPairList"}, {"method": "FundingRateFilter", **parameters}
    )


def random_funding(every=("8h", "4h", "1h")):
    rng = np.random.default_rng(3)
    return {
        pair: factories.funding(
            rng.normal(0, 0.0004, int(pd.Timedelta(days=DAYS) / pd.Timedelta(interval))), interval
        )
        for pair, interval in zip(PAIRS, every, strict=True)
    }


def test_a_backtest_decides_by_the_funding_known_at_each_candle(backtest_config):
    funding = random_funding()
    write(backtest_config, funding)
    seen = whitelists(backtest_config, min_funding_rate_8h=0, max_percentile=80)
    hour = pd.Timedelta("1h")
    times = pd.DatetimeIndex(list(seen))
    for pair in PAIRS:
        known = with_funding(pd.DataFrame({"date": times - hour}), funding[pair], "1h")
        inside = (known["funding_rate_8h"] >= 0) & (known["funding_rank"] <= 0.8)
        assert [pair in pairs for pairs in seen.values()] == inside.tolist()
        assert 0.2 < inside.mean() < 0.5
    # The filter started with a month of funding from before the backtest, and was never locked out.
    assert times[0] == pd.Timestamp("2023-02-05 01:00", tz="UTC")
    assert any(not pairs for pairs in seen.values())
    assert len(times) == (DAYS - 35) * 24 - 1


def test_funding_of_the_future_changes_no_past_whitelist(backtest_config):
    funding = random_funding()
    write(backtest_config, funding)
    before = whitelists(backtest_config, min_funding_rate_8h=0, sort="desc")
    turn = pd.Timestamp("2023-02-15 03:00", tz="UTC")
    for frame in funding.values():
        frame.loc[frame["date"] >= turn, frame.columns != "date"] *= -1
    write(backtest_config, funding)
    after = whitelists(backtest_config, min_funding_rate_8h=0, sort="desc")
    known = turn + pd.Timedelta("1h")
    assert [before[t] for t in before if t < known] == [after[t] for t in after if t < known]
    assert before[known] != after[known]


def test_a_pair_whose_funding_stops_is_dropped_and_the_others_go_on(backtest_config, caplog):
    funding = {pair: factories.funding([0.0001] * 3 * DAYS) for pair in PAIRS}
    stop = pd.Timestamp("2023-02-10 00:00", tz="UTC")
    funding[ETH] = funding[ETH][funding[ETH]["date"] <= stop]
    write(backtest_config, funding)
    seen = whitelists(backtest_config)
    stale = stop + pd.Timedelta("17h")
    assert {tuple(pairs) for t, pairs in seen.items() if t <= stale} == {tuple(PAIRS)}
    assert {tuple(pairs) for t, pairs in seen.items() if t > stale} == {(BTC, XRP)}
    assert caplog.text.count("the funding of ETH/USDT:USDT is unknown. It is removed") == 1


def test_a_longer_interval_and_a_missing_settlement_drop_no_pair(backtest_config, caplog):
    """BTC settles every hour, then every 8; of ETH, every 4 h, one settlement is missing."""
    stop = pd.Timestamp("2023-02-10 00:00", tz="UTC")
    hourly = factories.funding([0.0001] * 24 * DAYS, "1h")
    longer = factories.funding([0.0008] * 3 * DAYS)
    funding = {
        BTC: pd.concat([hourly[hourly["date"] <= stop], longer[longer["date"] > stop]]),
        ETH: factories.funding([0.0004] * 6 * DAYS, "4h"),
        XRP: factories.funding([0.0008] * 3 * DAYS),
    }
    funding = {pair: rates.reset_index(drop=True) for pair, rates in funding.items()}
    funding[ETH] = funding[ETH][funding[ETH]["date"] != stop].reset_index(drop=True)
    write(backtest_config, funding)
    seen = whitelists(backtest_config, min_funding_rate_8h=0.0007, max_funding_rate_8h=0.0009)
    assert {tuple(pairs) for pairs in seen.values()} == {tuple(PAIRS)}
    assert "is unknown" not in caplog.text


def test_a_static_backtest_is_not_filtered_and_says_so(backtest_config, caplog):
    caplog.set_level(logging.WARNING)
    write(backtest_config, {pair: factories.funding([0.0009] * 3 * DAYS) for pair in PAIRS})
    static = backtest_config | {"enable_dynamic_pairlist": False}
    seen = whitelists(static, max_funding_rate_8h=0)
    assert {tuple(pairs) for pairs in seen.values()} == {tuple(PAIRS)}
    assert caplog.text.count("lets all pairs through") == 1


def test_the_analysis_commands_ask_no_exchange(config, futures_exchange, endpoint):
    """lookahead-analysis and recursive-analysis run backtests as utilities."""
    config["runmode"] = RunMode.UTIL_NO_EXCHANGE
    assert whitelist(manager(config, futures_exchange, max_funding_rate_8h=0)) == PAIRS
    assert endpoint.asked == []
