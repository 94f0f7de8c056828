"""The exchange's published arithmetic by its own worked examples, and leverage brackets."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files
from typing import NamedTuple

import pytest

from perpkit.venue.engine import Bracket, Brackets, Contract, Depth, bundled_brackets
from perpkit.venue.engine.margin import bankruptcy_price, liquidation_price
from perpkit.venue.errors import VenueError
from perpkit.venue.market.instruments import Instrument
from tests.venue.engine.desk import BRACKETS, Desk, dec, depth


def flat(rate: str, cum: str) -> Brackets:
    return Brackets((Bracket(1, dec(0), dec(10) ** 12, dec(rate), dec(cum), 125),))


class Example(NamedTuple):
    """Of the exchange's support pages: a position, its wallet, and what others take from it."""

    amount: str
    entry: str
    wallet: str
    others: str
    pnl: str
    rate: str
    cum: str
    expected: str


# Binance support, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts"
@pytest.mark.parametrize(
    "case",
    [
        Example(
            "109.488",
            "32481.980",
            wallet="1535443.01",
            others="356512.508",
            pnl="-448192.89",
            rate="0.025",
            cum="16300",
            expected="26316.89",
        ),
        Example(
            "3683.979",
            "1456.84",
            wallet="1535443.01",
            others="71200.81144",
            pnl="-56354.57",
            rate="0.10",
            cum="135365",
            expected="1153.26",
        ),
    ],
)
def test_the_exchanges_examples_of_a_cross_liquidation_price(case):
    balance = dec(case.wallet) - dec(case.others) + dec(case.pnl)
    price = liquidation_price(
        [(dec(case.amount), dec(case.entry))], flat(case.rate, case.cum), balance
    )
    assert price.quantize(dec("0.01")) == dec(case.expected)


@pytest.mark.parametrize(
    ("amount", "wallet", "expected"),
    [
        (1, 10, dec(90) / dec("0.996")),  # long: loses 10 less maintenance of 0.4%
        (-1, 10, dec(110) / dec("1.004")),
        (1, 100, None),  # without leverage a long cannot be liquidated
        (1, 99, dec(1) / dec("0.996")),
        # 2 000 long: the entry is worth 200 000, bracket 2; the answer lies in bracket 2 as well
        (2000, 20_000, (20_000 + 50 - dec(200_000)) / (2000 * dec("0.005") - 2000)),
        # 600 long: entered in bracket 2, liquidated in bracket 1
        (600, 20_000, (dec(20_000) - 60_000) / (600 * dec("0.004") - 600)),
        # 490 short: entered in bracket 1, liquidated in bracket 2
        (-490, 4_900, (4_900 + 50 + dec(49_000)) / (490 * dec("0.005") + 490)),
    ],
)
def test_the_bracket_is_that_of_the_liquidation_price(amount, wallet, expected):
    price = liquidation_price([(dec(amount), dec(100))], BRACKETS, dec(wallet))
    assert (price and price.quantize(dec("1E-12"))) == (
        expected and expected.quantize(dec("1E-12"))
    )


@pytest.mark.parametrize(
    ("legs", "balance", "expected"),
    [
        ([(2, 100), (-1, 110)], 50, "falls"),
        ([(1, 100), (-2, 110)], 50, "rises"),
        ([(1, 100), (-1, 110)], 50, "rises"),  # hedged: only growing maintenance can liquidate
        ([(1, 100), (-1, 110)], -50, None),  # lost at every price
    ],
)
def test_two_legs_share_one_liquidation_price(legs, balance, expected):
    pairs = [(dec(a), dec(e)) for a, e in legs]
    price = liquidation_price(pairs, BRACKETS, dec(balance))
    if expected is None:
        assert price is None
        return
    assert (price < 100) is (expected == "falls")
    equity = dec(balance) + sum(a * (price - e) for a, e in pairs)
    maintenance = sum(BRACKETS.maintenance(abs(a) * price) for a, _ in pairs)
    assert float(equity) == pytest.approx(float(maintenance), rel=1e-9)


@pytest.mark.parametrize(("amount", "expected"), [(2, 95), (-2, 105), (dec("0.1"), 0)])
def test_the_bankruptcy_price_uses_up_the_margin(amount, expected):
    assert bankruptcy_price(dec(amount), dec(100), dec(10)) == expected


# Binance support, "Cost Required to Open a Position in Perpetual Futures Contracts", its figures
# on a grid of 0.1: 1 BTC at 9253.3, mark 9259.8, leverage 20.
@pytest.mark.parametrize(
    ("side", "cost"), [("BUY", dec("462.665")), ("SELL", dec("462.665") + dec("6.5"))]
)
def test_the_cost_of_a_limit_order_is_initial_margin_and_open_loss(side, cost):
    for wallet, enough in ((cost, True), (cost - dec("0.001"), False)):
        desk = Desk(wallet, leverage=20)
        desk.price(9259, mark="9259.8", book=depth(9000, 9500))
        if enough:
            assert desk.order(side, 1, "9253.3").is_open
        else:
            with pytest.raises(VenueError, match="-2019"):
                desk.order(side, 1, "9253.3")


@pytest.mark.parametrize(
    ("side", "quantity", "cost"),
    [
        ("BUY", 1, "10.055"),  # at 100 x 1.0005, and 0.05 above mark
        ("BUY", 2, "20.5"),  # its sweep: 100 + 104, and what it loses against mark is 0.1
        ("SELL", 1, "10"),  # at the best bid or at mark, whichever is higher
    ],
)
def test_the_cost_of_a_market_order_allows_for_the_book(side, quantity, cost):
    for wallet, enough in ((dec(cost), True), (dec(cost) - dec("0.001"), False)):
        desk = Desk(wallet, leverage=10)
        book = Depth(((dec(99), dec(9)),), ((dec(100), dec(1)), (dec(104), dec(99))))
        desk.price(100, book=book)
        if enough:
            assert desk.order(side, quantity).executed == quantity
        else:
            with pytest.raises(VenueError, match="-2019"):
                desk.order(side, quantity)


@pytest.mark.parametrize(
    ("position", "orders", "margin"),
    [
        (0, [("BUY", 1, 90)], 9),
        (0, [("BUY", 1, 90), ("SELL", 1, 110)], 11),  # the worse of both
        (2, [("BUY", 1, 90)], 9),
        (2, [("SELL", 2, 110)], 0),
        (2, [("SELL", 5, 110)], 15),  # 550 sold from 200 leaves 350, 150 more than now
        (-2, [("BUY", 5, 90)], 5),
        (-2, [("SELL", 1, 110), ("BUY", 1, 90)], 11),
    ],
)
def test_open_orders_bind_margin_for_what_they_could_open(position, orders, margin):
    desk = Desk(10_000, leverage=10)
    if position:
        desk.order("BUY" if position > 0 else "SELL", abs(position))
    before = desk.engine.balance(desk.user)
    for order in orders:
        desk.order(*order)
    after = desk.engine.balance(desk.user)
    assert after.open_order_initial_margin == margin
    assert desk.position().open_order_initial_margin == margin
    assert after.available == before.available - margin


def test_the_account_adds_up():
    desk = Desk(10_000, leverage=10)
    desk.price(100, symbol="ETHUSDT")
    desk.engine.set_margin_type(desk.user, "ETHUSDT", isolated=True)
    level = ((dec(100), dec(99)),)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        desk.price(100, symbol=symbol, book=Depth(level, level))
        desk.order("BUY", 10, symbol=symbol)
    desk.price(110)
    desk.price(97, symbol="ETHUSDT")
    balance = desk.engine.balance(desk.user)
    fees = 2 * 1000 * dec("0.0005")
    assert balance.wallet == 10_000 - fees
    assert balance.cross_wallet == balance.wallet - 1000 / dec(20)
    assert (balance.cross_unrealized, balance.unrealized) == (100, 70)
    assert balance.margin_balance == balance.wallet + 70
    assert balance.cross_position_initial_margin == 110
    assert balance.position_initial_margin == balance.initial_margin == 110 + dec("48.5")
    assert balance.maintenance == (1100 + 970) * dec("0.004")
    assert balance.cross_maintenance == 1100 * dec("0.004")
    assert balance.available == balance.cross_wallet + 100 - 110
    assert balance.max_withdraw == balance.available - 100
    btc, eth = desk.engine.positions(desk.user)
    assert (btc.unrealized, btc.notional, btc.isolated_margin, btc.leverage) == (100, 1100, 0, 10)
    assert (eth.unrealized, eth.isolated_wallet, eth.isolated_margin) == (-30, 50, 20)
    assert (btc.max_notional, eth.max_notional) == (20_000_000, 10_000_000)


def test_brackets_join_without_a_jump_and_cap_by_leverage():
    for lower, upper in zip(BRACKETS.rows, BRACKETS.rows[1:], strict=False):
        edge = upper.floor
        assert edge * lower.rate - lower.cum == edge * upper.rate - upper.cum
        assert BRACKETS.at(edge) is upper
        assert BRACKETS.at(edge - 1) is lower
    assert BRACKETS.at(dec(10) ** 12) is BRACKETS.rows[-1]
    assert [BRACKETS.cap_at(x) for x in (125, 100, 51, 50, 1)] == [
        50_000, 250_000, 250_000, 1_000_000, 100_000_000,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="rows"):
        Brackets(())


@pytest.mark.parametrize("pair", ["BTC/USDT:USDT", "ADA/USDT:USDT", "1000PEPE/USDT:USDT"])
def test_the_bundle_is_freqtrades(pair):
    tiers = json.loads((files("freqtrade.exchange") / "binance_leverage_tiers.json").read_text())
    rows = bundled_brackets(pair).rows
    assert len(rows) == len(tiers[pair])
    for row, tier in zip(rows, tiers[pair], strict=True):
        assert (float(row.floor), float(row.cap)) == (tier["minNotional"], tier["maxNotional"])
        assert float(row.rate) == tier["maintenanceMarginRate"]
        assert float(row.cum) == tier["info"]["cum"]
        assert row.max_leverage == tier["maxLeverage"]


def test_a_pair_outside_the_bundle_has_no_leverage():
    assert bundled_brackets("NOSUCH/USDT:USDT").max_leverage == 1


def test_a_contract_takes_its_grids_from_the_instrument():
    contract = Contract.of(Instrument("XRP", 0.0001, 0.1, min_notional=20.0), BRACKETS)
    assert (contract.symbol, contract.tick, contract.step) == ("XRPUSDT", dec("0.0001"), dec("0.1"))
    assert contract.min_notional == 20
    assert contract.price(0.61234567) == dec("0.6123")
    assert contract.quantity(0.1 + 0.2) == dec("0.3")  # 0.30000000000000004
    assert contract.quantity(Decimal("0.39")) == dec("0.3")
