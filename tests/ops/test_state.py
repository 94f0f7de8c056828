"""`perpkit state`: for people, as JSON, and its exit codes."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.state import SCHEMA, State
from perpkit.record.state_file import write
from tests.bench.states import NOW, everything, least

SECOND = timedelta(seconds=1)


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Runs the command on a state file, or on what is in its place, some seconds later."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "trades.state.json"

    def ask(content: State | str | None, *options: str, after: float = 3):
        if isinstance(content, State):
            write(path, content)
        elif content is not None:
            path.write_text(content)
        with time_machine.travel(NOW + after * SECOND, tick=False):
            command = ["state", "--db-url", "sqlite:///trades.sqlite", *options]
            return CliRunner().invoke(app, command)

    return ask


SHOWN = """\
bot           RsiSmaSwing, live, running; Freqtrade 2026.9, Perpkit 0.1.0, pid 7, since 2026-03-02 09:59:00 UTC
              PASSIVE: a copy
written       3 s ago, 2026-03-02 10:00:00 UTC
cycles        9; 1.0 s the last, 1.0 s on average, 2.0 s at most
              the last 9 ended early, none good. TemporaryError: no answer
stop latch    HALTED since 2026-03-02 10:00:00 UTC, me@here: a test
trading       REDUCING lost 9%
              DrawdownBreaker: reducing, all pairs, size x 0, since 2026-03-02 10:00:00 UTC, until 2026-03-02 10:00:01 UTC at the earliest. lost 9%
              no entry: has failed
positions     BTC/USDT:USDT long 0.01 at 30000, 3x, stop 28500 at the exchange (8) since 2026-03-02 10:00:00 UTC, R 1500, liquidation 21000
open entries  ETH/USDT:USDT short 0.5 at 2000, 0.1 filled, since 2026-03-02 10:00:00 UTC (9)
account       equity 1002.70 USDT (8.8% below its highest), exposure 303.00 gross, 303.00 net, 18.00 at risk
refused       book 2
              BTC/USDT:USDT long, 2 times, the last 2026-03-02 10:00:00 UTC: thin
slippage      3 fills, 1.50 bps on average, -0.20 than estimated
callback      leverage has failed 1 times: KeyError: x
failing       Reading, since 2026-03-02 10:00:00 UTC: no
exchange      no entry into BTC/USDT:USDT: it holds more
journal       sound, 2 open. x
off           the stop guard is off
missing       slippage: OSError: no
"""  # noqa: E501


def test_everything_is_shown(ask):
    result = ask(everything())
    assert result.exit_code == 0
    assert result.stdout == SHOWN


def test_a_bot_that_has_hardly_begun_is_shown(ask):
    result = ask(least())
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == ["cycles        none has ended yet"]


def test_a_position_without_a_stop_stands_out(ask):
    [held] = everything().positions
    bare = held.model_copy(update={"covered": False, "covered_by": (), "stop_price": None})
    result = ask(least(positions=(bare,)))
    assert "NO STOP FOR ALL OF IT (meant at unknown) since 2026-03-02 10:00:00" in result.stdout


def test_json_has_the_whole_file(ask):
    result = ask(everything(), "--json")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert State.model_validate(answer["state"]) == everything()
    assert (answer["age_seconds"], answer["error"]) == (3, None)


@pytest.mark.parametrize(
    ("content", "after", "words"),
    [
        (None, 3, "There is no state file"),
        ("{", 3, "cannot be read"),
        (json.dumps({"schema_number": SCHEMA + 1}), 3, f"has schema {SCHEMA + 1}"),
        (least(), 46, "is 46 s old"),
        (least(), -61, "in the future"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_is_wrong_is_said_and_ends_with_1(ask, content, after, words, options):
    result = ask(content, *options, after=after)
    assert result.exit_code == 1
    assert words in result.stderr
    shown = isinstance(content, State)
    if options:
        answer = json.loads(result.stdout)
        assert words in answer["error"]
        assert (answer["state"] is not None) is shown
    else:
        assert ("RsiSmaSwing" in result.stdout) is shown  # old as it is


def test_a_bot_that_is_not_named_ends_with_2(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["state"])
    assert result.exit_code == 2
    assert "--config or --db-url must name the bot" in result.stderr
