"""The engine's arithmetic against Freqtrade's dry-run formulas, on random positions.

Freqtrade picks the maintenance bracket by a position's collateral, the exchange by its value at the
liquidation price, so the two define the same liquidation price only where both lie in one bracket.
For other positions of the same account, Freqtrade's cross formula takes their PnL as that of longs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from freqtrade.enums import MarginMode, TradingMode
from freqtrade.exchange.binance import Binance
from freqtrade.persistence import LocalTrade

from perpkit.venue.engine import Account, Contract, Depth, Engine, NewOrder, bundled_brackets
from tests.venue.engine.desk import dec

PAIRS = {"BTC": "0.1", "ETH": "0.01", "LTC": "0.01", "ADA": "0.0001", "XRP": "0.0001"}
POSITIONS = 1_000
KINDS = ("REALIZED_PNL", "COMMISSION", "FUNDING_FEE", "INSURANCE_CLEAR")
RICH = dec(10) ** 9
OPENED = datetime(2024, 1, 1, 5, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


class Position:
    """Opened at market in the engine, all in one trade at one price."""

    def __init__(self, rng: random.Random, isolated: bool, wallet: Decimal = RICH) -> None:
        self.base = rng.choice(list(PAIRS))
        self.pair = f"{self.base}/USDT:USDT"
        brackets = bundled_brackets(self.pair)
        self.contract = Contract(
            f"{self.base}USDT", dec(PAIRS[self.base]), dec("0.001"), brackets,
            max_market_quantity=dec(10) ** 9,
        )  # fmt: skip
        self.engine = Engine([self.contract])
        self.account: Account = self.engine.add_account("key", "secret", wallet, ms(OPENED))
        self.entry = self.contract.price(rng.uniform(0.2, 5000))
        self.is_short = rng.random() < 0.5
        self.leverage = rng.choice([1, 2, 3, 5, 10, 20, 50, brackets.max_leverage])
        cap = min(brackets.cap_at(self.leverage), wallet * self.leverage / 2)
        notional = min(dec(round(10 ** rng.uniform(1, 8), 2)), cap * dec("0.99"))
        self.amount = max(self.contract.quantity(notional / self.entry), self.contract.step)
        self.price(self.entry, OPENED)
        self.engine.set_leverage(self.account, self.contract.symbol, self.leverage)
        if isolated:
            self.engine.set_margin_type(self.account, self.contract.symbol, isolated=True)

    @property
    def tradable(self) -> bool:
        return self.amount * self.entry >= self.contract.min_notional * 2

    def price(self, price: Decimal, now: datetime) -> None:
        level = ((price, dec(10) ** 12),)
        self.engine.on_price(self.contract.symbol, price, price, Depth(level, level), ms(now))

    def trade(self, now: datetime, *, closing: bool = False) -> None:
        side = "BUY" if self.is_short is closing else "SELL"
        new = NewOrder(self.contract.symbol, side, "MARKET", self.amount, reduce_only=closing)
        self.engine.place_order(self.account, new, ms(now))

    def view(self):
        return self.engine.positions(self.account, self.contract.symbol)[0]


def positions(isolated: bool, seed: int, wallet: Decimal = RICH) -> Iterator[Position]:
    """Endless, and only such as the exchange would accept."""
    rng = random.Random(seed)
    while True:
        position = Position(rng, isolated, wallet)
        if position.tradable:
            position.trade(OPENED)
            yield position


def one_bracket(position: Position, collateral: Decimal, liquidation: Decimal) -> bool:
    at = position.contract.brackets.at
    return liquidation > 0 and at(collateral) is at(liquidation * position.amount)


def test_isolated_liquidation_prices_agree(futures_exchange: Binance):
    futures_exchange.margin_mode = MarginMode.ISOLATED
    buffer = futures_exchange.liquidation_buffer
    assert buffer == 0.05
    compared = 0
    for position in positions(isolated=True, seed=1):
        view = position.view()
        collateral, price = view.isolated_wallet, view.liquidation_price
        if not one_bracket(position, collateral, price):
            continue
        asked = {
            "pair": position.pair,
            "open_rate": float(position.entry),
            "is_short": position.is_short,
            "amount": float(position.amount),
            "stake_amount": float(collateral),
            "leverage": position.leverage,
            "wallet_balance": float(collateral),
            "open_trades": [],
        }
        theirs = futures_exchange.dry_run_liquidation_price(**asked)
        assert float(price) == pytest.approx(theirs, rel=1e-6)
        # What a trade stores is 5% of the way from there to the entry.
        stored = futures_exchange.get_liquidation_price(**asked)
        ours = float(price) + buffer * float(position.entry - price)
        assert ours == pytest.approx(stored, rel=1e-6)
        compared += 1
        if compared == POSITIONS:
            break


def test_cross_liquidation_prices_agree(futures_exchange: Binance, monkeypatch):
    futures_exchange.margin_mode = MarginMode.CROSS
    monkeypatch.setattr(futures_exchange, "fetch_funding_rates", lambda _: {})
    compared = 0
    for position in positions(isolated=False, seed=2, wallet=dec(50_000)):
        wallet, price = position.account.wallet, position.view().liquidation_price
        stake = position.amount * position.entry / position.leverage
        if not one_bracket(position, stake, price):
            continue
        theirs = futures_exchange.dry_run_liquidation_price(
            pair=position.pair,
            open_rate=float(position.entry),
            is_short=position.is_short,
            amount=float(position.amount),
            stake_amount=float(stake),
            leverage=position.leverage,
            wallet_balance=float(wallet),
            open_trades=[],
        )
        assert float(price) == pytest.approx(theirs, rel=1e-6)
        compared += 1
        if compared == POSITIONS:
            break


def test_a_cross_liquidation_price_counts_the_other_positions(
    futures_exchange: Binance, monkeypatch
):
    futures_exchange.margin_mode = MarginMode.CROSS
    rng = random.Random(3)
    brackets = {base: bundled_brackets(f"{base}/USDT:USDT") for base in ("BTC", "ETH")}
    for _ in range(100):
        contracts = [Contract(f"{b}USDT", dec("0.1"), dec("0.001"), brackets[b]) for b in brackets]
        engine = Engine(contracts)
        account = engine.add_account("key", "secret", dec(20_000), 0)
        amounts = {b: dec(rng.randint(100, 400)) / 1000 for b in brackets}
        marks = {b: dec(rng.randint(8_000, 12_500)) for b in brackets}
        for b in brackets:
            level = ((dec(10_000), dec(10_000)),)
            engine.on_price(f"{b}USDT", dec(10_000), dec(10_000), Depth(level, level), 0)
            engine.place_order(account, NewOrder(f"{b}USDT", "BUY", "MARKET", amounts[b]), 0)
        for b, mark in marks.items():
            engine.on_price(f"{b}USDT", mark, mark, Depth(), 1)
        other = LocalTrade(
            pair="ETH/USDT:USDT", amount=float(amounts["ETH"]), open_rate=10_000.0,
            stake_amount=float(amounts["ETH"] * 500), fee_open=0.0, fee_close=0.0, leverage=20,
        )  # fmt: skip
        rates = {"ETH/USDT:USDT": {"markPrice": float(marks["ETH"])}}
        monkeypatch.setattr(futures_exchange, "fetch_funding_rates", lambda _, rates=rates: rates)
        theirs = futures_exchange.dry_run_liquidation_price(
            pair="BTC/USDT:USDT",
            open_rate=10_000.0,
            is_short=False,
            amount=float(amounts["BTC"]),
            stake_amount=float(amounts["BTC"] * 500),
            leverage=20,
            wallet_balance=float(account.wallet),
            open_trades=[other],
        )
        ours = engine.positions(account, "BTCUSDT")[0].liquidation_price
        assert float(ours) == pytest.approx(max(theirs, 0.0), rel=1e-6)


def test_profit_commission_and_funding_agree(futures_exchange: Binance):
    rng = random.Random(4)
    makes = positions(isolated=False, seed=5)
    for _ in range(POSITIONS):
        position = next(makes)
        symbol, engine = position.contract.symbol, position.engine
        hours = rng.sample(range(1, 40), rng.randint(0, 5))
        settlements = sorted(OPENED + timedelta(hours=h) for h in hours)
        rates = [rng.uniform(-0.003, 0.003) for _ in settlements]
        marks = [
            position.contract.price(float(position.entry) * rng.uniform(0.97, 1.03))
            for _ in settlements
        ]
        for moment, rate, mark in zip(settlements, rates, marks, strict=True):
            engine.on_funding(symbol, dec(rate), mark, ms(moment))
        closed = OPENED + timedelta(hours=rng.randint(1, 40), minutes=30)
        later = [m for m in settlements if m > closed]
        if later:
            closed = later[-1] + timedelta(minutes=1)
        leave = position.contract.price(float(position.entry) * rng.uniform(0.9, 1.1))
        position.price(leave, closed)
        position.trade(closed, closing=True)
        assert position.view().amount == 0

        frame = futures_exchange.combine_funding_and_mark(
            pd.DataFrame({"date": pd.DatetimeIndex(settlements, tz="UTC"), "open": rates}),
            pd.DataFrame(
                {"date": pd.DatetimeIndex(settlements, tz="UTC"), "open": [float(m) for m in marks]}
            ),
        )
        funding = futures_exchange.calculate_funding_fees(
            frame, float(position.amount), position.is_short, OPENED, closed
        )
        trade = LocalTrade(
            pair=position.pair,
            trading_mode=TradingMode.FUTURES,
            is_short=position.is_short,
            leverage=position.leverage,
            amount=float(position.amount),
            stake_amount=float(position.amount * position.entry / position.leverage),
            open_rate=float(position.entry),
            open_date=OPENED,
            fee_open=0.0005,
            fee_close=0.0005,
            funding_fees=funding,
        )
        trade.recalc_open_trade_value()
        incomes = position.account.incomes
        ours = {kind: sum(i.amount for i in incomes if i.kind == kind) for kind in KINDS}
        exact = {"rel": 1e-6, "abs": 1e-6}
        value = float(position.amount) * (float(position.entry) + float(leave))
        assert float(ours["FUNDING_FEE"]) == pytest.approx(funding, **exact)
        assert float(-ours["COMMISSION"]) == pytest.approx(value * 0.0005, **exact)
        assert float(sum(ours.values())) == pytest.approx(
            trade.calculate_profit(float(leave)).profit_abs, **exact
        )
        assert sum(ours.values()) == position.account.wallet - RICH
