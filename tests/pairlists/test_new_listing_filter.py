"""NewListingFilter: by the exchange's own list of contracts."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from freqtrade.enums import RunMode

from tests import factories
from tests.pairlists import running
from tests.pairlists.running import BTC, DAYS, ETH, PAIRS, XRP, whitelist

NOW = datetime(2023, 3, 1, 9, 30, tzinfo=UTC)


def manager(config, exchange, **parameters):
    return running.manager(config, exchange, {"method": "NewListingFilter", **parameters})


def listed(exchange, pair, **info):
    """Sets fields of exchangeInfo, parsed by ccxt as it does."""
    base = pair.split("/")[0]
    entry = factories.symbol_info(base) | info
    exchange.markets[pair].update(exchange._api.parse_market(entry))


def ms(moment):
    return int(moment.timestamp() * 1000)


@pytest.fixture
def markets(futures_exchange):
    with time_machine.travel(NOW, tick=False):
        yield futures_exchange


@pytest.mark.parametrize(
    ("days", "parameters", "kept", "reason"),
    [
        (31, {}, True, ""),
        (29, {}, False, "it was listed 29.0 days ago, less than 30"),
        (30, {}, True, ""),
        (29, {"min_days_listed": 7}, True, ""),
        (0.5, {"min_days_listed": 0}, True, ""),
        (-1, {"min_days_listed": 0}, False, "trading in it begins on 2023-03-02 09:30 UTC"),
        (91, {"max_days_listed": 3650}, True, ""),
    ],
)
def test_the_days_since_listing(config, markets, caplog, days, parameters, kept, reason):
    caplog.set_level("INFO")
    listed(markets, ETH, onboardDate=ms(NOW - timedelta(days=days)))
    pairs = whitelist(manager(config, markets, **parameters))
    assert pairs == (PAIRS if kept else [BTC, XRP])
    assert reason in caplog.text


def test_only_new_pairs_when_asked_for(config, markets):
    listed(markets, ETH, onboardDate=ms(NOW - timedelta(days=10)))
    parameters = {"min_days_listed": 1, "max_days_listed": 90}
    assert whitelist(manager(config, markets, **parameters)) == [ETH]


@pytest.mark.contract
@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.LIVE, RunMode.UTIL_EXCHANGE])
@pytest.mark.parametrize(
    ("days", "parameters", "kept"),
    [
        (3, {}, False),
        (300, {}, False),
        (3, {"delisting_days": 7}, False),
        (7.1, {"delisting_days": 7}, True),
    ],
)
def test_an_announced_end(config, markets, monkeypatch, runmode, days, parameters, kept):
    """Freqtrade's own check is silent in `test-pairlist`; this filter is not."""
    config["runmode"] = runmode
    monkeypatch.setitem(markets._config, "runmode", runmode)
    listed(markets, ETH, deliveryDate=ms(NOW + timedelta(days=days)))
    assert whitelist(manager(config, markets, **parameters)) == (PAIRS if kept else [BTC, XRP])


@pytest.mark.parametrize("status", ["SETTLING", "CLOSE", "PENDING_TRADING", "BREAK"])
def test_a_pair_that_does_not_trade(config, markets, caplog, status):
    caplog.set_level("INFO")
    handler = manager(config, markets)._pairlist_handlers[1]
    listed(markets, ETH, status=status)
    # The static list would have dropped it already.
    assert handler.filter_pairlist(PAIRS.copy(), {}) == [BTC, XRP]
    assert f"because its status is {status}" in caplog.text


@pytest.mark.parametrize("pair_is", ["without a date", "not listed"])
def test_what_is_unknown_is_left_out_and_said_once(config, markets, caplog, pair_is):
    pairlists = manager(config, markets)
    handler = pairlists._pairlist_handlers[1]
    if pair_is == "not listed":
        markets.markets.pop(ETH)
    else:
        listed(markets, ETH, onboardDate=None)
    for _ in range(3):
        assert handler.filter_pairlist(PAIRS.copy(), {}) == [BTC, XRP]
    assert caplog.text.count("the listing date of ETH/USDT:USDT is unknown. It is removed") == 1


def test_an_exchange_that_does_not_announce_delistings_is_refused(config, markets, monkeypatch):
    monkeypatch.setitem(markets._ft_has, "has_delisting", False)
    with pytest.raises(Exception, match="must be one that announces delistings"):
        manager(config, markets)


def write_from(config, first):
    """ETH's candles from `first` on."""
    rows = 24 * DAYS - int((first - factories.START) / timedelta(hours=1))
    factories.write_candles(config["datadir"], ETH, factories.candles(rows, start=first))


def test_a_backtest_knows_the_age_of_a_pair_at_each_candle(backtest_config, monkeypatch, caplog):
    onboard = datetime(2023, 2, 1, 12, tzinfo=UTC)
    original = factories.markets

    def with_a_new_pair():
        markets = original()
        for market in markets:
            if market["symbol"] == ETH:
                # What is announced now was not known then.
                market["info"] = market["info"] | {"deliveryDate": ms(NOW)}
                market["created"] = ms(onboard)
        return markets

    monkeypatch.setattr(factories, "markets", with_a_new_pair)
    funding = {pair: factories.funding([0.0001] * 3 * DAYS) for pair in PAIRS}
    factories.write_market(backtest_config["datadir"], funding, rows=24 * DAYS)
    write_from(backtest_config, onboard)
    seen = running.whitelists(
        backtest_config,
        {"method": "StaticPairList"},
        {"method": "NewListingFilter", "min_days_listed": 14},
    )
    old = onboard + timedelta(days=14)
    assert {tuple(pairs) for time, pairs in seen.items() if time < old} == {(BTC, XRP)}
    assert {tuple(pairs) for time, pairs in seen.items() if time >= old} == {tuple(PAIRS)}
    assert "delistings are not looked at in a backtest" in caplog.text


def test_a_pair_is_as_old_as_its_candles_where_it_was_listed_anew(backtest_config, monkeypatch):
    original = factories.markets
    new = ms(NOW + timedelta(days=365))
    monkeypatch.setattr(
        factories, "markets", lambda: [market | {"created": new} for market in original()]
    )
    funding = {pair: factories.funding([0.0001] * 3 * DAYS) for pair in PAIRS}
    factories.write_market(backtest_config["datadir"], funding, rows=24 * DAYS)
    first = datetime(2023, 2, 1, tzinfo=UTC)
    write_from(backtest_config, first)
    handler = {"method": "NewListingFilter", "min_days_listed": 14}
    seen = running.whitelists(backtest_config, {"method": "StaticPairList"}, handler)
    old = first + timedelta(days=14)
    assert {tuple(pairs) for time, pairs in seen.items() if time < old} == {(BTC, XRP)}
    assert {tuple(pairs) for time, pairs in seen.items() if time >= old} == {tuple(PAIRS)}
