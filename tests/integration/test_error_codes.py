"""Every refusal reaches Freqtrade as the exception that the real exchange would cause.

The venue refuses for real: each row is a request that earns its code. ccxt chooses its table of
futures codes by the host, so the wire answers under one that begins as the exchange's test net.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import ccxt
import pytest
from freqtrade.exceptions import ExchangeError, InsufficientFundsError, TemporaryError
from freqtrade.exchange import Exchange as FreqtradeExchange
from freqtrade.resolvers import ExchangeResolver

from perpkit.venue.errors import VenueError
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.bench.planted import KEY, SECRET
from tests.bench.wire import BASE_URL, wired

pytestmark = pytest.mark.integration

PAIR, BTC = "BTC/USDT:USDT", "BTCUSDT"
DAY = 86_400_000


@pytest.fixture(scope="module")
def venue() -> Exchange:
    clock = SystemClock()
    now = clock.now()
    history = generate(seed=3, start=now // DAY * DAY - 20 * DAY, days=22, pairs=(PAIR,), base="5m")
    return Exchange(Market(history, clock))


@pytest.fixture(scope="module")
def live(venue: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreqtradeExchange]:
    """Freqtrade's exchange in live mode, with an account of 1,000 USDT."""
    venue.engine.add_account(KEY, SECRET, Decimal(1000), venue.market.now())
    app = create_app(venue.market, exchange=venue)
    settings = overlay(BASE_URL)["exchange"]
    config = {
        "dry_run": False,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": "USDT",
        "runmode": "live",
        "user_data_dir": tmp_path_factory.mktemp("live"),
        "exchange": {**settings, "key": KEY, "secret": SECRET, "pair_whitelist": [PAIR]},
    }
    with wired(app):
        exchange = ExchangeResolver.load_exchange(config, validate=False, load_leverage_tiers=True)
        yield exchange
        exchange.close()


def price(venue: Exchange, factor: float = 1.0) -> str:
    return f"{venue.market.price(BTC) * factor:.1f}"


def order(venue: Exchange, **changes: Any) -> dict[str, Any]:
    """A limit order far from the market, with changes."""
    sent = {
        "symbol": BTC,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.001",
        "price": price(venue, 0.97),
        **changes,
    }
    return {name: value for name, value in sent.items() if value is not None}


MARKET = {"type": "MARKET", "timeInForce": None, "price": None}
STOP = {
    "algoType": "CONDITIONAL",
    "symbol": BTC,
    "side": "SELL",
    "type": "STOP_MARKET",
    "quantity": "0.001",
    "reduceOnly": "true",
}

REFUSED = [
    (-1021, "PostOrder", lambda v: order(v, recvWindow="1", timestamp="1"), ccxt.InvalidNonce),
    (-1111, "PostOrder", lambda v: order(v, quantity="0.00123456789"), ccxt.BadRequest),
    (-1121, "PostOrder", lambda v: order(v, symbol="NOPEUSDT"), ccxt.BadSymbol),
    (-2011, "DeleteOrder", lambda _: {"symbol": BTC, "orderId": 1}, ccxt.OrderNotFound),
    (-2013, "GetOrder", lambda _: {"symbol": BTC, "orderId": 1}, ccxt.OrderNotFound),
    (-2019, "PostOrder", lambda v: order(v, quantity="5"), ccxt.InsufficientFunds),
    (-2021, "PostAlgoOrder", lambda v: {**STOP, "triggerPrice": price(v, 1.02)},
     ccxt.OrderImmediatelyFillable),
    (-2022, "PostOrder", lambda v: order(v, side="SELL", reduceOnly="true", **MARKET),
     ccxt.InvalidOrder),
    (-4003, "PostOrder", lambda v: order(v, quantity="0"), ccxt.BadRequest),
    (-4016, "PostOrder", lambda v: order(v, price=price(v, 1.2)), ccxt.BadRequest),
    (-4046, "PostMarginType", lambda _: {"symbol": BTC, "marginType": "CROSSED"},
     ccxt.MarginModeAlreadySet),
    (-4164, "PostOrder", lambda _: {"symbol": BTC, "side": "BUY", "type": "LIMIT",
     "timeInForce": "GTC", "quantity": "0.001", "price": "4000"}, ccxt.InvalidOrder),
    (-5021, "PostOrder", lambda v: order(v, timeInForce="FOK"), ccxt.OrderNotFillable),
    (-5022, "PostOrder", lambda v: order(v, timeInForce="GTX", price=price(v, 1.02)),
     ccxt.OrderNotFillable),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "endpoint", "request_of", "expected"), REFUSED, ids=[str(row[0]) for row in REFUSED]
)
def test_a_refused_request(live, venue, code, endpoint, request_of, expected):
    with pytest.raises(ccxt.BaseError) as raised:
        getattr(live._api, f"fapiPrivate{endpoint}")(request_of(venue))
    assert type(raised.value) is expected
    assert f'"code":{code},' in str(raised.value)


@pytest.mark.parametrize(
    ("key", "secret", "code", "expected"),
    [
        ("", "secret", -2014, ccxt.AuthenticationError),
        ("nobody", "secret", -2015, ccxt.AuthenticationError),
        (KEY, "wrong", -1022, ccxt.AuthenticationError),
    ],
    ids=["format", "unknown", "signature"],
)
def test_a_key_that_is_not_good(live, key, secret, code, expected, monkeypatch):
    # An account that has worked before and is refused now is taken for banned.
    monkeypatch.setitem(live._api.options, "hasAlreadyAuthenticatedSuccessfully", False)
    monkeypatch.setattr(live._api, "secret", secret)
    sign = live._api.sign

    def signed(*args: Any, **kwargs: Any) -> Any:
        request = sign(*args, **kwargs)
        request["headers"]["X-MBX-APIKEY"] = key
        return request

    monkeypatch.setattr(live._api, "sign", signed)
    with pytest.raises(ccxt.BaseError) as raised:
        live._api.fapiPrivateV3GetAccount()
    assert type(raised.value) is expected
    assert f'"code":{code},' in str(raised.value)


@pytest.mark.parametrize(
    ("amount", "rate", "leverage", "expected"),
    [(0.05, 0.97, 1.0, InsufficientFundsError), (0.001, 1.2, 3.0, TemporaryError)],
)
def test_what_freqtrade_makes_of_it(live, venue, amount, rate, leverage, expected):
    with pytest.raises(ExchangeError) as raised:
        live.create_order(
            pair=PAIR,
            ordertype="limit",
            side="buy",
            amount=amount,
            rate=float(price(venue, rate)),
            leverage=leverage,
            reduceOnly=False,
            time_in_force="GTC",
        )
    assert type(raised.value) is expected


# Codes that need a market or an account in a special state: raised by the engine's own tests, by
# rate limits and faults; here, what they become.
ELSEWHERE = [
    (-1003, "Too many requests.", 429, ccxt.DDoSProtection),
    (-1003, "Way too many requests; IP banned until 1.", 418, ccxt.DDoSProtection),
    (-1013, "Invalid quantity.", 400, ccxt.BadRequest),
    (-2010, "Account has insufficient balance for requested action.", 400, ccxt.InsufficientFunds),
    (-2018, "Balance is insufficient.", 400, ccxt.InsufficientFunds),
    (-2027, "Exceeded the maximum allowable position.", 400, ccxt.OperationRejected),
    (-4014, "Price not increased by tick size.", 400, ccxt.BadRequest),
    (-4023, "Qty not increased by step size.", 400, ccxt.BadRequest),
    (-4059, "No need to change position side.", 400, ccxt.OperationRejected),
    (-4131, "The counterparty's best price does not meet the filter.", 400, ccxt.OperationRejected),
]


@pytest.mark.parametrize(("code", "text", "status", "expected"), ELSEWHERE)
def test_a_refusal_of_a_special_state(live, venue, monkeypatch, code, text, status, expected):
    def refuse(*_: Any) -> None:
        raise VenueError(code, text, status)

    monkeypatch.setattr(venue.engine, "balance", refuse)
    with pytest.raises(ccxt.BaseError) as raised:
        live._api.fapiPrivateV3GetAccount()
    assert type(raised.value) is expected
