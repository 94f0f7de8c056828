"""The benchmark of HybridAi: each model can be made as it asks, and its table of returns."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from freqtrade.configuration.load_config import load_config_file
from freqtrade.misc import deep_merge_dicts

from tests.bot.hybrid.trained import need_freqai

need_freqai()

from benchmarks import hybrid_ai  # noqa: E402
from benchmarks.hybrid_ai import (  # noqa: E402
    MODELS,
    PAIRS,
    add_returns,
    backtest,
    gaps,
    row,
    settings_of,
    windows,
)
from benchmarks.processes import Usage  # noqa: E402
from perpkit.bot.hybrid.freqai_settings import refuse_other_task  # noqa: E402
from perpkit.learning.vote import Vote  # noqa: E402
from tests.conftest import REPOSITORY  # noqa: E402


def test_it_knows_each_model_that_is_shipped():
    shipped = (REPOSITORY / "user_data/freqaimodels").glob("[A-Z]*.py")
    assert sorted(MODELS) == sorted(path.stem for path in shipped)


@pytest.mark.parametrize("model", MODELS)
def test_each_model_can_be_made_with_its_settings(default_futures_config, model):
    from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver

    if model in ("LstmTripleBarrier", "Ensemble"):
        pytest.importorskip("torch", reason="make test-ai")
    if model == "PpoAgents":
        pytest.importorskip("stable_baselines3", reason="make test-ai")
    overlay = load_config_file(str(REPOSITORY / "config.freqai.json.example"))
    own = settings_of(model, Vote.AGREE, 48, PAIRS[:2])
    config = deep_merge_dicts(own, {**default_futures_config, **overlay, "freqaimodel": model})
    made = FreqaiModelResolver.load_freqaimodel(config)
    refuse_other_task(made, own["perpkit"]["hybrid"].get("task", "outcome"))
    assert made.freqai_info["feature_parameters"]["label_period_candles"] == 48
    assert own["perpkit"]["hybrid"]["vote"] == "agree"
    assert all("vote" not in each.get("perpkit", {}).get("hybrid", {}) for each in MODELS.values())


def test_windows_without_a_usable_prediction_are_named(tmp_path):
    """FreqAI writes a file of each window, also where a training has failed; and one of a run that
    began on another day is no window of this one."""
    kept = windows(tmp_path, PAIRS[:2], "20230101-20230315")
    names = [path.name for path in kept["ETH/USDT:USDT"]]
    begins = ("2023-01-01", "2023-01-31", "2023-03-02")
    assert names == [
        f"cb_eth_{pd.Timestamp(at).timestamp():.0f}_prediction.feather" for at in begins
    ]
    every = [path for files in kept.values() for path in files]
    every[0].parent.mkdir(parents=True)
    for path in every:
        pd.DataFrame({"do_predict": [0, 1, 2]}).to_feather(path)
    assert gaps(kept) == []
    pd.DataFrame({"do_predict": [0, 2, 0]}).to_feather(every[1])
    every[5].rename(every[5].with_name("cb_eth_1677800000_prediction.feather"))
    assert gaps(kept) == [
        f"BTC/USDT:USDT: 1 of 3: {every[1].name}",
        f"ETH/USDT:USDT: 1 of 3: {every[5].name}",
    ]


@pytest.fixture
def said(monkeypatch, tmp_path):
    """A run of the benchmark whose backtest says this, and has a result."""

    def answer(line):
        def ran(*_):
            (tmp_path / "backtest_results").mkdir()
            (tmp_path / "backtest_results" / "result.zip").touch()
            return Usage(0, 1.5, 200, f"2023-01-01 - freqtrade - INFO - Loading\n{line}\n")

        monkeypatch.setattr(hybrid_ai, "run", ran)
        monkeypatch.setattr(hybrid_ai, "load_export", lambda _: {"trades": []})
        settings = settings_of("Ensemble", Vote.AGREE, 24, PAIRS)
        return backtest(tmp_path, "Ensemble", "20230101-20230115", settings)

    return answer


@pytest.mark.parametrize(
    "line",
    [
        "No model: lightgbm is missing: pip install 'perpkit[ai]'. The rules decide alone.",
        "BTC/USDT:USDT: the model is not used, KeyError: 'pays'. The rules decide alone.",
    ],
)
def test_a_backtest_that_has_not_used_the_model_is_no_row_of_it(said, line):
    with pytest.raises(RuntimeError) as found:
        said(line)
    assert str(found.value) == f"Ensemble was not used:\n{line}"


@pytest.mark.parametrize(
    ("line", "left_out"),
    [
        ("BTC/USDT:USDT: the model has an opinion of 900 candles; 3 were unlike", False),
        ("BTC/USDT:USDT: LstmTripleBarrier is left out: MemoryError: ", True),
    ],
)
def test_members_that_an_ensemble_lacks_are_named(said, line, left_out):
    assert said(line) == ({"trades": []}, 1.5, [line] if left_out else [])


def test_a_row_has_the_mean_confidence_of_its_entries():
    marked = pd.Series([1000.0, 1100.0], pd.date_range("2023-01-01", periods=2, tz="UTC"))
    trades = [
        {"enter_tag": f"rsi_sma {score}", "profit_abs": won}
        for score, won in (("0.70", 150.0), ("0.50", -50.0))
    ]
    shown = [cell.strip() for cell in row(Vote.AGREE, marked, trades).split("|")]
    assert shown[1:5] == ["`agree`", "2", "0.60", "+10.0%"]
    assert row(Vote.AGREE, marked, []).split("|")[3] == " nan "


@pytest.mark.slow
@pytest.mark.integration
def test_a_model_that_could_not_be_trained_has_no_table(real_datadir, tmp_path):
    """A label of half a year leaves no rows to fit: the rules alone would make each row."""
    given = ["--folder", tmp_path, "--timerange", "20230101-20230115", "--pairs", PAIRS[0]]
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.hybrid_ai", *given, "--horizon", "4000"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr[-4000:]
    assert "LightGbmTripleBarrier has no usable prediction in windows of\n" in ran.stderr
    assert f"{PAIRS[0]}: 1 of 1: cb_btc_1672531200_prediction.feather" in ran.stderr
    assert "`rules_only` |" not in ran.stdout


def returns(first: str, *values: float) -> pd.Series:
    return pd.Series(values, pd.date_range(first, periods=len(values), tz="UTC"))


def test_returns_of_several_runs_become_one_table(tmp_path):
    path = tmp_path / "new" / "returns.csv"
    one, two = returns("2022-01-01", 0.1, -0.2), returns("2022-01-01", 0.0, 1 / 3)
    for name, values in {"rules": one, "model agree": two, "rules again": one}.items():
        add_returns(path, name, values)
    add_returns(path, "rules", one)  # of the next model
    found = pd.read_csv(io.StringIO(path.read_text()), index_col="date", parse_dates=True)
    assert list(found) == ["rules", "model agree", "rules again"]
    assert [f"{day:%Y-%m-%d}" for day in found.index] == ["2022-01-01", "2022-01-02"]
    assert found["model agree"].tolist() == two.tolist()


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("rules", returns("2022-01-01", 0.1, 0.2), "rules was another"),
        ("model", returns("2022-01-02", 0.1, 0.1), "of other days than model"),
    ],
)
def test_returns_that_do_not_fit_leave_the_table_as_it_was(tmp_path: Path, name, values, said):
    path = tmp_path / "returns.csv"
    add_returns(path, "rules", returns("2022-01-01", 0.1, 0.1))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=said):
        add_returns(path, name, values)
    assert path.read_bytes() == before
