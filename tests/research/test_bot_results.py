"""What a bot did, from its trade database, as Freqtrade writes it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.persistence import PairLocks, Trade, WalletHistory, init_db
from freqtrade.persistence.key_value_store import KeyValueStore
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.durations import DAY_S
from perpkit.ops.report import _beside
from perpkit.ops.results_input import Input
from perpkit.ops.verdict import userdir_of_run
from perpkit.record.decision_log import DecisionLog
from perpkit.record.decisions import Decision, Kind
from perpkit.report.sections.blocked import blocked
from perpkit.report.view import View, runs_of
from perpkit.research.accounts import marked_account
from perpkit.research.results import load_results
from tests import factories
from tests.factories import START

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
BALANCE = 1000.0


class Rising:
    """A market in which BTC rises by 100 an hour from 30,000, and ETH has no candles."""

    def candles(self, pair: str, timeframe: str) -> pd.DataFrame | None:
        if pair == ETH:
            return None
        closes = [30_000.0 + 100 * hour for hour in range(1, 11)]
        dates = pd.date_range(START, periods=10, freq="1h")
        return pd.DataFrame({"date": dates, "close": closes})

    def funding(self, pair: str) -> None:
        return None


@pytest.fixture
def database(tmp_path, monkeypatch):
    """A long that is open since hour 0, a short that made 5 from hour 1 to 5, locks, a balance."""
    path = tmp_path / "bot.sqlite"
    init_db(f"sqlite:///{path}")
    Trade.use_db = PairLocks.use_db = True
    first = factories.trade(BTC, open_rate=30_000.0, amount=0.1)
    first.set_custom_data("perpkit_trade", {"opened": START.isoformat(), "risk": 600.0})
    first.set_custom_data("perpkit_slippage", {"actual_bps": 3.5, "estimated_bps": 2.0})
    factories.trade(ETH, True, 2000.0, 1990.0, amount=0.5, opened=START + timedelta(hours=1))
    monkeypatch.setattr(PairLocks, "timeframe", "1h")
    PairLocks.lock_pair("*", START + timedelta(hours=3, minutes=30), "Crash: why", now=START)
    wallet = WalletHistory(
        timestamp=START - timedelta(hours=1), currency="USDT", quote_currency="USDT",
        balance=BALANCE, total_quote=BALANCE,
    )  # fmt: skip
    WalletHistory.session.add(wallet)
    WalletHistory.session.commit()
    yield path
    Trade.rollback()
    Trade.session.remove()
    PairLocks.reset_locks()


def test_open_positions_are_marked_to_the_newest_candle(database):
    results = load_results(database)
    account = marked_account(results, Rising())
    fee = 0.0005
    # At the close of candle `hour`, of a long of 0.1 at 30,000.
    paid = 0.1 * 30_000 * fee
    for hour, equity in enumerate(account.equity.tolist()[1:], 1):
        rate = 30_000 + 100 * hour
        long = 0.1 * (rate - 30_000) - paid - 0.1 * rate * fee
        if hour < 5:  # the short counts at its entry: ETH has no candles
            short = -0.5 * 2000 * fee * 2
        else:
            short = 0.5 * 10 - 0.5 * 2000 * fee - 0.5 * 1990 * fee
        assert equity == pytest.approx(BALANCE + long + (short if hour >= 1 else 0), abs=1e-6)
    assert len(account.equity) == 11
    assert account.unpriced == (ETH,)


class Weekly(Rising):
    """A market in which BTC rises by 100 a week from Monday, 2 January 2023, on."""

    def candles(self, pair: str, timeframe: str) -> pd.DataFrame | None:
        if pair == ETH:
            return None
        dates = pd.date_range(START + timedelta(days=1), periods=4, freq="7D")
        return pd.DataFrame({"date": dates, "close": [30_100.0, 30_200.0, 30_300.0, 30_400.0]})


def test_weeks_begin_on_a_monday(database):
    account = marked_account(replace(load_results(database), timeframe="1w"), Weekly())
    assert {at.day_name() for at in account.times} == {"Monday"}
    rises = account.equity.diff().dropna().tolist()[-3:]
    assert rises == [pytest.approx(0.1 * 100 * (1 - 0.0005))] * 3


def test_what_the_bot_recorded_is_there(database):
    results = load_results(database)
    assert (results.strategy, results.stake_currency, results.timeframe) == (
        "TestStrategy", "USDT", "1h",
    )  # fmt: skip
    assert results.starting_balance == BALANCE
    held, closed = results.trades
    assert (held.closed, held.first_stop, held.slippage_bps) == (None, 29_400.0, 3.5)
    assert closed.closed == (START + timedelta(hours=5)).timestamp()
    # Without a record of ours: Freqtrade's first stop, 2% above the entry.
    assert closed.first_stop == pytest.approx(2040)
    (lock,) = results.locks
    assert (lock.pair, lock.source, lock.until) == (
        "*", "Crash", (START + timedelta(hours=4)).timestamp(),
    )  # fmt: skip


@pytest.mark.parametrize(("started", "days"), [(None, 42), (START - timedelta(days=2), 4)])
def test_what_was_decided_before_the_database_began_is_of_another_one(database, started, days):
    if started is not None:
        KeyValueStore.store_value("bot_start_time", started)
    log = DecisionLog(database.with_name("bot.decisions.jsonl"), print)
    for day in (-40, -1, 2):
        log.add(Decision(START + timedelta(days=day), Kind.REFUSED, BTC, "long", "why", "why"))
    log.flush(START)
    found = load_results(database)
    assert found.end - found.start == days * DAY_S


def test_a_bot_that_a_breaker_keeps_from_trading_has_its_days(database):
    log = DecisionLog(database.with_name("bot.decisions.jsonl"), print)
    log.add(Decision(START + timedelta(days=60), Kind.REFUSED, BTC, "long", "breaker", "why"))
    log.flush(START)
    PairLocks.lock_pair("*", START + timedelta(days=60), "Halt: why", now=START)
    Trade.session.remove()
    results = load_results(database)
    run, _ = runs_of(Rising(), results, None)
    assert len(run.daily_returns) == 60
    section = blocked(View(run, Rising()))
    assert "locked 100.0% of the time" in section.lead


def test_a_recorded_balance_is_known_of_a_bot(database):
    newest = START + timedelta(hours=50)
    wallet = WalletHistory(
        timestamp=newest, currency="USDT", quote_currency="USDT", balance=1, total_quote=1
    )
    WalletHistory.session.add(wallet)
    WalletHistory.session.commit()
    assert load_results(database).end == newest.timestamp()


def test_a_lock_that_was_lifted_at_an_unknown_time_does_not_count(database):
    for reason in ("Lifted: by a strategy", "Ended: by /unlock"):
        PairLocks.lock_pair(BTC, START + timedelta(days=9), reason, now=START)
    PairLocks.unlock_reason("Lifted: by a strategy", START + timedelta(hours=1))
    ended = START + timedelta(hours=1, seconds=7, milliseconds=1)
    [lock] = [lock for lock in PairLocks.get_all_locks() if lock.reason == "Ended: by /unlock"]
    lock.active, lock.lock_end_time = False, ended  # see tests/contract
    Trade.commit()
    found = {lock.source: lock.until for lock in load_results(database).locks}
    assert set(found) == {"Crash", "Ended"}
    assert found["Ended"] == ended.timestamp()


def test_a_breakers_lock_that_was_released_counts(database):
    """Older releases of Perpkit left its end as it was, on a whole minute."""
    reasons = ["FlashCrash halted: BTC fell", "DrawdownBreaker reducing: 5%"]
    for reason in reasons:
        PairLocks.lock_pair(BTC, START + timedelta(days=9), reason, now=START)
        PairLocks.unlock_reason(reason, START + timedelta(hours=1))
    Trade.commit()
    assert {lock.reason for lock in load_results(database).locks} == {"Crash: why", *reasons}


def test_a_trade_without_a_timeframe_is_of_no_other_one(database):
    """Databases of early versions of Freqtrade have such trades."""
    with sqlite3.connect(database) as found:
        found.execute("UPDATE trades SET timeframe = CASE id WHEN 1 THEN NULL ELSE 5 END")
    assert load_results(database).timeframes == ("5m",)


def test_the_file_is_not_changed(database):
    before = database.read_bytes()
    load_results(database)
    assert database.read_bytes() == before


def test_a_balance_that_is_not_recorded_must_be_given(database):
    WalletHistory.session.query(WalletHistory).delete()
    WalletHistory.session.commit()
    with pytest.raises(ValueError, match="starting_balance must be given"):
        load_results(database)
    assert load_results(database, starting_balance=500.0).starting_balance == 500


@pytest.mark.parametrize(("given", "is_said"), [(500.0, True), (1009.0, False), (None, False)])
def test_a_balance_that_is_given_counts_before_the_recorded_one(database, given, is_said, capsys):
    """Freqtrade records the whole wallet, also of a bot that may use a part of it."""
    found = Input(None, None, "feather", given).results(database, None)
    assert found.starting_balance == (given or BALANCE)
    said = "The balance that was given, 500.00 USDT, stands in place of the recorded one, 1,000.00"
    assert capsys.readouterr().err == (f"{said}: {database}.\n" if is_said else "")


def test_a_balance_that_was_recorded_later_is_not_compared(database, capsys):
    wallet = WalletHistory.session.query(WalletHistory).one()
    wallet.timestamp = START + timedelta(hours=2)  # after the first trade
    WalletHistory.session.commit()
    assert Input(None, None, "feather", 500.0).results(database, None).starting_balance == 500
    assert capsys.readouterr().err == ""


@pytest.fixture
def two_strategies(database):
    """`Later` made a trade ten days after the last one of `TestStrategy`."""
    later = factories.trade(
        BTC, open_rate=30_000.0, close_rate=31_000.0, amount=0.1, opened=START + timedelta(days=10)
    )
    later.strategy = "Later"
    Trade.commit()
    log = DecisionLog(database.with_name("bot.decisions.jsonl"), print)
    for day in (8, 12):
        log.add(Decision(START + timedelta(days=day), Kind.REFUSED, BTC, "long", "why", "why"))
    log.flush(START)
    PairLocks.lock_pair(
        "*", START + timedelta(days=11, hours=1), "Halt: y", now=START + timedelta(days=11)
    )
    return database


def test_a_strategy_of_several_has_its_own_trades_and_time(two_strategies):
    before = load_results(two_strategies, "TestStrategy")
    after = load_results(two_strategies, "Later", 800.0)
    both = load_results(two_strategies)
    days = [
        ((each.start - START.timestamp()) / DAY_S, (each.end - START.timestamp()) / DAY_S)
        for each in (before, after, both)
    ]
    assert days == [(0, 5 / 24), (10, 12), (0, 12)]
    assert [len(each.trades) for each in (before, after, both)] == [2, 1, 3]
    assert [each.starting_balance for each in (before, after, both)] == [BALANCE, 800, BALANCE]
    assert [len(each.decisions) for each in (before, after, both)] == [0, 1, 2]
    assert [len(each.locks) for each in (before, after, both)] == [1, 1, 2]


def test_a_later_strategy_needs_a_balance(two_strategies):
    with pytest.raises(ValueError, match="of this strategy, which is not its first"):
        load_results(two_strategies, "Later")


def test_two_stake_currencies_are_no_one_account(two_strategies):
    for trade in Trade.session.query(Trade).filter(Trade.strategy == "Later"):
        trade.stake_currency = "USDC"
    Trade.commit()
    with pytest.raises(ValueError, match="must have one stake currency, got USDC, USDT in"):
        load_results(two_strategies)
    assert load_results(two_strategies, "Later", 800.0).stake_currency == "USDC"
    for trade in Trade.session.query(Trade):
        trade.strategy = "Later"
    Trade.commit()
    with pytest.raises(ValueError, match="one strategy traded in them"):
        load_results(two_strategies)


def test_trades_of_others_stand_for_no_strategy_without_a_balance(two_strategies):
    given = Input(None, None, "feather", None)
    with pytest.raises(ValueError, match="of this strategy, which is not its first"):
        _beside(given, two_strategies, "Later")
    assert len(_beside(given, two_strategies, "Unknown").trades) == 3


def test_only_a_user_directory_is_that_of_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "walkforward/x"
    assert userdir_of_run(run, None, None).absolute() == tmp_path / "user_data"
    (tmp_path / "data").mkdir()
    assert userdir_of_run(run, None, None) == tmp_path


def test_a_page_of_a_bot(database, tmp_path):
    datadir = tmp_path / "data"
    datadir.mkdir()
    out = tmp_path / "page.html"
    result = CliRunner().invoke(
        app, ["report", str(database), "--datadir", str(datadir), "--out", str(out)]
    )
    assert result.exit_code == 0, result.stderr
    page = out.read_text()
    assert "Perpkit report of a bot" in page
    for said in ("Slippage of each entry", "There are no candles of BTC/USDT:USDT, ETH/USDT:USDT"):
        assert said in page
    charts = json.loads(page.split('id="charts">')[1].split("</script>")[0])
    # The lock of all pairs is shaded, and says why.
    [shade] = charts["equity"]["layout"]["shapes"]
    assert (shade["x0"][-5:], shade["x1"][-5:]) == ("00:00", "04:00")
    [lane] = [trace for trace in charts["equity"]["data"] if trace["name"] == "all entries locked"]
    assert lane["hovertext"][0].endswith("<br>Crash: why")
