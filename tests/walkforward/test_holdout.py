"""Sealed days: refused, looked at once, and what is recorded of it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.files.errors import FileError
from perpkit.ops.walkforward import _admit
from perpkit.walkforward.holdout import (
    HoldoutError,
    check,
    identity,
    look,
    place,
    read_seals,
    release,
    seal,
)
from perpkit.walkforward.worker import Setup
from tests.walkforward.made_runs import START, TEST, TRAIN, request

NOW = datetime(2024, 5, 1, tzinfo=UTC)
# The tests of `request(4)` are in these.
END = START + 4 * TEST


@pytest.fixture
def path(tmp_path):
    return place(tmp_path)


@pytest.mark.parametrize(
    ("windows", "epochs", "start", "refused"),
    [
        (3, 0, START + 3 * TEST, False),  # the last test ends where the seal begins
        (4, 0, START + 3 * TEST, True),
        (3, 0, START + 3 * TEST - timedelta(hours=1), True),
        (4, 0, START - timedelta(days=30), True),
        (4, 0, START - timedelta(days=800), False),  # long before
    ],
)
def test_a_walk_forward_leaves_sealed_days_out(path, windows, epochs, start, refused):
    seal(path, start, start + timedelta(days=90), NOW)
    if refused:
        with pytest.raises(HoldoutError, match="timerange must leave out the sealed days"):
            check(path, request(windows, epochs))
    else:
        check(path, request(windows, epochs))


def test_training_on_them_is_refused_too(path):
    seal(path, START - timedelta(days=60), START - timedelta(days=30), NOW)
    check(path, request(4))
    with pytest.raises(HoldoutError, match="window 1 has"):
        check(path, request(4, epochs=10))


def test_what_models_learn_from_is_refused_too(path):
    """FreqAI trains on days before the first one of a training or a test."""
    seal(path, START - timedelta(days=60), START - timedelta(days=30), NOW)
    check(path, request(4), timedelta(days=30))
    with pytest.raises(HoldoutError, match=f"1 has {START - timedelta(days=31):%Y-%m-%d} to"):
        check(path, request(4), timedelta(days=31))


@pytest.mark.parametrize(
    ("days", "state", "refused"),
    [
        (0, "sealed", False),
        (30, "sealed", False),
        (31, "sealed", True),
        (31, "looked at", True),
        (31, "released", False),
    ],
)
def test_models_of_a_look_do_not_learn_from_another_seal(tmp_path, path, days, state, refused):
    seal(path, START - TRAIN, START - timedelta(days=30), NOW)
    if state != "sealed":
        ends = {"test_start": START - TRAIN, "test_end": START - timedelta(days=30)}
        [one] = request(1).windows
        look(path, replace(request(1), windows=(replace(one, **ends),)), NOW)
    if state == "released":
        release(path, NOW)
    seal(path, START, END, NOW)
    freqai = {"enabled": days > 0, "train_period_days": days}
    config = {"user_data_dir": tmp_path, "freqai": freqai}
    setup = Setup(request(4), config, {}, tmp_path)
    if refused:
        with pytest.raises(HoldoutError, match=r"leave out the sealed days .* models learn"):
            _admit(setup, look=True)
    else:
        _admit(setup, look=True)
    assert (read_seals(path)[1].look is None) == refused


def test_without_a_seal_nothing_is_refused(path):
    check(path, request(4, epochs=10))
    assert not path.exists()


def test_the_second_look_is_refused_and_recorded(path):
    seal(path, START, END, NOW)
    look(path, request(4), NOW)
    other = replace(request(4), parameters={"buy": {"rsi": 30}})
    for _ in range(2):
        with pytest.raises(HoldoutError, match="can be looked at once"):
            look(path, other, NOW + timedelta(days=1))
    [sealed] = read_seals(path)
    assert [each.refused for each in sealed.looks] == [
        "",
        *["Made was looked at on 2024-05-01"] * 2,
    ]
    assert sealed.looks[1].of == identity(other) != sealed.look.of


def test_a_look_that_was_broken_off_may_go_on(path):
    seal(path, START, END, NOW)
    for _ in range(3):
        look(path, request(4), NOW)
    assert len(read_seals(path)[0].looks) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"files": {"strategy Made.py": "1" * 64}},
        {"parameters": {"buy": {"rsi": 30}}},
        {"settings": {"stake_amount": 10}},
        {"pairs": ("ETH/USDT:USDT",)},
        {"timeframe": "1h"},
        {"protections": False},
        {"strategy": "Other"},
        {"made_with": {"perpkit": "9"}},
        {"windows": request(3).windows},
    ],
)
def test_whatever_decides_the_result_makes_another_look(path, change):
    seal(path, START, END, NOW)
    look(path, request(4), NOW)
    with pytest.raises(HoldoutError, match="once"):
        look(path, replace(request(4), **change), NOW)


def test_what_does_not_decide_the_result_makes_no_other_look():
    trained = [replace(each, train_start=START - 2 * TRAIN) for each in request(4).windows]
    same = replace(request(4), seed=7, windows=tuple(trained))
    assert identity(same) == identity(request(4))


@pytest.mark.parametrize(
    ("start", "end", "epochs", "said"),
    [
        (START, END, 10, "epochs must be 0, got 10"),
        (START, END - timedelta(days=1), 0, "within a sealed period"),
        (START + timedelta(days=1), END, 0, "within a sealed period"),
    ],
)
def test_what_is_no_look_is_refused_and_not_one(path, start, end, epochs, said):
    seal(path, start, end, NOW)
    with pytest.raises(HoldoutError, match=said):
        look(path, request(4, epochs), NOW)
    assert read_seals(path)[0].look is None


def test_days_are_sealed_once(path):
    seal(path, START, END, NOW)
    with pytest.raises(HoldoutError, match="sealed before"):
        seal(path, END - timedelta(days=1), END + TEST, NOW)
    seal(path, END, END + TEST, NOW)
    assert len(read_seals(path)) == 2
    with pytest.raises(HoldoutError, match="must end after it starts"):
        seal(path, END, END, NOW)


def test_what_was_looked_at_can_be_released_and_not_looked_at(path):
    seal(path, START, END, NOW)
    with pytest.raises(HoldoutError, match="there is none"):
        release(path, NOW)
    look(path, request(4), NOW)
    with pytest.raises(HoldoutError, match="leave out"):
        check(path, request(4, epochs=10))
    release(path, NOW)
    check(path, request(4, epochs=10))
    with pytest.raises(HoldoutError, match="within a sealed period"):
        look(path, replace(request(4), strategy="Other"), NOW)
    with pytest.raises(HoldoutError, match="sealed before"):
        seal(path, START, END, NOW)


def test_a_record_that_was_changed_is_refused(path):
    seal(path, START, END, NOW)
    look(path, request(4), NOW)
    whole = path.read_text()
    changed = json.loads(whole)
    changed["seals"][0]["looks"] = []
    for content in (json.dumps(changed), whole[:-40], "[]", '{"layout": 2}', "{}"):
        path.write_text(content)
        for use in (
            lambda: read_seals(path),
            lambda: check(path, request(4)),
            lambda: look(path, request(4), NOW),
        ):
            with pytest.raises(FileError, match=r"holdout\.json"):
                use()
        assert path.read_text() == content


def test_the_commands(tmp_path):
    def said(*words, code=0):
        found = CliRunner().invoke(app, ["holdout", *words, "--userdir", str(tmp_path)])
        assert found.exit_code == code, found.output
        return found.output

    record = place(tmp_path)
    assert said("show") == f"Nothing is sealed in {record}.\n"
    sealed = said("seal", "20210101-20210829")
    assert f"Sealed: 2021-01-01 to 2021-08-29, in {record}." in sealed
    assert said("show").startswith(f"In {record}:\n")
    assert "not looked at yet" in said("show")
    look(place(tmp_path), request(4), NOW)
    with pytest.raises(HoldoutError):
        look(place(tmp_path), replace(request(4), strategy="Other"), NOW)
    shown = said("show")
    assert "Made" in shown
    assert "refused, Made was looked at" in shown
    assert "sealed before" in said("seal", "20210601-20220101", code=2)
    assert "both ends" in said("seal", "20210601-", code=2)
    assert "Released" in said("release")
    assert (
        "userdir must be"
        in CliRunner().invoke(app, ["holdout", "show", "--userdir", str(tmp_path / "none")]).output
    )


def test_a_seal_lies_where_the_configuration_says(tmp_path, monkeypatch):
    """Where `perpkit walkforward` looks for it with the same options."""
    monkeypatch.chdir(tmp_path)
    for folder in ("mine", "user_data"):
        Path(folder).mkdir()
    Path("own.json").write_text('{"user_data_dir": "mine"}')
    for words in (["seal", "20210101-20210829"], ["show"]):
        found = CliRunner().invoke(app, ["holdout", *words, "-c", "own.json"])
        assert found.exit_code == 0, found.output
    assert "not looked at yet" in found.output
    assert place(Path("mine")).is_file()
    assert not place(Path("user_data")).exists()
