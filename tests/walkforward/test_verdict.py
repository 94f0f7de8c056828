"""The verdict on a run: its figures by hand, its words, and the command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from typer.testing import CliRunner

from benchmarks.walked import HEAD, row
from perpkit.cli import app
from perpkit.market.times import dates_of
from perpkit.research.research_log import NAME
from perpkit.walkforward.as_results import as_results
from perpkit.walkforward.holdout import HoldoutError, look, place, seal
from perpkit.walkforward.record import Run
from perpkit.walkforward.run_directory import (
    content_of_result,
    read_run,
    write_request,
    write_result,
)
from perpkit.walkforward.stitching import stitched_equity
from perpkit.walkforward.verdict import Word, verdict
from perpkit.walkforward.verdict_words import reservations, sentence
from tests.research.hyperopt.made_epochs import epoch
from tests.walkforward.made_runs import (
    PAIR,
    START,
    TEST,
    TRAIN,
    drawn,
    epochs,
    optimised_run,
    request,
    result,
    trade,
    window,
)


def fixed_run(ratio: float, windows: int = 12) -> Run:
    """With fixed parameters, whose tests have this annual Sharpe ratio together."""
    tests = drawn(1, windows * TEST.days, ratio).reshape(windows, -1)
    return Run(request(windows), tuple(result(n, each) for n, each in enumerate(tests, 1)))


@pytest.fixture(scope="module")
def optimised():
    return verdict(optimised_run())


def test_the_figures_of_a_run(optimised):
    assert optimised.word is Word.PASSES
    assert optimised.stitched.sharpe == pytest.approx(2.5)
    assert optimised.sharpe.low < 2.5 < optimised.sharpe.high
    assert optimised.mean.low < 2.5 * 0.01 * 365**0.5 < optimised.mean.high
    assert (optimised.trades.trades, optimised.trades.profit_factor) == (24, 1.5)
    assert (optimised.cut_off, optimised.trials, optimised.windows_left) == (12, 480, 0)
    assert np.prod([1 + each for each in optimised.years.values()]) - 1 == pytest.approx(
        optimised.stitched.profit
    )
    assert list(optimised.years) == [2021, 2022]


def test_the_figures_of_its_windows(optimised):
    assert [one.in_sample for one in optimised.windows] == pytest.approx([2.5] * 12)
    after = np.mean([one.out_of_sample for one in optimised.windows])
    assert optimised.kept == pytest.approx(after / 2.5)
    assert optimised.overfitting == np.mean([one.overfitting for one in optimised.windows])
    # Its trials are noise.
    assert 0.3 < optimised.overfitting < 0.7


def test_epochs_that_cannot_be_chosen_are_not_overfitting():
    """The idle one is the best of a half in which all others lose, and not chosen for it."""
    losing = np.random.default_rng(3).normal(-0.02, 0.01, (TRAIN.days, 20))
    days = pd.date_range(window(1).train_start, periods=TRAIN.days, freq="D").as_unit("ns")
    trials = pd.DataFrame(losing, days, range(1, 21))
    tried = epochs({"rsi": [*range(21)]}, [*range(1, 21), 1e5])

    def measured(of, table):
        one = result(1, [0.0] * TEST.days, tried=of, trials=table, trained=[0.0] * TRAIN.days)
        [found] = verdict(Run(request(1, epochs=len(of)), (one,))).windows
        return found.overfitting

    alone = measured(tried[:20], trials)
    assert 0 < alone < 1
    assert measured(tried, trials.assign(**{"21": 0.0}).rename(columns=int)) == alone
    assert measured(tried[20:], trials[[20]].set_axis([21], axis=1)) is None


@pytest.mark.parametrize(
    ("run", "ideas", "word", "said"),
    [
        (fixed_run(2.5), 1, Word.PASSES, "Passes: a Sharpe ratio of 2.50 in 720 days"),
        (fixed_run(2.5), 5_000, Word.NOT_SHOWN, "5,000 variants having been tried on these days"),
        (fixed_run(0.5), 1, Word.NOT_SHOWN, "At this rate, "),
        (fixed_run(-1.0), 1, Word.LOSES, "Loses: "),
        (fixed_run(9.0, windows=1), 1, Word.TOO_SHORT, "Too short to judge: 60 days of tests"),
        (fixed_run(-9.0, windows=1), 1, Word.TOO_SHORT, "where 120 are the least"),
    ],
)
def test_the_words(run, ideas, word, said):
    found = verdict(run, ideas=ideas)
    assert found.word is word
    assert said in sentence(found)


def test_a_run_that_goes_on_is_judged_as_far_as_it_got():
    run = fixed_run(2.5)
    found = verdict(replace(run, results=run.results[:6]))
    assert found.windows_left == 6
    assert sentence(found).endswith("6 windows have no result yet.")


def test_a_run_without_a_result_has_no_verdict():
    with pytest.raises(ValueError, match="has none"):
        verdict(Run(request(3), ()))


def test_a_strategy_that_never_trades_shows_nothing():
    run = Run(request(3), tuple(result(n, [0.0] * TEST.days) for n in (1, 2, 3)))
    found = verdict(run)
    assert (found.word, found.sharpe, found.kept) == (Word.NOT_SHOWN, None, None)
    assert reservations(found)[0] == "The account moved on fewer than 30 days."


def test_what_should_be_known_beside_it(optimised):
    said = " ".join(reservations(optimised))
    assert "as if chosen at random: buy.rsi, buy.share." in said
    assert "12 of 24 trades were cut off" in said
    lost = verdict(optimised_run(kept=0.2))
    assert lost.kept == pytest.approx(0.26, abs=0.005)
    assert "kept 26% of the Sharpe ratio" in " ".join(reservations(lost))


def test_holding_itself_is_not_better_than_holding():
    run = fixed_run(2.5)
    equity = stitched_equity(run.results)
    found = verdict(run, hold=equity)
    assert found.hold.sharpe == pytest.approx(2.5)
    assert found.hold.profit == pytest.approx(found.stitched.profit)
    assert found.hold.luck == 1.0
    flat = verdict(run, hold=pd.Series(1.0, dates_of(equity.index)))
    assert (flat.hold.sharpe, flat.hold.profit) == (0.0, 0.0)
    assert flat.hold.luck < 0.01


def test_its_trades_make_the_account_that_it_stitches():
    """Each window makes 100 of 1,000 in one trade, of what the ones before it have left."""
    made = [0.1] + [0.0] * (TEST.days - 1)
    results = []
    for number in (1, 2, 3):
        begin = START + (number - 1) * TEST
        results.append(result(number, made, [trade(begin, 100.0)]))
    found = as_results(Run(request(3), tuple(results)), START)
    assert [each.profit for each in found.trades] == pytest.approx([100, 110, 121])
    assert [each.fills[0].amount for each in found.trades] == pytest.approx([1, 1.1, 1.21])
    assert (found.end - found.start) / 86_400 == 180


def test_its_profit_factor_is_that_of_the_account():
    """Which loses 110 in the second window, after it has made 100 in the first."""
    results = []
    for number, share in ((1, 0.1), (2, -0.1)):
        begin = START + (number - 1) * TEST
        daily = [share] + [0.0] * (TEST.days - 1)
        results.append(result(number, daily, [trade(begin, 1000 * share)]))
    found = verdict(Run(request(2), tuple(results)))
    assert found.trades.profit_factor == pytest.approx(100 / 110)


@pytest.fixture
def made():
    def make(folder, strategy="Made"):
        run = optimised_run(4)
        write_request(folder, replace(run.request, strategy=strategy))
        for one in run.results:
            write_result(folder, one.window.number, content_of_result(one))
        return folder

    return make


@pytest.fixture
def directory(made, tmp_path):
    return made(tmp_path)


@pytest.fixture
def datadir(tmp_path):
    folder = tmp_path / "data"
    (folder / "futures").mkdir(parents=True)
    dates = pd.date_range(START - timedelta(days=10), periods=300, freq="D")
    close = np.linspace(100, 130, 300)
    frame = {"date": dates, "volume": 1.0} | dict.fromkeys(("open", "high", "low", "close"), close)
    handler = get_datahandler(folder, "feather")
    handler.ohlcv_store(PAIR, "1d", pd.DataFrame(frame), CandleType.FUTURES)
    return folder


def said(*words, code=0):
    found = CliRunner().invoke(app, [str(word) for word in words])
    assert found.exit_code == code, found.output
    return found.output


def test_the_command(directory, datadir):
    shown = said("verdict", directory, "--datadir", datadir)
    assert "Sharpe ratio" in shown
    assert "buy.rsi" in shown
    assert "holding the pairs" in shown
    found = json.loads(said("verdict", directory, "--datadir", datadir, "--json"))
    assert found["passes"] is (found["word"] == "passes")
    assert set(found["middles"]) == {"buy.rsi", "buy.share"}
    assert found["defaults"] == {}  # their choices are drawn at random
    assert "as it was" in shown
    assert found["hold"]["profit"] > 0
    assert found["verdict"] in " ".join(shown.split())


def test_the_command_counts_what_the_log_has(directory, tmp_path):
    log = tmp_path / "log.toml"
    log.write_text(
        '[[idea]]\nname = "a"\nstrategies = ["Made"]\nvariants = 40\nfrom = 2021-01-01\n'
        'to = 2021-02-01\noutcome = "kept"\nwhy = "b"\n'
    )
    found = json.loads(said("verdict", directory, "--log", log, "--json"))
    assert found["gate"]["ideas"] == 40
    given = json.loads(said("verdict", directory, "--log", log, "--ideas", 7, "--json"))
    assert given["gate"]["ideas"] == 7
    assert "Variants tried on these days: 7, by --ideas." in given["said"]


def test_the_log_is_that_of_the_configurations_user_directory(directory, tmp_path):
    """As `perpkit walkforward --propose` finds it."""
    log = '[[idea]]\nname = "a"\nstrategies = ["Made"]\nvariants = 40\nfrom = 2021-01-01\n'
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / NAME).write_text(f'{log}to = 2021-02-01\noutcome = "kept"\nwhy = "b"\n')
    config = tmp_path / "own.json"
    config.write_text(json.dumps({"user_data_dir": str(tmp_path / "mine")}))
    found = json.loads(said("verdict", directory, "-c", config, "--json"))
    assert found["gate"]["ideas"] == 40


def test_what_was_tried_for_our_strategies_counts_for_every_user(made, tmp_path):
    """Their defaults were chosen on these days; an idea of the user's is counted beside them."""
    directory = made(tmp_path / "run", "TrendFollowing")
    (tmp_path / NAME).write_text(
        '[[idea]]\nname = "a"\nstrategies = ["TrendFollowing"]\nvariants = 3\n'
        'from = 2021-01-01\nto = 2021-02-01\noutcome = "kept"\nwhy = "b"\n'
    )
    found = json.loads(said("verdict", directory, "--userdir", tmp_path, "--json"))
    assert found["gate"]["ideas"] == 602
    assert (
        "Variants tried on these days: 599 in the log that comes with Perpkit, 3 in "
        f"{tmp_path / NAME}."
    ) in found["said"]


@pytest.mark.parametrize("configured", [False, True])
def test_log_and_seals_are_those_beside_the_run(made, tmp_path, monkeypatch, configured):
    """From any directory, unless another user directory is asked for."""
    userdir, other = tmp_path / "user_data", tmp_path / "other"
    directory = made(userdir / "walkforward/Made")
    log = '[[idea]]\nname = "a"\nstrategies = ["Made"]\nvariants = 40\nfrom = 2021-01-01\n'
    (userdir / NAME).write_text(f'{log}to = 2021-02-01\noutcome = "kept"\nwhy = "b"\n')
    seal(place(userdir), START, START + timedelta(days=60), START + timedelta(days=5_000))
    other.mkdir()
    (other / "own.json").write_text(json.dumps({"user_data_dir": str(other)}))
    monkeypatch.chdir(other)
    asked = (directory, "--json", *(("-c", "own.json") if configured else ()))
    judged, reported = (json.loads(said(command, *asked)) for command in ("verdict", "report"))
    assert judged["gate"]["ideas"] == (1 if configured else 40)
    assert reported["walkforward"]["gate"] == judged["gate"]
    assert len(reported["holdout"]) == (0 if configured else 1)


def test_report_and_verdict_judge_by_the_same(directory, datadir, tmp_path):
    """By the log of the configuration's user directory, and beside holding the pairs."""
    log = '[[idea]]\nname = "a"\nstrategies = ["Made"]\nvariants = 40\nfrom = 2021-01-01\n'
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / NAME).write_text(f'{log}to = 2021-02-01\noutcome = "kept"\nwhy = "b"\n')
    config = tmp_path / "own.json"
    config.write_text(json.dumps({"user_data_dir": str(tmp_path / "mine")}))
    asked = (directory, "-c", config, "--datadir", datadir, "--json")
    judged, reported = (json.loads(said(command, *asked)) for command in ("verdict", "report"))
    walked = reported["walkforward"]
    assert walked["gate"] == judged["gate"]
    assert walked["gate"]["ideas"] == 40
    assert walked["counted"] == judged["counted"] != ""
    assert walked["hold"] == judged["hold"] is not None


@pytest.mark.parametrize("place", ["beside", "configured", "exchange", "user directory"])
def test_report_and_verdict_read_the_same_candles(made, datadir, tmp_path, monkeypatch, place):
    """Where no data directory is given: of the run's own user directory, or the configuration's."""
    config = tmp_path / "own.json"
    mine, name = tmp_path / "mine", "bybit" if place == "exchange" else "binance"
    settings = {"datadir": str(mine)} if place == "configured" else {"user_data_dir": str(mine)}
    if place == "exchange":
        settings["exchange"] = {"name": name}
    config.write_text(json.dumps(settings))
    asked = {"beside": (), "user directory": ("--userdir", mine)}.get(place, ("-c", config))
    directory = made(tmp_path / "user_data/walkforward/Made")
    monkeypatch.chdir(tmp_path / "data")  # with no user_data in it
    at = {"beside": tmp_path / "user_data/data" / name, "configured": mine}
    at = at.get(place, mine / "data" / name)
    held = []
    for _ in range(2):
        judged = json.loads(said("verdict", directory, *asked, "--json"))
        held.append(judged["hold"])
        if place != "user directory":  # the report has no such option
            reported = json.loads(said("report", directory, *asked, "--json"))
            assert reported["walkforward"]["hold"] == judged["hold"]
        shutil.copytree(datadir, at, dirs_exist_ok=True)
    assert held[0] is None
    assert held[1]["profit"] > 0


def test_luck_of_one_is_shown_beside_that_of_all(directory):
    """It is not taken back from that of all: of many ideas it is 1 to the last digit."""
    run = read_run(directory)
    one, many = verdict(run), verdict(run, ideas=1e6)
    assert many.gate.luck == 1 > many.gate.alone == one.gate.luck
    cells = [cell.strip() for cell in row("Made", many).split("|")[1:-1]]
    assert cells[HEAD.index("luck alone")] == f"{one.gate.luck:.1%}"
    assert cells[HEAD.index("DSR")] != cells[HEAD.index("PSR")]
    shown = " ".join(said("verdict", directory, "--ideas", 1_000_000).split())
    assert f"luck, by itself {one.gate.luck:.1%}" in shown
    assert "luck, of all variants 100.0%" in shown
    assert f"tried on these days ({one.gate.luck:.1%} by itself)" in sentence(many)


def test_the_report_of_a_run(directory, datadir, tmp_path):
    out = tmp_path / "page.html"
    said("report", directory, "--datadir", datadir, "--out", out)
    page = out.read_text()
    for part in ('id="walked"', 'data-chart="stitched"', 'data-chart="degradation"', "buy.rsi"):
        assert part in page
    found = json.loads(said("report", directory, "--datadir", datadir, "--json"))
    assert found["walkforward"]["stability"][0]["parameter"] == "buy.rsi"


def test_the_report_shows_sealed_days_and_looks(directory, datadir, tmp_path):
    mine = tmp_path / "mine"
    config = tmp_path / "own.json"
    config.write_text(json.dumps({"user_data_dir": str(mine)}))
    record, later = place(mine), START + timedelta(days=5_000)
    seal(record, START, START + timedelta(days=60), later)
    seal(record, later, later + timedelta(days=60), later)
    # At the first test; that of another strategy is refused.
    asked = replace(request(1, 0), windows=(window(1),))
    look(record, asked, later)
    with pytest.raises(HoldoutError):
        look(record, replace(asked, strategy="Other"), later)
    out = tmp_path / "page.html"
    said("report", directory, "-c", config, "--datadir", datadir, "--out", out)
    page = out.read_text()
    assert f"these tests have days of {START:%Y-%m-%d} to" in page
    assert "2 periods in the record" in page
    assert "not looked at yet" in page
    assert "the one look" in page
    assert "refused, Made was looked at on" in page
    found = json.loads(said("report", directory, "-c", config, "--datadir", datadir, "--json"))
    assert [len(each["looks"]) for each in found["holdout"]] == [2, 0]
    config.write_text(json.dumps({"user_data_dir": str(tmp_path / "other")}))
    said("report", directory, "-c", config, "--datadir", datadir, "--out", out)
    assert 'id="holdout"' not in out.read_text()


def write_table(path, rows):
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_table_of_trials(tmp_path):
    table = pd.DataFrame({"noise": drawn(1, 700, 0.0), "edge": drawn(2, 700, 3.0)})
    table.index = pd.date_range(START, periods=700, freq="D")
    table.to_csv(tmp_path / "returns.csv")
    found = json.loads(said("verdict", tmp_path / "returns.csv", "--json"))
    assert (found["best"], found["passes"], found["trials"]) == ("edge", True, 2)
    shown = said("verdict", tmp_path / "returns.csv")
    assert "Passes: edge is the best of 2 trials, with a Sharpe ratio of 3.00" in shown
    assert "Not shown" in said("verdict", tmp_path / "returns.csv", "--ideas", 10_000)


def test_a_constant_trial_is_not_called_one_of_too_few_days(tmp_path):
    table = pd.DataFrame({"edge": drawn(2, 300, 3.0), "constant": 0.001})
    table.index = pd.date_range(START, periods=300, freq="D")
    table.to_csv(tmp_path / "returns.csv")
    shown = said("verdict", tmp_path / "returns.csv")
    assert "1 trials made the same on every day" in shown
    assert "too few days" not in shown


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["date,a", "2021-01-01,x"], "columns of numbers"),
        (["date,a", "2021-01-01,"], "r.csv: column a must have a finite number on each day"),
        (["date,a"], "columns of numbers"),
        (["date", "2021-01-01"], "columns of numbers"),
        ([""], "columns of numbers"),
        (["a,b", "0.1,0.2"], "column a has numbers"),
        (["date,a", "first,0.2"], "column of dates"),
        (["date,a", "2021-01-01,0.1", "2021-01-01,0.2"], "has 2021-01-01 twice"),
        (["date,a,b", "2021-01-01,0.1,-inf"], "r.csv: column b must have a finite number on"),
        (["date,a", "2021-01-01 00:00,0.1", "2021-01-01 01:00,0.2"], "has 2021-01-01 twice"),
        (["date,a", "2021-01-02,0.1", "2021-01-01,0.2"], "has 2021-01-01 after a later one"),
        (["date,a", "2021-01-01,0.1", "2021-01-08,0.2"], "has one every 7 days"),
    ],
)
def test_a_table_that_is_none(tmp_path, rows, words):
    assert words in said("verdict", write_table(tmp_path / "r.csv", rows), code=2)


def test_the_epochs_of_a_hyperopt(tmp_path):
    """Each different epoch that was rated is a trial."""
    days = pd.date_range(START, periods=700, freq="D")
    lines = [
        epoch(number, days, 10_000 * drawn(number, 700, ratio))
        for number, ratio in ((1, 0.0), (2, 3.0), (3, 0.0))
    ]
    lines += [{**lines[0], "current_epoch": 4}, {**lines[1], "params_dict": {"x": 9}, "loss": 1e5}]
    path = tmp_path / "strategy.fthypt"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = json.loads(said("verdict", path, "--json"))
    assert (found["best"], found["passes"]) == ("epoch 2", True)
    assert (found["epochs"], found["trials"], found["ideas"]) == (5, 3, 1)
    assert found["crossed"]["probability"] < 0.5
    shown = " ".join(said("verdict", path, "--ideas", 10_000).split())
    assert "Not shown: epoch 2 is the best of 3 trials" in shown
    assert "Of 5 epochs, 3 are different" in shown
    assert "if nothing else had been tried)" in shown
    path.write_text(json.dumps({**lines[0], "loss": 1e5}))
    assert "got none of 1" in said("verdict", path, code=2)
    assert "hyperopt must be a file" in said("verdict", tmp_path / "no.fthypt", code=2)


@pytest.mark.parametrize("option", ["log", "config", "userdir", "datadir", "data-format"])
@pytest.mark.parametrize("name", ["r.csv", "r.fthypt"])
def test_what_is_of_a_run_is_refused_beside_a_table(tmp_path, option, name):
    path = write_table(tmp_path / name, ["date,a", "2021-01-01,0.1"])
    words = f"Error: {option} is for the directory of a walk-forward, and {path} is none; --ideas"
    assert words in said("verdict", path, f"--{option}", tmp_path / "x", code=2)


@pytest.mark.parametrize("name", ["none.csv", "walkforward/Typo"])
def test_a_name_that_is_wrong_is_blamed_on_no_option(tmp_path, name):
    found = said("verdict", tmp_path / name, "--userdir", tmp_path, code=2)
    assert str(tmp_path / name) in found
    assert "is for the directory" not in found


def test_a_directory_that_is_no_run(tmp_path):
    assert "must be the directory of a walk-forward" in said("verdict", tmp_path, code=2)
    assert "Error: " in said("verdict", tmp_path / "none.csv", code=2)
    assert "Error: " in said("report", tmp_path, code=2)
