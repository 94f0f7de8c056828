"""`perpkit why`: its sentences, its table, and what it says where there is nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.decision_log import DecisionLog
from perpkit.record.decisions import Decision, Kind
from perpkit.record.places import backtest_decisions
from tests.factories import START as NOW

BTC, ETH, LTC = "BTC/USDT:USDT", "ETH/USDT:USDT", "LTC/BTC:BTC"
MINUTE = timedelta(minutes=1)
AT = f"{NOW:%Y-%m-%d %H:%M:%S} UTC"

PLANTED = [
    Decision(NOW, Kind.QUIET, BTC, "*", "signal", "the candle has no entry signal"),
    Decision(NOW + MINUTE, Kind.REFUSED, BTC, "long", "slots", "max_open_trades: 3 of 3 are open"),
    Decision(NOW + 2 * MINUTE, Kind.ENTERED, BTC, "long", "entry", "0.1 at 100", tag="dip"),
    Decision(NOW + 9 * MINUTE, Kind.EXITED, BTC, "long", "roi", "0.1 at 110, profit +1.00"),
    Decision(NOW, Kind.REFUSED, ETH, "short", "book", "spread 31 bps, above 20"),
    Decision(NOW + 5 * MINUTE, Kind.REFUSED, ETH, "short", "book", "spread 32 bps, above 20"),
    Decision(NOW + 6 * MINUTE, Kind.REFUSED, LTC, "long", "my_own", "no."),
]


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Runs the command beside a log with the planted decisions."""
    monkeypatch.chdir(tmp_path)
    log = DecisionLog(tmp_path / "trades.decisions.jsonl", print)
    for decision in sorted(PLANTED, key=lambda each: each.at):
        log.add(decision)
    log.close()

    def ask(*arguments: str):
        with time_machine.travel(NOW + timedelta(days=1), tick=False):
            command = ["why", "--db-url", "sqlite:///trades.sqlite", *arguments]
            return CliRunner().invoke(app, command)

    return ask


def moment(minutes: int) -> str:
    return f"{NOW + minutes * MINUTE:%Y-%m-%dT%H:%M}"


def said(minutes: int, text: str) -> str:
    return f"{NOW + minutes * MINUTE:%Y-%m-%d %H:%M:%S} UTC: {text}\n"


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (
            ("BTC", moment(0)),
            said(0, f"{BTC}: no entry (the signal): the candle has no entry signal."),
        ),
        (
            (BTC, moment(1)),
            said(1, f"{BTC} long: no entry (no free slot): max_open_trades: 3 of 3 are open."),
        ),
        (("btc/usdt", moment(8)), said(2, f"{BTC} long: entered: 0.1 at 100, tag dip.")),
        (
            ("BTCUSDT",),
            said(9, f"{BTC} long: exited (the profit target): 0.1 at 110, profit +1.00."),
        ),
        (
            ("ETH",),
            said(5, f"{ETH} short: no entry (the order book): spread 32 bps, above 20."),
        ),
        (("LTC",), said(6, f"{LTC} long: no entry (my_own): no.")),
        (("BTC", "--kind", "entered"), said(2, f"{BTC} long: entered: 0.1 at 100, tag dip.")),
    ],
    ids=str,
)
def test_the_newest_decision_at_a_time_is_one_sentence(ask, arguments, answer):
    result = ask(*arguments)
    assert (result.exit_code, result.output) == (0, answer)


def test_without_a_pair_every_pair_has_its_sentence(ask):
    lines = ask().output.splitlines()
    assert [line.split("UTC: ")[1].split(" ")[0] for line in lines] == [BTC, ETH, LTC]


def test_all_decisions_of_a_period_are_told(ask):
    result = ask("BTC", "--all", "--since", moment(1), moment(2))
    assert [line.split(": ")[2] for line in result.output.splitlines()] == [
        "no entry (no free slot)",
        "entered",
    ]


def test_reasons_are_a_table(ask):
    lines = ask("--by-reason").output.splitlines()
    assert lines[0] == (
        f"      2 refused    book         {ETH}. The last, "
        f"{NOW + 5 * MINUTE:%Y-%m-%d %H:%M:%S}: spread 32 bps, above 20."
    )
    assert len(lines) == 6
    assert len(ask("--by-reason", "--since", moment(6)).output.splitlines()) == 2


def test_json_has_the_rows_as_they_are(ask):
    (row,) = json.loads(ask("BTC", moment(2), "--json").output)
    assert row == {
        "at": (NOW + 2 * MINUTE).isoformat(timespec="milliseconds"),
        "kind": "entered",
        "pair": BTC,
        "side": "long",
        "reason": "entry",
        "text": "0.1 at 100",
        "tag": "dip",
    }
    first, *_ = json.loads(ask("--by-reason", "--json").output)
    assert (first["count"], first["pairs"]) == (2, [ETH])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("DOGE",), 2, f"PAIR must be in the decision log, got 'DOGE'. There are: {BTC}, {ETH}"),
        (("BTC", "yesterday"), 2, "yesterday"),
        (("BTC", moment(-9)), 1, f"Nothing was decided about {BTC} by "),
        (("--backtest", "Mine"), 2, 'a backtest writes it with "perpkit": {"decisions": true}'),
        (("--kind", "loved"), 2, "loved"),
    ],
)
def test_what_cannot_be_answered_is_one_clear_line(ask, arguments, code, words):
    result = ask(*arguments)
    assert result.exit_code == code
    assert words in result.output
    assert "Traceback" not in result.output


def test_a_pair_of_several_currencies_must_be_named_in_full(ask, tmp_path):
    log = DecisionLog(tmp_path / "trades.decisions.jsonl", print)
    log.add(Decision(NOW, Kind.QUIET, "BTC/USDC:USDC", "*", "signal", "x"))
    result = ask("BTC")
    assert result.exit_code == 2
    assert "PAIR must be one of BTC/USDC:USDC, BTC/USDT:USDT, got 'BTC'" in result.output


def test_without_a_log_it_says_who_writes_it_and_what_is_there(ask, tmp_path):
    (tmp_path / "trades.decisions.jsonl").rename(tmp_path / "dryrun.decisions.jsonl")
    result = ask("BTC")
    assert result.exit_code == 2
    assert "there is no decision log trades.decisions.jsonl: a dry-run or live" in result.output
    assert "There are: dryrun.decisions.jsonl" in result.output


def test_damaged_lines_are_named(ask, tmp_path):
    with (tmp_path / "trades.decisions.jsonl").open("a") as file:
        file.write('{"at": "half of a li\n')
    result = ask("BTC", "--json")
    assert result.exit_code == 0
    assert "1 damaged lines of" in result.stderr
    assert json.loads(result.stdout)


def test_the_log_of_a_backtest(ask, tmp_path):
    path = backtest_decisions(tmp_path / "mine", "RsiSmaSwing")
    DecisionLog(path, print).add(PLANTED[0])
    arguments = ["why", "BTC", "--backtest", "RsiSmaSwing", "--userdir", str(tmp_path / "mine")]
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, "no entry signal" in result.output) == (0, True)


def test_repeats_say_how_often_and_since_when(ask, tmp_path):
    log = DecisionLog(tmp_path / "trades.decisions.jsonl", print)
    later = NOW + timedelta(hours=3)
    for number in range(9):
        log.add(Decision(later + number * MINUTE, Kind.REFUSED, ETH, "long", "size", "3 of 3"))
    log.close()
    assert ask("ETH").output == (
        f"{later + 8 * MINUTE:%Y-%m-%d %H:%M:%S} UTC: {ETH} long: no entry (the size): 3 of 3. "
        f"8 times since {later + MINUTE:%Y-%m-%d %H:%M:%S}.\n"
    )
