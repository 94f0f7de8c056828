"""What models predicted in a backtest, on disk: written, read for a span of time, damaged."""

from __future__ import annotations

import pandas as pd
import pytest

from perpkit.files.errors import FileError
from perpkit.learning.evidence import FOLDER, read, write_window

DAY = 86_400


def rows(first_day: int, days: int, pair: str = "BTC/USDT:USDT", probability: float = 0.6):
    dates = pd.date_range("1970-01-01", periods=days, freq="D", tz="UTC")
    dates += pd.Timedelta(days=first_day)
    return pd.DataFrame({"date": dates, "pair": pair, "probability": probability, "pays": True})


def test_windows_are_read_together(tmp_path):
    write_window(tmp_path, "a_1", rows(0, 3), {"rsi": 0.2, "body": 0.1})
    write_window(tmp_path, "a_2", rows(3, 2), {"rsi": 0.4})
    found = read(tmp_path, 0, 100 * DAY)
    assert len(found.rows) == 5
    assert found.rows["pays"].all()
    # A feature that a training had no use for counts as nothing there.
    assert found.importance == pytest.approx({"rsi": 0.3, "body": 0.05})
    assert list(found.importance) == ["rsi", "body"]


def test_only_the_days_of_the_backtest_count(tmp_path):
    write_window(tmp_path, "a_1", rows(0, 3), {"rsi": 0.2})
    write_window(tmp_path, "a_2", rows(3, 2), {"rsi": 0.4})
    found = read(tmp_path, 4 * DAY, 100 * DAY)
    assert found.rows["date"].dt.day.tolist() == [5]
    assert found.importance == {"rsi": 0.4}
    assert read(tmp_path, 50 * DAY, 100 * DAY) is None
    assert read(tmp_path / "nothing", 0, DAY) is None


def test_a_candle_counts_once(tmp_path):
    write_window(tmp_path, "a_1", rows(0, 3), {})
    write_window(tmp_path, "a_2", rows(2, 2, probability=0.9), {})
    write_window(tmp_path, "b_1", rows(2, 1, pair="ETH/USDT:USDT"), {})
    found = read(tmp_path, 0, 100 * DAY).rows
    assert len(found) == 5
    assert found.loc[found["date"].dt.day == 3, "probability"].tolist() == [0.9, 0.6]


def test_a_window_is_written_in_place_of_the_last_run(tmp_path):
    write_window(tmp_path, "a_1", rows(0, 3), {"rsi": 0.2})
    write_window(tmp_path, "a_1", rows(0, 2), {})
    found = read(tmp_path, 0, 100 * DAY)
    assert len(found.rows) == 2
    assert found.importance == {}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a_1.feather", b"\x00 not feather", "a_1.feather: cannot be read as feather"),
        ("a_1.json", b"{", "a_1.json: cannot be read as JSON of numbers"),
        ("a_1.json", b'{"rsi": "much"}', "a_1.json: cannot be read as JSON of numbers"),
        ("a_1.json", b"[1]", "a_1.json: cannot be read as JSON of numbers"),
    ],
)
def test_damage_is_said_with_the_file(tmp_path, name, content, said):
    write_window(tmp_path, "a_1", rows(0, 3), {})
    (tmp_path / FOLDER / name).write_bytes(content)
    with pytest.raises(FileError, match=said):
        read(tmp_path, 0, 100 * DAY)


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
    frame = frame.drop(columns=[name for name, value in changed.items() if value is None])
    (tmp_path / FOLDER / "a_1.feather").write_bytes(sealed(frame))
    with pytest.raises(FileError, match=said):
        read(tmp_path, 0, 100 * DAY)
