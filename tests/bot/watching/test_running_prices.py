from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from ccxt import NotSupported

from perpkit.bot.watching import beside
from perpkit.bot.watching.running_prices import RunningPrices

NOW = datetime(2023, 1, 1, tzinfo=UTC)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def answer(**prices):
    """:param prices: by asset, a price and when it was traded"""
    return {
        f"{asset}/USDT:USDT": {"price": price, "timestamp": traded}
        for asset, (price, traded) in prices.items()
    }


class Exchange:
    """Gives one answer after the other, or raises it."""

    def __init__(self, *answers) -> None:
        self._api = SimpleNamespace(fetch_last_prices=self._fetch)
        self._answers = list(answers)

    def _fetch(self):
        given = self._answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def looks(monkeypatch):
    monkeypatch.setattr(beside, "PATIENCE_S", 10)  # never missed on a busy machine

    def all_of(*answers):
        prices = RunningPrices(SimpleNamespace(_exchange=Exchange(*answers)))
        return [prices.look(NOW) for _ in answers]

    return all_of


def test_a_trade_is_looked_at_once(looks):
    """One bad print in a pair that hardly trades would otherwise be seen again and again."""
    first = answer(BTC=(100.0, 1), ETH=(10.0, 1))
    second = answer(BTC=(101.0, 2), ETH=(10.0, 1))
    assert looks(first, first, second) == [{BTC: 100.0, ETH: 10.0}, {}, {BTC: 101.0}]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ConnectionError("reset"), {}),
        (None, {}),
        ({BTC: {"price": "much", "timestamp": 1}}, {}),
        ({BTC: {}}, {}),
        (answer(BTC=(None, 1), ETH=(10.0, None)), {ETH: 10.0}),
    ],
)
def test_what_is_no_price_is_left_out(looks, given, expected):
    assert looks(given) == [expected]


@pytest.mark.parametrize(
    ("volumes", "new"),
    [
        ([(5.0, None), (5.0, None)], False),
        ([(5.0, None), (5.1, None)], True),
        ([(None, 5.0), (None, 5.0)], False),
        ([(None, 5.0), (None, 5.1)], True),
        ([(None, None), (None, None)], True),  # unknown: it counts in every look
    ],
)
def test_without_last_prices_it_asks_for_tickers(monkeypatch, volumes, new):
    """ccxt has the last prices of Binance alone."""
    monkeypatch.setattr(beside, "PATIENCE_S", 10)
    answers = [
        {
            BTC: {"last": 101.0, "baseVolume": base, "quoteVolume": quote},
            ETH: {"last": None, "baseVolume": base, "quoteVolume": quote},
        }
        for base, quote in volumes
    ]

    def last_prices():
        raise NotSupported("bybit fetchLastPrices() is not supported yet")

    api = SimpleNamespace(fetch_last_prices=last_prices, fetch_tickers=lambda: answers.pop(0))
    prices = RunningPrices(SimpleNamespace(_exchange=SimpleNamespace(_api=api)))
    assert prices.look(NOW) == {BTC: 101.0}
    later = NOW + timedelta(minutes=6)
    assert prices.look(later) == ({BTC: 101.0} if new else {})
    assert prices.blind_since(later) is None


def test_a_failure_is_said_once_and_the_next_one_again(looks, caplog):
    down, up = ConnectionError("reset"), answer(BTC=(1.0, 1))
    looks(down, down, up, down)
    assert caplog.text.count("No running prices: ConnectionError.") == 2


@pytest.mark.parametrize(("minutes", "blind"), [(5, False), (6, True)])
def test_how_long_it_was_blind(looks, monkeypatch, minutes, blind):
    monkeypatch.setattr(beside, "PATIENCE_S", 10)
    prices = RunningPrices(
        SimpleNamespace(_exchange=Exchange(answer(BTC=(1.0, 1)), ConnectionError("reset")))
    )
    prices.look(NOW)
    later = NOW + timedelta(minutes=minutes)
    prices.look(later)
    assert prices.blind_since(later) == (NOW if blind else None)
