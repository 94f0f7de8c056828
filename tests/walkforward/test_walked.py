"""Which run `benchmarks.walked` reads instead of making it."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from benchmarks import walked
from perpkit.ops.verdict import tried
from perpkit.walkforward.deciding import made_with
from perpkit.walkforward.run_directory import (
    content_of_result,
    read_run,
    write_request,
    write_result,
)
from perpkit.walkforward.verdict import verdict
from tests.walkforward.made_runs import request, result

SETTINGS = {"fee": walked.COST, **walked.WALKS["Confluence, agree"].settings}
OTHER_RULE = {**SETTINGS, **walked.WALKS["Confluence, any"].settings}
# Freqtrade adds some of its own, and the strategy is the command's.
KEPT = {"strategy": "Confluence", "liquidation_buffer": 0.05}


@pytest.fixture
def run(tmp_path):
    """A run of two windows with what a walk asks for; keyword arguments change it."""

    def make(done=(1, 2), **changed):
        asked = replace(
            request(2, 40), spaces=("buy", "sell"), loss="PerpHyperOptLoss",
            settings=walked._kept(SETTINGS) | KEPT,
        )  # fmt: skip
        write_request(tmp_path, replace(asked, **changed))
        for number in done:
            write_result(tmp_path, number, content_of_result(result(number, [0.0] * 60)))
        return tmp_path

    return make


def test_a_run_of_the_same_request_is_read(run, capsys):
    assert walked._is_finished(run(), 40, SETTINGS)
    assert "is finished, by another state of Perpkit" in capsys.readouterr().err


def test_a_run_of_this_state_is_said_to_be(run, capsys):
    directory = run(made_with=made_with(searching=True))
    assert walked._is_finished(directory, 40, SETTINGS)
    assert "is finished, by this state of Perpkit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "epochs", "settings"),
    [
        ({"done": (1,)}, 40, SETTINGS),
        ({}, 20, SETTINGS),
        ({}, 0, SETTINGS),
        ({"spaces": ("buy",)}, 40, SETTINGS),
        ({"loss": "SharpeHyperOptLossDaily"}, 40, SETTINGS),
        ({}, 40, {**SETTINGS, "fee": 0.001}),
        ({}, 40, {**SETTINGS, "max_open_trades": 9}),
        ({}, 40, {name: value for name, value in SETTINGS.items() if name != "max_open_trades"}),
        ({}, 40, OTHER_RULE),
    ],
    ids=["half", "epochs", "fixed", "spaces", "loss", "cost", "trades", "fewer", "rule"],
)
def test_a_run_of_another_request_is_not(run, changed, epochs, settings):
    assert not walked._is_finished(run(**changed), epochs, settings)


def test_where_there_is_no_run_there_is_none_to_read(tmp_path):
    assert not walked._is_finished(tmp_path, 40, SETTINGS)


def test_it_is_judged_by_the_variants_that_the_command_counts(run, monkeypatch):
    monkeypatch.setattr(walked, "candles", dict)
    monkeypatch.setattr(walked, "holding", lambda *_: None)
    directory = run(strategy="RsiSmaSwing")
    assert walked.judged(directory).gate.ideas == tried(read_run(directory), None).variants > 300


def test_each_row_is_printed_as_it_is_done(run, tmp_path, monkeypatch, capsys):
    """A break in the second walk, hours later, leaves the first one's row."""

    def walk(name, epochs, out):
        if name == "FundingTide":
            raise RuntimeError("broken off")
        return run()

    monkeypatch.setattr(walked, "walk", walk)
    monkeypatch.setattr(walked, "judged", lambda directory: verdict(read_run(directory)))
    monkeypatch.setattr(sys, "argv", ["walked", "TrendFollowing", "FundingTide"])
    with pytest.raises(RuntimeError, match="broken off"):
        walked.main()
    head, _, row = capsys.readouterr().out.splitlines()
    assert head.count("|") == row.count("|")
    assert row.startswith("| TrendFollowing |")
