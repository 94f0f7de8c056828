"""`perpkit compare --live --backtest`: every cause, planted in a database that Freqtrade wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.persistence import PairLocks, Trade, init_db
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.durations import DAY_S
from perpkit.ops import compare
from perpkit.ops.results_input import Input
from perpkit.ops.stored_market import StoredMarket
from perpkit.record.decisions import Decision, Kind, as_line
from perpkit.record.places import places
from perpkit.report.sections import curve
from perpkit.report.sections.blocked import blocked
from perpkit.report.view import View, runs_of
from perpkit.research.results import load_results
from perpkit.research.twins import pair_up, span
from tests import factories
from tests.factories import START
from tests.report.conftest import BTC, SPIKED, document, order, trade, write

FEE = 0.0005
HOURS = 60


class Case:
    """A bot and its backtest: a long of 2 at 100 from hour 10 to hour 20, sold at 104, in both."""

    currency, minutes = "USDT", 60

    def __init__(self, folder) -> None:
        self.folder = folder
        self.database = folder / "bot.sqlite"
        self.backtest: list[dict] = []
        self.more: dict = {}
        init_db(f"sqlite:///{self.database}")
        Trade.use_db = PairLocks.use_db = True
        self.live(BTC, 0, 5)
        self.tested(BTC, 0, 5)

    def live(self, pair, begin, end, rate=100.0, left=104.0, amount=2.0, **more):
        """:param end: hour of the exit; None for an open one"""
        seconds = timedelta(seconds=40)
        held = timedelta() if end is None else timedelta(hours=end - begin)
        made = factories.trade(
            pair, more.get("is_short", False), rate, None if end is None else left, amount,
            leverage=1.0, opened=START + timedelta(hours=begin) + seconds, held=held,
        )  # fmt: skip
        made.strategy, made.timeframe = "ByHand", self.minutes
        made.stake_currency = self.currency
        made.exit_reason = more.get("reason", made.exit_reason)
        if funding := more.get("funding"):
            made.funding_fees = funding
            made.close_profit_abs += funding
        if (fee := more.get("fee")) is not None:
            value = amount * (rate + left)
            made.close_profit_abs += value * (made.fee_open - fee)
            made.fee_open = made.fee_close = fee
        Trade.commit()

    def tested(self, pair, begin, end, rate=100.0, left=104.0, amount=2.0, **more):
        way = -1 if more.get("is_short") else 1
        funding = more.get("funding", 0.0)
        profit = amount * (way * (left - rate) - FEE * (left + rate)) + funding
        self.backtest.append(
            trade(
                pair,
                profit,
                [order(begin, amount, rate, True), order(end, amount, left, False)],
                is_short=more.get("is_short", False),
                fee_open=FEE,
                fee_close=FEE,
                exit_reason=more.get("reason", "exit_signal"),
                funding_fees=funding,
            )
        )

    def note(self, *decisions: Decision) -> None:
        path = places(f"sqlite:///{self.database}", self.folder).decisions
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(as_line(each) for each in decisions))

    def compared(self, *options: str) -> tuple[int, str, str]:
        # Of the bot, all is known until the last hour.
        self.live(BTC, HOURS - 2, HOURS - 1)
        self.tested(BTC, HOURS - 2, HOURS - 1)
        Trade.session.remove()
        export = write(self.folder / "export.json", document(*self.backtest, **self.more))
        given = ["compare", "--live", self.database, "--backtest", export]
        given += ["--datadir", self.folder / "data", *options]
        result = CliRunner().invoke(app, [str(each) for each in given])
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    def found(self) -> dict:
        """Of the one trade that is not the same in both; the others are not said to differ."""
        code, out, err = self.compared("--json")
        assert code == 0, err
        document = json.loads(out)
        differ = [one for one in document["trades"] if one["causes"]]
        assert len(document["trades"]) - len(differ) == 2
        [one] = differ
        # Nothing is left unexplained.
        amounts = sum(cause["amount"] for cause in one["causes"])
        assert amounts == pytest.approx(one["difference"], abs=0.01)
        return one

    def causes(self) -> dict[str, float]:
        return {cause["cause"]: cause["amount"] for cause in self.found()["causes"]}


@pytest.fixture
def case(tmp_path):
    hours = pd.date_range(START, periods=HOURS + 2, freq="1h")
    prices = {"open": 100.0, "high": 111.0, "low": 89.0, "close": 100.0, "volume": 1.0}
    (tmp_path / "data" / "futures").mkdir(parents=True)
    for pair in (BTC, SPIKED):
        factories.write_candles(tmp_path / "data", pair, pd.DataFrame({"date": hours, **prices}))
    yield Case(tmp_path)
    Trade.rollback()
    Trade.session.remove()
    PairLocks.reset_locks()


def at(hour: float):
    return START + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("bot", "run", "are_twins"),
    [
        (14.9, 3.0, True),  # a Sunday, and the Tuesday of the week before
        (15.1, 7.9, False),  # a Monday, and the Sunday of the week before last
    ],
)
def test_weeks_are_the_exchanges_and_begin_on_mondays(bot, run, are_twins):
    """Days are counted from Sunday, 1 January 2023."""
    week, begin = 7 * DAY_S, START.timestamp()
    one, other = (
        SimpleNamespace(pair=BTC, is_short=False, opened=begin + day * DAY_S) for day in (bot, run)
    )
    found = pair_up([one], [other], week, begin, begin + 4 * week)
    assert len(found) == (1 if are_twins else 2)


def test_the_common_time_begins_with_the_monday_of_a_first_trade():
    live, run = (SimpleNamespace(start=START.timestamp() + day * DAY_S, end=9e9) for day in (6, -9))
    assert span(live, run, 7 * DAY_S) == (START.timestamp() + DAY_S, 9e9)


def test_exits_of_weeks_are_counted_from_mondays(case):
    case.more["timeframe"], case.minutes = "1w", 7 * 24 * 60
    Trade.session.query(Trade).update({"timeframe": case.minutes})
    case.live(SPIKED, 10, 24 * 15 + 2, left=101.0)
    case.tested(SPIKED, 10, 24 * 8 - 2, reason="roi")
    [cause] = case.found()["causes"]
    assert cause["text"] == "exit_signal, 2 candles later than roi"


def test_what_is_the_same_has_no_cause(case):
    code, out, _ = case.compared()
    assert code == 0
    assert "2 trades have a twin, 0 are the bot's only, 0 the backtest's only." in out
    assert "There is no difference." in out


def test_a_signal_that_was_missed(case):
    case.tested(SPIKED, 10, 20)
    profit = 2 * (4 - 204 * FEE)
    assert case.causes() == {"missed signal": pytest.approx(-profit)}


def test_a_lock_of_the_bot(case):
    case.tested(SPIKED, 10, 20)
    PairLocks.timeframe = "1h"
    PairLocks.lock_pair(SPIKED, at(15), "FlashCrash: fell", now=at(9))
    one = case.found()
    [cause] = one["causes"]
    assert (cause["cause"], cause["text"]) == ("lock", "FlashCrash: fell")


@pytest.mark.parametrize(
    ("kind", "reason", "cause"),
    [
        (Kind.REFUSED, "breaker", "lock"),
        (Kind.REFUSED, "slots", "no free slot"),
        (Kind.REFUSED, "book", "refused"),
        (Kind.WITHDRAWN, "timeout", "entry not filled"),
        (Kind.QUIET, "signal", "missed signal"),
    ],
)
def test_what_the_decision_log_says(case, kind, reason, cause):
    case.tested(SPIKED, 10, 20)
    case.note(
        Decision(at(9), Kind.REFUSED, SPIKED, "long", "book", "an hour before"),
        Decision(at(10.1), Kind.REFUSED, SPIKED, "short", "book", "of the other side"),
        Decision(at(10.1), kind, SPIKED, "long", reason, "as it was noted"),
    )
    [found] = case.found()["causes"]
    assert (found["cause"], found["text"]) == (cause, "as it was noted")


def test_no_free_slot_and_a_position_of_another_trade(case):
    # It was kept longer than in the backtest, which entered again meanwhile.
    case.live(SPIKED, 10, 40, left=104.0)
    case.tested(SPIKED, 10, 20)
    case.tested(SPIKED, 25, 30)
    code, out, err = case.compared("--json")
    assert code == 0, err
    causes = [one["causes"] for one in json.loads(out)["trades"] if one["causes"]]
    assert [cause["cause"] for (cause,) in causes] == ["position still open"]


def test_a_trade_that_only_the_bot_made(case):
    case.live(SPIKED, 10, 20)
    assert set(case.causes()) == {"signal only live"}


def test_a_lock_of_the_backtest(case):
    case.live(SPIKED, 10, 20)
    lock = {"pair": "*", "side": "*", "reason": "Drawdown: 10%"}
    begin, end = (int(at(hour).timestamp() * 1000) for hour in (9, 12))
    case.more["locks"] = [{**lock, "lock_timestamp": begin, "lock_end_timestamp": end}]
    [cause] = case.found()["causes"]
    assert (cause["cause"], cause["text"]) == ("lock", "Drawdown: 10%")


@pytest.mark.parametrize("is_short", [False, True])
def test_size(case, is_short):
    left = 96.0 if is_short else 104.0
    case.live(SPIKED, 10, 20, amount=1.0, left=left, is_short=is_short)
    case.tested(SPIKED, 10, 20, left=left, is_short=is_short)
    profit = 2 * (4 - (100 + left) * FEE)
    assert case.causes() == {"size": pytest.approx(-profit / 2)}


@pytest.mark.parametrize(("is_short", "worse"), [(False, 100.5), (True, 99.5)])
def test_the_price_of_the_entry(case, is_short, worse):
    case.live(SPIKED, 10, 20, rate=worse, is_short=is_short)
    case.tested(SPIKED, 10, 20, is_short=is_short)
    one = case.found()
    [cause] = one["causes"]
    assert (cause["cause"], cause["text"]) == ("fill price", "entry +50.0 bps worse")
    assert cause["amount"] == pytest.approx(-1.0)


def test_a_stake_in_a_coin_worth_much_has_causes_too(case):
    case.currency = case.more["stake_currency"] = "BTC"
    Trade.session.query(Trade).update({"stake_currency": "BTC"})
    case.live(SPIKED, 10, 20, rate=100.5, amount=4e-5)
    case.tested(SPIKED, 10, 20, amount=4e-5)
    said = " ".join(case.compared()[1].split())
    assert "fill price -0.00002000 (entry +50.0 bps worse)" in said
    assert "BTC less: -0.00002000 by fill price (1)" in said


def test_the_price_of_the_exit(case):
    case.live(SPIKED, 10, 20, left=103.0)
    case.tested(SPIKED, 10, 20)
    [cause] = case.found()["causes"]
    assert cause["cause"] == "fill price"
    assert cause["text"].startswith("exit +96.2 bps")
    assert cause["amount"] == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("end", "reason", "cause"),
    [
        (22, "stop_loss", "stop seen late"),
        (22, "exit_signal", "stop seen late"),
        (20, "stop_loss", "stop seen late"),
        (20, "stoploss_on_exchange", "fill price"),
        (18, "exit_signal", "another exit"),
    ],
)
def test_a_stop(case, end, reason, cause):
    case.live(SPIKED, 10, end, left=93.0, reason=reason)
    case.tested(SPIKED, 10, 20, left=95.0, reason="stop_loss")
    assert case.causes() == {cause: pytest.approx(-4.0)}


def test_another_exit_and_the_end_of_the_backtest(case):
    case.live(SPIKED, 10, 30, left=101.0)
    case.tested(SPIKED, 10, 20, reason="roi")
    [cause] = case.found()["causes"]
    assert (cause["cause"], cause["text"]) == (
        "another exit", "exit_signal, 10 candles later than roi",
    )  # fmt: skip


def test_funding(case):
    case.live(SPIKED, 10, 20, funding=-0.5)
    case.tested(SPIKED, 10, 20, funding=0.25)
    assert case.causes() == {"funding": pytest.approx(-0.75)}


def test_much_funding_is_said_in_full(case):
    case.live(SPIKED, 10, 20, funding=-12_345.678)
    case.tested(SPIKED, 10, 20, funding=0.25)
    assert "(-12,345.68, not +0.25)" in " ".join(case.compared()[1].split())


def test_fees(case):
    case.live(SPIKED, 10, 20, fee=0.001)
    case.tested(SPIKED, 10, 20)
    [cause] = case.found()["causes"]
    assert (cause["cause"], cause["text"]) == ("fee", "10.00 bps a side, not 5.00")
    assert cause["amount"] == pytest.approx(-2 * 204 * 0.0005)


@pytest.mark.parametrize("paired", [True, False])
def test_data_that_were_revised(case, paired):
    """The bot filled at a price that the stored candle does not have."""
    case.live(SPIKED, 10, 20, rate=120.0)
    if paired:
        case.tested(SPIKED, 10, 20)
    cause = max(case.found()["causes"], key=lambda one: abs(one["amount"]))
    assert cause["cause"] == "data revised"
    assert cause["text"] == "filled at 120, the stored candle has 89 to 111"


def test_a_trade_that_is_still_open(case):
    case.live(SPIKED, 10, None)
    case.tested(SPIKED, 10, 20)
    assert set(case.causes()) == {"not closed in both"}


def test_several_causes_add_up(case):
    case.live(SPIKED, 10, 22, rate=100.2, left=94.0, amount=1.5, funding=-0.1, reason="stop_loss")
    case.tested(SPIKED, 10, 20, left=95.0, reason="stop_loss", funding=0.2)
    found = case.causes()
    # A smaller loss for the size.
    profit = 2 * (-5 - 195 * FEE) + 0.2
    assert found == {
        "size": pytest.approx(-profit / 4),
        "fill price": pytest.approx(-1.5 * 0.2),
        "stop seen late": pytest.approx(-1.5),
        "funding": pytest.approx(-0.1 - 0.15),
    }


def test_the_sentence_names_the_sums(case):
    case.tested(SPIKED, 10, 20)
    case.live(SPIKED, 30, 35, left=103.0)
    case.tested(SPIKED, 30, 35)
    code, out, _ = case.compared()
    said = " ".join(out.split())
    assert code == 0
    assert "3 trades have a twin, 0 are the bot's only, 1 the backtest's only." in said
    assert (
        "The bot made 9.80 USDT less: -7.80 by missed signal (1), -2.00 by fill price (1)." in said
    )
    assert "2023-01-02 06:00" in said


def test_a_time_can_be_asked_for(case):
    case.tested(SPIKED, 10, 20)
    code, out, _ = case.compared("--timerange", "20230103-")
    assert code == 0
    assert "0 the backtest's only." in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--live", "{db}"), "live and backtest must be given together"),
        (("{db}", "--live", "{db}", "--backtest", "{export}"), "without other results"),
        (("--live", "{export}", "--backtest", "{export}"), "live must be a bot's trade database"),
        (("--live", "{db}", "--backtest", "{db}"), "backtest must be a backtest export"),
        (("{db}",), "compare needs two results, or --live and --backtest"),
        (("{db}", "{db}", "--timerange", "2023-"), "timerange goes with --live"),
        (
            ("--live", "{db}", "--backtest", "{export}", "--timerange", "20250101-"),
            "must have a time in common with a trade, got none",
        ),
        (
            ("--live", "{db}", "--backtest", "{other}"),
            "must have the same timeframe, got 1h and 5m",
        ),
    ],
)
def test_bad_input_is_named(case, arguments, said):
    Trade.session.remove()
    files = {
        "db": case.database,
        "export": write(case.folder / "export.json", document(*case.backtest)),
        "other": write(case.folder / "other.json", document(*case.backtest, timeframe="5m")),
    }
    given = ["compare", *(each.format(**files) for each in arguments)]
    result = CliRunner().invoke(app, [*given, "--datadir", str(case.folder / "data")])
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in " ".join(result.stderr.split())


REFUSED = "live must have trades of one timeframe, that of the backtest, got 5m, 1h in"


@pytest.mark.parametrize(("strategy", "said"), [("ByHand", REFUSED), ("Before", "")])
def test_trades_of_two_timeframes_are_refused(case, strategy, said):
    """Those of another strategy than the backtest's do not count."""
    Trade.session.query(Trade).update({"strategy": strategy, "timeframe": 5})
    Trade.commit()
    code, _, err = case.compared()
    assert code == (2 if said else 0)
    assert said in err


def test_the_report_tells_two_strategies_apart(case):
    Trade.session.query(Trade).update({"strategy": "Before"})
    Trade.commit()
    case.compared()
    asked = ["report", case.database, "--with", case.folder / "export.json", "--json"]
    asked += ["--starting-balance", 1000, "--out", case.folder / "page.html"]
    asked += ["--datadir", case.folder / "data"]
    for options, said in (
        ([], "one strategy, that of the backtest, got Before, ByHand"),
        (
            ["--strategy", "ByHand"],
            "1 trades have a twin, 0 are the bot",
        ),
    ):
        result = CliRunner().invoke(app, [str(each) for each in (*asked, *options)])
        assert result.exit_code == 0, result.stderr
        assert said in (case.folder / "page.html").read_text()


def test_the_report_of_both_says_the_same(case):
    case.live(SPIKED, 30, 40, left=110.0)
    case.tested(SPIKED, 30, 40)
    code, out, err = case.compared("--json")
    assert code == 0, err
    found = json.loads(out)
    page, given = case.folder / "page.html", [case.database, case.folder / "export.json"]
    for one, other in (given, given[::-1]):  # the bot may be either of them
        asked = ["report", one, "--with", other, "--datadir", case.folder / "data", "--json"]
        asked += ["--starting-balance", 1000, "--out", page]
        result = CliRunner().invoke(app, [str(each) for each in asked])
        assert result.exit_code == 0, result.stderr
        beside = json.loads(result.stdout)["twins"]
        assert beside == {"causes": found["causes"], "said": found["said"]}
        shown = page.read_text()
        assert 'id="twins"' in shown
        assert "The largest differences, 1 of 1." in shown


def test_a_bot_that_lies_elsewhere_is_explained_by_the_backtests_candles(case, monkeypatch):
    case.live(SPIKED, 10, 20, rate=120.0)
    case.tested(SPIKED, 10, 20)
    code, out, err = case.compared("--json")
    assert code == 0, err
    userdir = case.folder / "freqtrade"
    export = userdir / "backtest_results" / "export.json"
    for path, moved in (("data", userdir / "data" / "binance"), (export.name, export)):
        moved.parent.mkdir(parents=True)
        (case.folder / path).rename(moved)
    monkeypatch.chdir(userdir / "data")  # where there is no user directory
    asked = ["report", case.database, "--with", export, "--json", "--starting-balance", 1000]
    result = CliRunner().invoke(app, [str(each) for each in asked])
    assert result.exit_code == 0, result.stderr
    causes = json.loads(result.stdout)["twins"]["causes"]
    assert "data revised" in causes
    assert causes == json.loads(out)["causes"]
    given = Input(None, None, "feather", 1000.0)
    for files in ((case.database, export), (export, case.database)):
        runs = compare._runs(given, *files, None, None)
        assert [run.account.unpriced for run in runs] == [(), ()]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "2 trades have a twin, 0 are the bot's only"),
        (("--strategy=Before", "--other-strategy=ByHand"), "0 trades have a twin, 1 are the bot's"),
    ],
)
def test_trades_of_another_strategy_are_not_the_bots_only(case, options, said):
    case.live(SPIKED, 10, 20)
    other = Trade.session.query(Trade).filter(Trade.pair == SPIKED).one()
    other.strategy = "Before"
    Trade.commit()
    _, out, _ = case.compared(*options)
    assert said in " ".join(out.split())


def test_the_locks_after_exits_are_not_those_of_breakers(case, tmp_path):
    """Freqtrade locks each pair that a bot leaves, and none in a backtest."""
    PairLocks.timeframe = "1h"
    for pair in (BTC, SPIKED):
        PairLocks.lock_pair(pair, at(12), "Auto lock", now=at(9))
    case.tested(SPIKED, 10, 20)
    case.compared()
    export, database = tmp_path / "export.json", tmp_path / "bot.sqlite"
    bot, backtest = load_results(database, None, 1000.0), load_results(export)
    another = replace(bot, source=tmp_path / "another.sqlite", locks=())
    market = StoredMarket(tmp_path / "data")
    run, other = runs_of(market, backtest, bot)
    assert (run.name, other.name) == ("the backtest", "the bot")
    assert [each.name for each in runs_of(market, bot, another)] == ["bot", "another"]
    assert "have no lock of a breaker" in blocked(View(run, market, other)).why
    view = View(runs_of(market, bot, another)[0], market)
    assert curve._locks(view) == []
    assert curve._global(view) == []
