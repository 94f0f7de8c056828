"""Files of FreqAI that cannot be read: set aside by name, with what belongs to them."""

from __future__ import annotations

import pickle
import shutil

import pandas as pd
import pytest

from perpkit.bot.hybrid.damaged_files import set_aside_damaged

STEM, MODEL = "cb_btc_1677628800", "sub-train-BTC_1677628800"
PREDICTIONS = f"backtesting_predictions/{STEM}_prediction.feather"
HISTORY, COPY = "historic_predictions.pkl", "historic_predictions.backup.pkl"


@pytest.fixture
def folder(tmp_path):
    """As FreqAI leaves it."""
    (tmp_path / MODEL).mkdir()
    (tmp_path / "backtesting_predictions").mkdir()
    for part in ("model.joblib", "feature_pipeline.pkl", "label_pipeline.pkl"):
        (tmp_path / MODEL / f"{STEM}_{part}").write_bytes(pickle.dumps(part))
    for name in (f"{MODEL}/{STEM}_metadata.json", "pair_dictionary.json"):
        (tmp_path / name).write_text('{"a": NaN}')
    pd.DataFrame({"date": range(100)}).to_feather(tmp_path / PREDICTIONS)
    for name, content in ((HISTORY, [1] * 99), (COPY, [2] * 99)):
        (tmp_path / name).write_bytes(pickle.dumps(content))
    (tmp_path / "notes.txt").write_text("of the user")
    return tmp_path


def cut(path, keep=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_what_can_be_read_stays(folder, caplog):
    before = names(folder)
    assert set_aside_damaged(folder) == []
    assert names(folder) == before
    assert caplog.messages == []


@pytest.mark.parametrize("keep", [0, 0.5, 0.9])
@pytest.mark.parametrize("name", [HISTORY, COPY, "pair_dictionary.json", PREDICTIONS])
def test_a_file_that_cannot_be_read_is_set_aside(folder, caplog, name, keep):
    cut(folder / name, keep)
    assert set_aside_damaged(folder) == [folder / name]
    assert (folder / f"{name}.damaged").is_file()
    [said] = caplog.messages
    assert said.startswith(f"{folder / name} is damaged and now called ")
    assert set_aside_damaged(folder) == []


def test_freqais_copy_of_its_predictions_takes_their_place(folder):
    cut(folder / HISTORY)
    set_aside_damaged(folder)
    assert pickle.loads((folder / HISTORY).read_bytes()) == [2] * 99


def test_both_of_them_may_be_damaged(folder):
    for name in (HISTORY, COPY):
        cut(folder / name)
    assert len(set_aside_damaged(folder)) == 2
    assert not {HISTORY, COPY} & names(folder)


@pytest.mark.parametrize("part", ["model.joblib", "metadata.json", "label_pipeline.pkl"])
@pytest.mark.parametrize("keep", [None, 0.5])
def test_a_model_goes_as_a_whole_with_its_predictions(folder, caplog, part, keep):
    path = folder / MODEL / f"{STEM}_{part}"
    if keep is None:
        path.unlink()
    else:
        cut(path, keep)
    if (part, keep) == ("model.joblib", None):  # such as without save_backtest_models
        assert set_aside_damaged(folder) == []
        return
    assert set_aside_damaged(folder) == [folder / MODEL, folder / PREDICTIONS]
    assert path.name in caplog.messages[0]
    assert set_aside_damaged(folder) == []


def test_predictions_go_where_the_metadata_of_their_model_are_gone(folder, caplog):
    """As after a bot that has removed old models."""
    shutil.rmtree(folder / MODEL)
    assert set_aside_damaged(folder) == [folder / PREDICTIONS]
    [said] = caplog.messages
    assert said.endswith(f": {STEM}_metadata.json is missing")
    assert set_aside_damaged(folder) == []


def test_what_was_set_aside_before_gives_way(folder):
    for _ in range(2):
        (folder / MODEL).mkdir(exist_ok=True)
        (folder / MODEL / f"{STEM}_metadata.json").write_text("{")
        assert folder / MODEL in set_aside_damaged(folder)


def test_a_file_of_an_extra_that_is_missing_is_not_damaged(folder):
    (folder / HISTORY).write_bytes(b"cno_such_module\nThing\n.")
    assert set_aside_damaged(folder) == []
