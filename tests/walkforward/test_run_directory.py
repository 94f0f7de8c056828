"""The directory of a run: read back as written, whole or not at all, and bound to its request."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest

from perpkit.files import whole_file
from perpkit.files.errors import FileError
from perpkit.market.times import dates_every
from perpkit.walkforward.record import Sample
from perpkit.walkforward.run_directory import (
    content_of_result,
    difference,
    folder_of,
    is_done,
    plain_trades,
    read_request,
    read_result,
    read_run,
    write_request,
    write_result,
)
from tests.walkforward import runs

NAMES = ["result.json", "out_of_sample.feather", "in_sample.feather", "trials.feather"]


def test_a_result_is_read_back_as_it_was_written(tmp_path):
    written = runs.result(3)
    write_result(tmp_path, 3, content_of_result(written))
    found = read_result(tmp_path, runs.window(3))
    assert (found.window, found.parameters, found.chosen, found.epochs) == (
        written.window,
        written.parameters,
        written.chosen,
        written.epochs,
    )
    pd.testing.assert_frame_equal(found.trials, written.trials, check_freq=False)
    for one, other in (
        (found.out_of_sample, written.out_of_sample),
        (found.in_sample, written.in_sample),
    ):
        pd.testing.assert_series_equal(one.equity, other.equity, check_freq=False)
        assert one.trades == plain_trades(other.trades)
        assert one.daily.tolist() == other.daily.tolist()
    assert found.out_of_sample.trades[0]["stop_loss_ratio"] is None
    # The same content again, to the byte: windows can be computed twice.
    assert content_of_result(runs.result(3)) == content_of_result(written)


def test_of_fixed_parameters_there_is_no_training(tmp_path):
    fixed = runs.WindowResult(runs.window(1), {}, runs.result(1).out_of_sample)
    write_result(tmp_path, 1, content_of_result(fixed))
    found = read_result(tmp_path, runs.window(1))
    assert (found.in_sample, found.chosen, found.epochs) == (None, None, ())
    assert found.trials.empty
    assert sorted(path.name for path in folder_of(tmp_path, 1).iterdir()) == [
        "out_of_sample.feather",
        "result.json",
    ]


def test_a_window_is_done_only_when_all_of_it_is_there(tmp_path, monkeypatch):
    content = content_of_result(runs.result(1))
    seen = []
    put = whole_file.put

    def stopping(path, body):
        seen.append((path.name, is_done(tmp_path, 1)))
        if path.name == "trials.feather":
            raise OSError("no space left")
        put(path, body)

    monkeypatch.setattr("perpkit.walkforward.run_directory.put", stopping)
    with pytest.raises(OSError, match="no space"):
        write_result(tmp_path, 1, content)
    assert not is_done(tmp_path, 1)
    monkeypatch.setattr("perpkit.walkforward.run_directory.put", put)
    write_result(tmp_path, 1, content)
    assert is_done(tmp_path, 1)


def test_a_run_has_what_is_done_so_far(tmp_path):
    write_request(tmp_path, runs.request())
    for number in (1, 3):
        write_result(tmp_path, number, content_of_result(runs.result(number)))
    run = read_run(tmp_path)
    assert [result.window.number for result in run.results] == [1, 3]
    assert not run.is_complete
    write_result(tmp_path, 2, content_of_result(runs.result(2)))
    assert read_run(tmp_path).is_complete


@pytest.mark.parametrize(
    "names", [NAMES, ["result.json"], *([name] for name in NAMES[1:])], ids=" ".join
)
@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 1), (1, 3)])
def test_files_of_another_window_are_refused(tmp_path, names, one, other):
    """Copied by hand, they would count as a test that was never done."""
    write_request(tmp_path, runs.request())
    for number in (1, 2, 3):
        write_result(tmp_path, number, content_of_result(runs.result(number)))
    for name in names:
        shutil.copy(folder_of(tmp_path, one) / name, folder_of(tmp_path, other) / name)
    said = f"{folder_of(tmp_path, other)}/{names[0]}: must be of window {other}, .* of another one"
    with pytest.raises(FileError, match=said):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("train", "other", "refused"),
    [
        ((0, 0), (0, 0), False),
        ((9, 0), (0, 0), False),  # the first candles that are stored are later
        ((0, 1), (0, 0), False),  # training ends a candle earlier
        ((0, 90), (0, 90), False),  # a gap at the end is not filled
        ((-1, 0), (0, 0), True),
        ((0, -1), (0, 0), True),
        ((0, 0), (9, 24 + 2), False),
        ((0, 0), (-1, 0), True),
        ((0, 0), (0, -1), True),
    ],
)
def test_equity_is_of_the_days_of_its_window(tmp_path, train, other, refused):
    """
    :param train, other: hours by which training and test begin later, and end earlier
    """
    made, hour = runs.result(1), timedelta(hours=1)

    def cut(start, end, by):
        begin = start + by[0] * hour
        times = dates_every(begin, hour, (end - begin) // hour - by[1] + 1)
        return Sample(1000.0, (), pd.Series(1000.0, times, name="equity"))

    window = made.window
    within = cut(window.train_start, window.train_end, train)
    tested = cut(window.test_start, window.test_end, other)
    trials = pd.DataFrame(dict.fromkeys((1, 2, 3), within.daily))
    made = replace(made, out_of_sample=tested, in_sample=within, trials=trials)
    write_result(tmp_path, 1, content_of_result(made))
    if refused:
        with pytest.raises(FileError, match="of another one"):
            read_result(tmp_path, window)
    else:
        assert read_result(tmp_path, window).window == window


@pytest.mark.parametrize(
    ("first", "weeks", "refused"),
    [(-2, 5, False), (5, 4, False), (-2, 4, False), (5, 1, False), (-9, 5, True), (-2, 6, True)],
)
def test_candles_of_weeks_need_not_open_with_a_window(tmp_path, first, weeks, refused):
    """
    :param first: day of the first candle after the start of the test, which has 30 days
    """
    window = runs.window(1)
    times = dates_every(window.test_start + timedelta(days=first), timedelta(weeks=1), weeks)
    tested = Sample(1000.0, (), pd.Series(1000.0, times, name="equity"))
    write_result(tmp_path, 1, content_of_result(runs.WindowResult(window, {}, tested)))
    if refused:
        with pytest.raises(FileError, match="of another one"):
            read_result(tmp_path, window)
    else:
        assert len(read_result(tmp_path, window).out_of_sample.equity) == weeks


def test_a_request_is_the_same_when_read_back(tmp_path):
    write_request(tmp_path, runs.request())
    assert difference(read_request(tmp_path), runs.request()) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"strategy": "Other"}, "strategy was Some, and is Other"),
        ({"files": {"strategy Some.py": "0c"}}, "files.strategy Some.py was 0a, and is 0c"),
        ({"files": {}}, "files.strategy Some.py was 0a, and is None"),
        ({"settings": {"max_open_trades": 3, "perpkit": "0b"}}, "settings.max_open_trades was"),
        ({"settings": {"max_open_trades": float("inf"), "perpkit": "0c"}}, "settings.perpkit was"),
        ({"windows": (runs.window(1),)}, "windows was"),
        ({"parameters": {"buy": {"fast": 1}}}, "parameters.buy was None, and is"),
        ({"protections": False}, "protections was True, and is False"),
        ({"epochs": 4}, "epochs was 3, and is 4"),
        ({"spaces": ("buy", "sell")}, "spaces was"),
        ({"seed": 2}, "seed was 1, and is 2"),
        ({"made_with": {"freqtrade": "2026.6", "perpkit": "0.1.0"}}, "made_with.freqtrade was"),
    ],
)
def test_another_request_is_known_by_what_differs(tmp_path, changed, said):
    write_request(tmp_path, runs.request())
    assert said in difference(read_request(tmp_path), runs.request(**changed))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", b"{"),
        ("result.json", b"[]"),
        ("result.json", b'{"window": {}}'),
        ("out_of_sample.feather", b"nothing"),
        ("trials.feather", b""),
    ],
)
def test_damage_is_one_error_that_names_the_file(tmp_path, name, content):
    write_result(tmp_path, 1, content_of_result(runs.result(1)))
    (folder_of(tmp_path, 1) / name).write_bytes(content)
    with pytest.raises(FileError, match=name):
        read_result(tmp_path, runs.window(1))


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_missing_file_is_named_with_the_way_out(tmp_path, name):
    write_result(tmp_path, 1, content_of_result(runs.result(1)))
    (folder_of(tmp_path, 1) / name).unlink()
    said = f"{name}: must be there, is missing; remove the folder, and the same command computes"
    with pytest.raises(FileError, match=said):
        read_result(tmp_path, runs.window(1))


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("window", "test_start"), "xyz", "Invalid isoformat string"),
        (("out_of_sample", "starting_balance"), "abc", "could not convert"),
        (("out_of_sample", "trades"), [{"a": 1}], "KeyError"),
        (("out_of_sample", "trades", 0, "is_open"), True, "trades must be closed"),
        (("out_of_sample", "trades", 0, "orders"), 3, "not iterable"),
        (("in_sample", "trades"), [{"a": 1}], "KeyError"),
        (("epochs", 0, "number"), 999, "epochs must be those of trials"),
        (("epochs",), [], "trials.feather: must be of window 1"),
    ],
)
def test_a_changed_result_is_one_error_that_names_it(tmp_path, keys, value, said):
    write_result(tmp_path, 1, content_of_result(runs.result(1)))
    path = folder_of(tmp_path, 1) / "result.json"
    found = json.loads(path.read_text())
    at = found
    for key in keys[:-1]:
        at = at[key]
    at[keys[-1]] = value
    path.write_text(json.dumps(found))
    with pytest.raises(FileError, match=f"{folder_of(tmp_path, 1)}/.*{said}"):
        read_result(tmp_path, runs.window(1))


def test_a_request_with_a_changed_date_is_named(tmp_path):
    write_request(tmp_path, runs.request())
    path = tmp_path / "request.json"
    path.write_text(path.read_text().replace("2021-01-01", "xyz", 1))
    with pytest.raises(FileError, match=r"request\.json: must be the request.*isoformat"):
        read_request(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"layout": 2}'])
def test_a_damaged_request_is_refused(tmp_path, content):
    (tmp_path / "request.json").write_bytes(content)
    with pytest.raises(FileError, match=r"request\.json"):
        read_request(tmp_path)
