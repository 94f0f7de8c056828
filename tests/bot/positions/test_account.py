"""The account of a backtest and of a running bot: the same figures from their own sources."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import isnan
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode

from perpkit.bot.candles.candles import feed_for
from perpkit.bot.positions.accounts import account_for
from perpkit.bot.positions.running_account import RunningAccount
from perpkit.bot.positions.simulated_account import SimulatedAccount
from perpkit.bot.positions.trade_figures import ledger_of
from tests import factories
from tests.bench.live import live_bench
from tests.bench.scripted_market import scripted_market
from tests.bot.accounts import Feed, Market, exited, opened, order
from tests.bot.stack import BTC, ETH, FEE, HOUR
from tests.cases import SLOW
from tests.factories import START


@pytest.fixture
def frames():
    return {
        BTC: factories.candles(48),
        ETH: factories.candles(48, price=2000.0, seed=8),
    }


def simulated(config, frames) -> SimulatedAccount:
    account = account_for({**config, "runmode": RunMode.BACKTEST}, Feed(frames), None)
    assert isinstance(account, SimulatedAccount)
    return account


class TestBacktest:
    @pytest.mark.parametrize("is_short", [False, True])
    def test_marked_at_the_newest_closed_candle(
        self, memory, default_futures_config, frames, is_short
    ):
        trade = opened(is_short=is_short)
        memory.add_bt_trade(trade)
        account = simulated(default_futures_config, frames)
        for hour in (1, 2, 47, 48):
            close = frames[BTC]["close"].iloc[hour - 1]
            expected = trade.calc_profit(close)
            for minute in (0, 59):
                standing = account.at(START + hour * HOUR + timedelta(minutes=minute))
                assert standing.profit == pytest.approx(expected, abs=1e-7)
                assert standing.open_profit == pytest.approx(expected, abs=1e-7)

    def test_realised_and_unrealised_of_all_trades(self, memory, default_futures_config, frames):
        memory.add_bt_trade(closed := opened(hour=0))
        memory.close_bt_trade(exited(closed, 30_300.0, 0.03, 2))
        memory.add_bt_trade(partly := exited(opened(ETH, True, 2000.0, 0.4), 1990.0, 0.1, 3))
        memory.add_bt_trade(opened(hour=3))
        now = START + 5 * HOUR
        standing = simulated(default_futures_config, frames).at(now)
        closes = {pair: frames[pair]["close"].iloc[4] for pair in frames}
        struct = [t.calculate_profit(closes[t.pair]) for t in memory.bt_trades_open]
        expected = closed.close_profit_abs + sum(profit.total_profit for profit in struct)
        assert partly.realized_profit > 0
        assert standing.profit == pytest.approx(expected, abs=1e-7)
        assert standing.open_profit == pytest.approx(sum(p.profit_abs for p in struct), abs=1e-7)

    def test_an_entry_that_is_not_filled_is_no_position(
        self, memory, default_futures_config, frames
    ):
        trade = opened()
        trade.amount = 0.0
        memory.add_bt_trade(trade)
        assert simulated(default_futures_config, frames).at(START + HOUR).profit == 0.0

    @pytest.mark.parametrize(("funding", "rate"), [(0.0, 31_000.0), (-4.0, 31_000.0), (3.0, 29e3)])
    @pytest.mark.parametrize("is_short", [False, True])
    def test_after_a_partial_exit_it_is_what_closing_would_realise(
        self, memory, default_futures_config, frames, funding, rate, is_short
    ):
        """Funding of before the partial exit counts once, though Freqtrade's own figure for the
        open trade has it twice."""
        frames[BTC].loc[9, "close"] = rate
        trade = exited(opened(is_short=is_short), 30_500.0, 0.01, 5, funding)
        trade.set_funding_fees(1.5)  # settled since
        memory.add_bt_trade(trade)
        standing = simulated(default_futures_config, frames).at(START + 10 * HOUR)
        theirs = trade.calculate_profit(rate).total_profit
        assert theirs - standing.profit == pytest.approx(funding, abs=1e-6)
        exited(trade, rate, 0.02, 10, 1.5)
        assert standing.profit == pytest.approx(trade.close_profit_abs, abs=1e-6)

    @pytest.mark.parametrize("sold", [False, True])
    @pytest.mark.parametrize("is_short", [False, True])
    def test_an_addition_that_is_placed_leaves_the_funding_in(
        self, memory, default_futures_config, frames, is_short, sold
    ):
        """Freqtrade's own figure loses what was settled since the last fill."""
        trade = opened(is_short=is_short)
        if sold:
            exited(trade, 30_500.0, 0.01, 5, -4.0)
        trade.set_funding_fees(-7.0)
        memory.add_bt_trade(trade)
        account, now = simulated(default_futures_config, frames), START + 10 * HOUR
        before = account.at(now)
        addition = order(trade, trade.entry_side, 29_000.0, 0.01, 10)
        addition.ft_is_open, addition.filled = True, 0.0
        trade.orders.append(addition)
        trade.recalc_trade_from_orders()  # as `Backtesting._enter_trade`
        assert account.at(now) == before
        trade.set_funding_fees(-7.0)  # of the next hour
        assert account.at(now) == before

    @pytest.mark.parametrize("hour", [0, 49])
    def test_without_a_price_it_is_not_known(self, memory, default_futures_config, frames, hour):
        memory.add_bt_trade(opened())
        standing = simulated(default_futures_config, frames).at(START + hour * HOUR)
        assert standing.profit != standing.profit
        assert standing.unpriced == (BTC,)

    def test_each_closed_trade_is_told_once(self, memory, default_futures_config, frames):
        account = simulated(default_futures_config, frames)
        assert account.newly_closed(START) == []
        memory.add_bt_trade(trade := opened())
        assert account.newly_closed(START + HOUR) == []
        memory.close_bt_trade(exited(trade, 29_000.0, 0.03, 1))
        (told,) = account.newly_closed(START + 2 * HOUR)
        assert (told.pair, told.closed_at) == (BTC, START + HOUR)
        assert told.profit == trade.close_profit_abs < 0
        assert account.newly_closed(START + 3 * HOUR) == [told]  # it has not been counted yet
        account.counted()
        assert account.newly_closed(START + 3 * HOUR) == []

    def test_the_curve_is_what_was_seen_at_the_time(self, memory, default_futures_config, frames):
        """The curve rebuilt from the current trades equals the figures of each candle."""
        account = simulated(default_futures_config, frames)
        trades = {pair: opened(pair, pair == ETH, r, a) for pair, r, a in OPENED}
        seen = []
        for hour in range(1, 30):
            now = START + hour * HOUR
            if hour == 4:
                for trade in trades.values():
                    memory.add_bt_trade(trade)
            if hour == 10:
                exited(trades[ETH], 1980.0, 0.1, hour)
            if hour == 20:
                memory.close_bt_trade(exited(trades[BTC], 30_111.0, 0.03, hour))
            seen.append((now, account.at(now).profit))
        rebuilt = dict(account.curve(START + 4 * HOUR, START + 30 * HOUR))
        assert list(rebuilt) == [START + hour * HOUR for hour in range(5, 30)]
        for now, profit in seen[4:]:
            assert rebuilt[now] == pytest.approx(profit, abs=1e-6)

    def test_the_curve_of_weeks_has_their_closes_on_mondays(
        self, memory, default_futures_config, frames
    ):
        account = simulated({**default_futures_config, "timeframe": "1w"}, frames)
        closes = [at for at, _ in account.curve(START, START + timedelta(days=20))]
        assert [at.isoformat()[:10] for at in closes] == ["2023-01-02", "2023-01-09", "2023-01-16"]

    @pytest.mark.parametrize(
        ("settings", "capital"),
        [
            ({}, 1000.0),
            ({"tradable_balance_ratio": 0.1}, 1000.0),  # what is kept out is still the account's
            ({"dry_run_wallet": {"USDT": 500, "BTC": 1}}, 500.0),
            (
                {
                    "margin_mode": "cross",
                    "proxy_coin": "BNFCR",
                    "dry_run_wallet": {"BNFCR": 700, "USDT": 500},
                },
                700.0,
            ),
            ({"available_capital": 300}, 300.0),
        ],
    )
    def test_the_capital(self, memory, default_futures_config, frames, settings, capital):
        account = simulated({**default_futures_config, **settings}, frames)
        assert account.capital(START) == capital


OPENED = [(BTC, 30_000.0, 0.03), (ETH, 2000.0, 0.4)]


class TestRunningBot:
    @pytest.fixture
    def running(self, trade_database, default_futures_config, frames):
        def make(**more) -> RunningAccount:
            self.market = Market(frames)
            self.wallets = SimpleNamespace(
                _stake_currency="USDT", get_total=lambda _currency: self.total
            )
            config = {**default_futures_config, "tradable_balance_ratio": 0.5, **more}
            account = account_for(config, Feed(frames), self.market, self.wallets)
            assert isinstance(account, RunningAccount)
            return account

        return make

    def test_marked_at_the_rate_of_the_last_look_at_exits(self, running):
        account = running()
        long, short = factories.trade(BTC), factories.trade(ETH, True, 2000.0, amount=0.1)
        closed = factories.trade(BTC, close_rate=30_300.0, opened=START - 9 * HOUR)
        self.market.rates.update({BTC: 30_500.0, ETH: 1990.0})
        unrealised = long.calc_profit(30_500.0) + short.calc_profit(1990.0)
        standing = account.at(START + HOUR)
        assert standing.open_profit == pytest.approx(unrealised, abs=1e-7)
        assert standing.profit == pytest.approx(unrealised + closed.close_profit_abs, abs=1e-7)

    @pytest.mark.parametrize(
        ("age", "known"),
        [(timedelta(minutes=1), True), (HOUR, True), (1.2 * HOUR, False), (9 * HOUR, False)],
    )
    def test_before_there_is_any_the_newest_candle_serves(self, running, frames, age, known):
        account, trade = running(), factories.trade(BTC)
        standing = account.at(START + 48 * HOUR + age)
        if known:
            expected = trade.calc_profit(frames[BTC]["close"].iloc[-1])
            assert standing.profit == pytest.approx(expected, abs=1e-7)
        else:
            assert standing.unpriced == (BTC,)

    def test_each_closed_trade_is_told_once_even_if_found_late(self, running):
        account, now = running(), START + 9 * HOUR
        first = factories.trade(BTC, close_rate=30_300.0, held=4 * HOUR)
        assert [t.profit for t in account.newly_closed(now)] == [first.close_profit_abs]
        assert [t.profit for t in account.newly_closed(now)] == [first.close_profit_abs]
        account.counted()
        assert account.newly_closed(now) == []
        late = factories.trade(ETH, True, 2000.0, 2100.0, 0.1, held=2 * HOUR)
        (told,) = account.newly_closed(now)
        assert (told.pair, told.closed_at) == (ETH, START + 2 * HOUR)
        assert told.profit == late.close_profit_abs

    def test_the_curve_comes_from_the_database(self, running, frames):
        account = running()
        trade = factories.trade(BTC, close_rate=30_300.0, held=4 * HOUR)
        curve = dict(account.curve(START - 2 * HOUR, START + 7 * HOUR))
        assert curve[START - HOUR] == 0.0
        assert curve[START + 3 * HOUR] == pytest.approx(
            trade.calc_profit(frames[BTC]["close"].iloc[2], 0.01, 30_000.0), abs=1e-7
        )
        for hour in (4, 6):
            assert curve[START + hour * HOUR] == pytest.approx(trade.close_profit_abs)

    def test_the_high_water_mark_outlives_the_process(self, running):
        assert running().stored_high_water() is None
        first = running()
        for profit in (100.0, 100.4, 101.0, 101.5):
            first.store_high_water((START.timestamp(), profit), coarse=1.0)
        assert running().stored_high_water() == (START.timestamp(), 101.0)

    @pytest.mark.parametrize(
        ("settings", "capital"),
        [
            ({}, 1000.0),
            ({"dry_run": False, "runmode": RunMode.LIVE}, 800.0),
            ({"dry_run": False, "available_capital": 300}, 300.0),
        ],
    )
    def test_the_capital(self, running, settings, capital):
        self.total = 800.0
        assert running(**settings).capital(START) == capital

    @pytest.mark.parametrize(
        ("settings", "capital"),
        [
            ({"margin_mode": "cross"}, 800.0),
            ({"margin_mode": "cross", "proxy_coin": "USDT"}, 810.0),
            ({"margin_mode": "isolated", "proxy_coin": "USDT"}, 800.0),
        ],
    )
    def test_the_capital_follows_collateral_at_once(self, running, settings, capital):
        account = running(dry_run=False, runmode=RunMode.LIVE, **settings)
        for self.total in (800.0, 810.0):
            found = account.capital(START)
        assert found == capital

    @pytest.mark.parametrize(
        ("name", "stripped", "in_total"),
        [
            *((name, True, False) for name in ("binance", "bybit", "okx", "gate")),
            *((name, False, True) for name in ("binance", "binanceusdm", "okx", "okx_demo")),
            *((name, False, True) for name in ("bitget", "hyperliquid", "krakenfutures")),
            *((name, False, False) for name in ("bybit", "bybit_demo", "gate")),
        ],
    )
    def test_what_is_counted_as_profit_is_no_capital(
        self, running, monkeypatch, name, stripped, in_total
    ):
        """Freqtrade takes the open profit off the balance since 2026.9; some have none in it."""
        fields = ("symbol", "unrealized_pnl") if stripped else ("symbol",)
        monkeypatch.setattr(
            "perpkit.bot.positions.running_account.PositionWallet", SimpleNamespace(_fields=fields)
        )
        account = running(dry_run=False, runmode=RunMode.LIVE, exchange={"name": name})
        closed = factories.trade(BTC, close_rate=30_300.0, opened=START - 9 * HOUR)
        long, short = factories.trade(BTC), factories.trade(ETH, True, 2000.0, amount=0.1)
        long.funding_fees = -0.7
        self.market.rates.update({BTC: 30_500.0, ETH: 1990.0})
        gross = long.amount * 500.0 + 0.1 * 10.0
        paid = long.amount * 30_000.0 * long.fee_open + 0.1 * 2000.0 * short.fee_open
        settled = 1_000.0 + closed.close_profit_abs - 0.7 - paid
        self.total = settled + gross if in_total else settled
        assert account.capital(START) == pytest.approx(1_000.0)

    def test_the_balance_is_what_was_read_last_and_not_steadied(self, running, monkeypatch):
        fields = SimpleNamespace(_fields=("symbol", "unrealized_pnl"))
        monkeypatch.setattr("perpkit.bot.positions.running_account.PositionWallet", fields)
        account = running(dry_run=False, runmode=RunMode.LIVE)
        self.total = 800.0
        assert account.balance() is None  # it has not been read
        for total, at in ((800.0, START), (700.0, START + HOUR)):
            self.total, self.wallets._last_wallet_refresh = total, at
            account.capital(at)
            assert account.balance() == (total, at)

    @pytest.mark.parametrize(
        ("settings", "stripped"),
        [({}, True), ({"dry_run": False, "runmode": RunMode.LIVE}, False)],
    )
    def test_a_balance_that_is_simulated_or_marked_is_none(
        self, running, monkeypatch, settings, stripped
    ):
        fields = ("symbol", "unrealized_pnl") if stripped else ("symbol",)
        kind = SimpleNamespace(_fields=fields)
        monkeypatch.setattr("perpkit.bot.positions.running_account.PositionWallet", kind)
        account = running(**settings)
        self.total, self.wallets._last_wallet_refresh = 800.0, START
        assert account.balance() is None

    def test_a_balance_without_open_profit_is_known_on_any_freqtrade(self, running, monkeypatch):
        kind = SimpleNamespace(_fields=("symbol",))
        monkeypatch.setattr("perpkit.bot.positions.running_account.PositionWallet", kind)
        account = running(dry_run=False, runmode=RunMode.LIVE, exchange={"name": "bybit"})
        self.total, self.wallets._last_wallet_refresh = 800.0, START
        assert account.balance() == (800.0, START)

    def test_a_price_that_is_not_known_is_no_capital(self, running, monkeypatch):
        wallet = SimpleNamespace(_fields=("symbol",))
        monkeypatch.setattr("perpkit.bot.positions.running_account.PositionWallet", wallet)
        account = running(dry_run=False, runmode=RunMode.LIVE)
        factories.trade(BTC)
        self.total = 1_000.0
        assert isnan(account.capital(START + 99 * HOUR))
        self.market.rates[BTC] = 30_000.0
        assert account.capital(START + 99 * HOUR) == pytest.approx(1_000.0, abs=1)

    def test_a_stake_on_its_way_is_no_change_of_capital(self, running):
        account = running(dry_run=False, runmode=RunMode.LIVE)
        self.total = 800.0
        account.capital(START)
        self.total = 20.0
        assert account.capital(START + timedelta(seconds=5)) == 800.0
        assert account.capital(START + timedelta(minutes=30)) == 800.0
        assert account.capital(START + timedelta(minutes=36)) == 20.0  # money was taken out


@pytest.mark.integration
@pytest.mark.parametrize(
    ("side", "margin_mode"),
    [
        ("long", "isolated"),
        ("short", "cross"),
        pytest.param("short", "isolated", marks=SLOW),
        pytest.param("long", "cross", marks=SLOW),
    ],
)
def test_a_live_bot_knows_what_the_exchange_knows(side, margin_mode):
    """Over an entry, a move, the exit and a settlement of funding: the same equity as there, less
    what closing would cost, within the spread; though what is looked at is made on the way."""
    start = datetime(2026, 3, 2, 15, 50, 20, tzinfo=UTC)
    points = [(0, 50_000.0), (4, 50_000.0), (8, 51_000.0), (30, 51_000.0)]
    market = scripted_market(start, points, funding_rate=0.001)
    step = timedelta(seconds=5)
    with live_bench("Steered", market, start, margin_mode=margin_mode) as (bot, venue):
        strategy = bot.bot.strategy

        def look(account: RunningAccount) -> tuple[float, float]:
            """(here, there)"""
            venue.exchange.catch_up()
            there = venue.exchange.engine.balance(venue.account).margin_balance
            return account.capital(bot.now) + account.at(bot.now).profit, float(there)

        def account() -> RunningAccount:
            """A new account, as after a restart."""
            bot.bot.wallets.update()
            made = account_for(
                bot.bot.config, feed_for(bot.bot.config, strategy.dp), strategy.dp, strategy.wallets
            )
            assert isinstance(made, RunningAccount)
            return made

        bot.run(1, step)
        first = account()
        assert look(first) == (10_000.0, 10_000.0)
        if margin_mode == "cross":  # Freqtrade 2026.6 cannot enter where it is so already
            venue.exchange.engine.set_margin_type(venue.account, "BTCUSDT", isolated=True)
        strategy.side = side
        bot.run_until(lambda: venue.amount, timedelta(minutes=2), step)
        strategy.side = None
        bot.run_until(lambda: bot.now.minute == 59, timedelta(minutes=20), step)
        for subject in (first, account()):
            here, there = look(subject)
            assert abs(there - 10_000.0) > 10  # a move of 2% of 900 USDT
            assert here == pytest.approx(there, abs=0.002 * 900)
            assert subject.capital(bot.now) == pytest.approx(10_000.0, abs=0.5)
        bot.run_until(lambda: bot.now.minute == 5, timedelta(minutes=10), step)
        here, there = look(first)
        assert here == pytest.approx(there, abs=0.002 * 900)
        strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, timedelta(minutes=5), step)
        here, there = look(first)
        assert here == pytest.approx(there, abs=1e-3)
        assert look(account()) == pytest.approx((there, there), abs=1e-3)


@pytest.mark.parametrize("is_short", [False, True])
def test_a_ledger_knows_what_was_bought_and_sold(memory, is_short):
    trade = exited(opened(is_short=is_short), 31_000.0, 0.03, 4, funding=-2.0)
    ledger = ledger_of(trade)
    sign = -1 if is_short else 1
    times = [START.timestamp(), (START + 4 * HOUR).timestamp()]
    assert [tuple(fill) for fill in ledger.fills] == [
        (times[0], sign * 0.03, 30_000.0, FEE, 0.0),
        (times[1], -sign * 0.03, 31_000.0, FEE, -2.0),
    ]
    assert (ledger.closed_at, ledger.profit) == (times[1], trade.close_profit_abs)
