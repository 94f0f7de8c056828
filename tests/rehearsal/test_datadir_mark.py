"""Data directories: who may fill which."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perpkit.rehearsal import RehearsalError
from perpkit.rehearsal.datadir_mark import FILE, before_filling, mark, marked

VENUE = "http://127.0.0.1:8900"


def put(datadir: Path, name: str) -> Path:
    path = datadir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return datadir


def test_a_venue_marks_what_it_fills_and_the_mark_says_by_what(tmp_path):
    datadir = tmp_path / "new"
    assert marked(datadir) is None
    before_filling(datadir, VENUE)
    says = marked(datadir)
    assert says.startswith(f"The data in {datadir} were made by a simulated venue ({VENUE}, 20")
    assert str(datadir / FILE) in says
    assert json.loads((datadir / FILE).read_text())["source"] == VENUE
    assert [path.name for path in datadir.iterdir()] == [FILE]


def test_the_first_mark_stays(tmp_path):
    mark(tmp_path, "synthetic market, seed 1")
    before_filling(tmp_path, VENUE)
    assert "synthetic market, seed 1" in marked(tmp_path)


def test_an_exchange_does_not_fill_what_is_marked(tmp_path):
    before_filling(tmp_path, None)
    assert not list(tmp_path.iterdir())
    before_filling(tmp_path, VENUE)
    with pytest.raises(RehearsalError) as error:
        before_filling(tmp_path, None)
    for part in (str(tmp_path / FILE), VENUE, "another data directory", "--datadir"):
        assert part in str(error.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"source": 1}'])
def test_a_damaged_mark_is_a_mark(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    assert "made by a simulated venue" in marked(tmp_path)
    with pytest.raises(RehearsalError):
        before_filling(tmp_path, None)


@pytest.mark.parametrize(
    "name",
    [
        "futures/BTC_USDT_USDT-1h-futures.feather",
        "positioning/BTC_USDT_USDT-1h.feather",
        "BTC_USDT-5m.json",
        "BTC_USDT-5m.json.gz",
        "futures/BTC_USDT_USDT-1h-mark.parquet",
    ],
)
def test_a_venue_does_not_fill_what_an_exchange_has_filled(tmp_path, name):
    put(tmp_path, name)
    with pytest.raises(RehearsalError, match="data that no venue has made"):
        before_filling(tmp_path, VENUE)
    assert marked(tmp_path) is None


@pytest.mark.parametrize("name", ["pairs.json", "futures/leverage_tiers_USDT.json", ".lock"])
def test_what_is_no_market_data_is_in_nobodys_way(tmp_path, name):
    before_filling(put(tmp_path, name), VENUE)
    assert marked(tmp_path)


def test_a_directory_that_cannot_be_marked_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RehearsalError, match="cannot be written"):
        before_filling(tmp_path / "file", VENUE)
