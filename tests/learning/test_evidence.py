"""What models predicted in a backtest, on disk: written, read for a span of time, damaged."""

from __future__ import annotations

import pandas as pd
import pytest

from perpkit.files.errors import FileError
from perpkit.learning.evidence import FOLDER, read, write_window

DAY = 86_400
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def name(day: int, coin: str = "btc") -> str:
    """As FreqAI names the window that begins on a day."""
    return f"cb_{coin}_{day * DAY}"


def of_run(models, first_day: int = 0, length: int | None = 3, end: int = 100, pairs=(BTC, ETH)):
    return read(models, pairs, first_day * DAY, length and length * DAY, end * DAY)


def rows(first_day: int, days: int, pair: str = BTC, probability: float = 0.6):
    dates = pd.date_range("1970-01-01", periods=days, freq="D", tz="UTC")
    dates += pd.Timedelta(days=first_day)
    return pd.DataFrame({"date": dates, "pair": pair, "probability": probability, "pays": True})


def test_windows_are_read_together(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {"rsi": 0.2, "body": 0.1})
    write_window(tmp_path, name(3), rows(3, 2), {"rsi": 0.4})
    found = of_run(tmp_path)
    assert len(found.rows) == 5
    assert found.rows["pays"].all()
    # A feature that a training had no use for counts as nothing there.
    assert found.importance == pytest.approx({"rsi": 0.3, "body": 0.05})
    assert list(found.importance) == ["rsi", "body"]


def test_only_the_days_of_the_backtest_count(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {"rsi": 0.2})
    write_window(tmp_path, name(3), rows(3, 2), {"rsi": 0.4})
    found = of_run(tmp_path, end=4)
    assert found.rows["date"].dt.day.tolist() == [1, 2, 3, 4]
    assert of_run(tmp_path, first_day=3).importance == {"rsi": 0.4}
    assert of_run(tmp_path, first_day=50) is None
    assert of_run(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("first_day", "length", "days", "probabilities"),
    [
        (0, 3, [1, 2, 3, 4, 5, 6], [0.6]),
        (1, 3, [2, 3, 4, 5, 6, 7], [0.9]),
        (3, 3, [4, 5, 6], [0.6]),
        (1, 6, [2, 3, 4], [0.9]),  # of the files of another length, those of its own trainings
    ],
)
def test_only_windows_of_the_run_count(tmp_path, first_day, length, days, probabilities):
    """Two runs of the identifier, with windows of three days, of which one begins a day later."""
    for first in (0, 3):
        write_window(tmp_path, name(first), rows(first, 3), {})
        write_window(tmp_path, name(first + 1), rows(first + 1, 3, probability=0.9), {})
    found = of_run(tmp_path, first_day, length).rows
    assert sorted(found["date"].dt.day) == days
    assert found["probability"].unique().tolist() == probabilities


def test_a_window_that_a_longer_run_wrote_ends_with_ours(tmp_path):
    write_window(tmp_path, name(0), rows(0, 6), {})
    write_window(tmp_path, name(3), rows(3, 3, probability=0.9), {})
    found = of_run(tmp_path).rows
    assert found["probability"].tolist() == [0.6] * 3 + [0.9] * 3


def test_pairs_of_other_runs_do_not_count(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {"rsi": 0.2})
    write_window(tmp_path, name(0, "eth"), rows(0, 3, pair=ETH), {"rsi": 0.4})
    found = of_run(tmp_path, pairs=[ETH])
    assert found.rows["pair"].tolist() == [ETH] * 3
    assert found.importance == {"rsi": 0.4}
    assert len(of_run(tmp_path).rows) == 6


def test_a_candle_counts_once_where_the_length_is_not_known(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {})
    write_window(tmp_path, name(2), rows(2, 2, probability=0.9), {})
    write_window(tmp_path, name(2, "eth"), rows(2, 1, pair=ETH), {})
    found = of_run(tmp_path, length=None).rows
    assert len(found) == 5
    assert found.loc[found["date"].dt.day == 3, "probability"].tolist() == [0.9, 0.6]


def test_a_file_whose_name_is_no_window_is_left_alone(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {})
    (tmp_path / FOLDER / "notes.feather").write_bytes(b"mine")
    assert len(of_run(tmp_path).rows) == 3


def test_a_window_is_written_in_place_of_the_last_run(tmp_path):
    write_window(tmp_path, name(0), rows(0, 3), {"rsi": 0.2})
    write_window(tmp_path, name(0), rows(0, 2), {})
    found = of_run(tmp_path)
    assert len(found.rows) == 2
    assert found.importance == {}


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("cb_btc_0.feather", b"\x00 not feather", "cb_btc_0.feather: cannot be read as feather"),
        ("cb_btc_0.json", b"{", "cb_btc_0.json: cannot be read as JSON of numbers"),
        ("cb_btc_0.json", b'{"rsi": "much"}', "cb_btc_0.json: cannot be read as JSON of numbers"),
        ("cb_btc_0.json", b"[1]", "cb_btc_0.json: cannot be read as JSON of numbers"),
    ],
)
def test_damage_is_said_with_the_file(tmp_path, file, content, said):
    write_window(tmp_path, name(0), rows(0, 3), {})
    (tmp_path / FOLDER / file).write_bytes(content)
    with pytest.raises(FileError, match=said):
        of_run(tmp_path)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"probability": 1.2}, "must have probabilities from 0 to 1"),
        ({"pays": 1}, "pays true or false"),
        ({"pays": None}, "must have the column pays"),
    ],
)
def test_rows_that_cannot_be_are_refused(tmp_path, changed, said):
    from perpkit.files.feather import sealed

    (tmp_path / FOLDER).mkdir()
    frame = rows(0, 2).assign(**changed)
    frame = frame.drop(columns=[column for column, value in changed.items() if value is None])
    (tmp_path / FOLDER / "cb_btc_0.feather").write_bytes(sealed(frame))
    with pytest.raises(FileError, match=said):
        of_run(tmp_path)
