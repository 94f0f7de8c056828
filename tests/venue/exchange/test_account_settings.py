"""Settings that somebody else changes: at once by the control API, at its time by a fault."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.venue.signed import BTC, buy, control, plan, rest

CHANGED = FaultKind.SETTINGS_CHANGED


@pytest.fixture
def exchange(market):
    exchange = Exchange(market)
    for key in ("key", "other"):
        exchange.engine.add_account(key, "secret", Decimal(10_000), market.now())
    return exchange


def held(exchange, key: str = "key") -> tuple[bool, bool, int | None, bool | None]:
    """Hedge, multi-assets, leverage, isolated."""
    account = exchange.engine.account(key)
    holding = account.holdings.get(BTC)
    own = (holding.leverage, holding.isolated) if holding else (None, None)
    return account.hedge, account.multi_assets, *own


# By the control API


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"leverage": 3}, (False, False, 3, False)),
        ({"leverage": 3, "margin_type": "ISOLATED"}, (False, False, 3, True)),
        ({"margin_type": "CROSSED"}, (False, False, 20, False)),
        ({"hedge": True}, (True, False, 20, False)),
        ({"hedge": False}, (False, False, 20, False)),
        ({"multi_assets": True}, (False, True, 20, False)),
        ({"multi_assets": True, "hedge": True, "leverage": 7}, (True, True, 7, False)),
    ],
)
def test_what_is_set_and_what_is_left(client, exchange, settings, expected):
    client("GET", "/fapi/v2/positionRisk", symbol=BTC)
    client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=20)
    status, shown = control(client, "POST", "/settings", api_key="key", symbol=BTC, **settings)
    assert status == 200
    assert held(exchange) == expected
    margin_type = "ISOLATED" if expected[3] else "CROSSED"
    assert shown == {
        "hedge": expected[0], "multi_assets": expected[1], "leverage": expected[2],
        "margin_type": margin_type,
    }  # fmt: skip
    assert held(exchange, "other") == (False, False, None, None)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "one of leverage, margin_type, hedge, multi_assets must be given"),
        ({"leverage": 3, "symbol": None}, "symbol must be given for leverage and margin_type"),
        ({"leverage": 3, "symbol": "NOPE"}, "-1121"),
        ({"leverage": 126}, "leverage: Input should be less than or equal to 125, got 126"),
        ({"leverage": 0}, "leverage: Input should be greater than or equal to 1"),
        ({"leverage": 3, "margin_type": "BOTH"}, "margin_type: Input should be 'ISOLATED' or"),
        ({"hedge": True, "api_key": "nobody"}, "-2015"),
        # With a position and an order: some may be changed, and then none is.
        ({"hedge": True, "leverage": 30}, "-4067"),
        ({"margin_type": "ISOLATED", "leverage": 30, "multi_assets": False}, "-4047"),
        ({"multi_assets": True, "leverage": 30}, "-4170"),
    ],
)
def test_the_exchange_refuses_a_person_what_it_refuses_a_bot(
    client, market, exchange, settings, text
):
    buy(client)
    rest(client, market)
    before = held(exchange)
    body = {"api_key": "key", "symbol": BTC, **settings}
    status, answer = control(client, "POST", "/settings", **body)
    assert status == 400
    assert text in answer["error"]
    assert held(exchange) == before


def test_a_leverage_is_changed_under_an_open_position(client, exchange):
    buy(client)
    for leverage in (40, 10):
        body = {"api_key": "key", "symbol": BTC, "leverage": leverage}
        assert control(client, "POST", "/settings", **body)[1]["leverage"] == leverage
    (row,) = client("GET", "/fapi/v2/positionRisk", symbol=BTC)
    assert row["leverage"] == "10"


# By a fault


@pytest.mark.parametrize(
    ("parameters", "path", "field", "seen"),
    [
        ({"leverage": 3}, "v2/positionRisk", "leverage", "3"),
        ({"margin_type": "ISOLATED"}, "v2/positionRisk", "marginType", "isolated"),
        ({"hedge": "yes"}, "v1/positionSide/dual", "dualSidePosition", True),
        ({"multi_assets": "yes"}, "v1/multiAssetsMargin", "multiAssetsMargin", True),
    ],
)
def test_it_is_seen_at_its_time_and_not_before(
    client, market, clock, parameters, path, field, seen
):
    def value():
        answer = client("GET", f"/fapi/{path}", symbol=BTC)
        return (answer[0] if isinstance(answer, list) else answer)[field]

    plan(market, CHANGED, symbol=BTC, since=clock.time + 1000, parameters=parameters)
    before = value()
    assert before != seen
    clock.time += 999
    assert value() == before
    clock.time += 1
    assert value() == seen
    # Once: the bot may set it back.
    if "leverage" in parameters:
        client("POST", "/fapi/v1/leverage", symbol=BTC, leverage=7)
        clock.time += 1000
        assert value() == "7"


def test_every_account_meets_it_once_unless_the_dice_say_no(client, market, exchange):
    name = plan(market, CHANGED, symbol=BTC, parameters={"leverage": 3})
    client("GET", "/fapi/v3/account")
    assert (held(exchange)[2], held(exchange, "other")[2]) == (3, 3)
    assert market.faults.strikes(name) == 2
    plan(market, CHANGED, symbol=BTC, parameters={"leverage": 4}, times=1)
    client("GET", "/fapi/v3/account")
    assert (held(exchange)[2], held(exchange, "other")[2]) == (4, 3)


def test_without_a_symbol_it_is_every_one_that_the_account_has_used(client, market, exchange):
    buy(client)
    buy(client, symbol="ETHUSDT", quantity="1")
    plan(market, CHANGED, parameters={"leverage": 9, "multi_assets": "yes"})
    client("GET", "/fapi/v3/account")
    holdings = exchange.engine.account("key").holdings
    assert {symbol: h.leverage for symbol, h in holdings.items()} == {BTC: 9, "ETHUSDT": 9}
    assert held(exchange, "other")[:2] == (False, True)


def test_what_the_exchange_refuses_stays_and_is_logged(client, market, exchange, caplog):
    buy(client)
    name = plan(market, CHANGED, symbol=BTC, parameters={"margin_type": "ISOLATED", "leverage": 3})
    before = held(exchange)
    client("GET", "/fapi/v3/account")
    assert held(exchange) == before
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{name}: settings of {BTC} stay as they are: "
        "-4048 Margin type cannot be changed if there exists position."
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "parameters of settings_changed must change one of leverage, margin_type, hedge"),
        ({"parameters": {"leverage": 0}}, "must change one of"),
        ({"parameters": {"hedge": "same"}}, "must change one of"),
        ({"parameters": {"leverage": 2.5}}, "leverage must be a whole number, got 2.5"),
        ({"parameters": {"leverage": 126}}, "leverage must be 0 to 125, got 126"),
        ({"parameters": {"hedge": True}}, "hedge must be one of same, yes, no, got True"),
        ({"parameters": {"leverage": 2}, "until": 5}, "until means nothing to settings_changed"),
    ],
)
def test_a_plan_names_what_is_wrong(settings, text):
    with pytest.raises(ValueError, match=text):
        Fault(CHANGED, **settings)
