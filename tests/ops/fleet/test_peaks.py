"""The highest equity of a fleet: what it remembers, and what does not look like a loss."""

from __future__ import annotations

import pytest

from perpkit.ops.fleet.peaks import Peaks, PeaksError
from perpkit.ops.fleet.sums import Sum


def total(equity, accounts=("one",), live=True):
    return Sum(live, accounts, "USDT", equity, 0.0)


@pytest.fixture
def peaks(tmp_path):
    return Peaks(tmp_path / "fleet")


def test_it_rises_and_never_falls(peaks, tmp_path):
    assert [peaks.update(total(e)) for e in (100, 120, 90, 121, 1)] == [100, 120, 120, 121, 121]
    assert Peaks(tmp_path / "fleet").update(total(5)) == 121


def test_each_mode_has_its_own(peaks):
    assert peaks.update(total(100)) == 100
    assert peaks.update(total(9_000, live=False)) == 9_000
    assert peaks.update(total(50)) == 100


def test_a_sum_that_is_not_known_changes_nothing(peaks):
    assert peaks.update(total(None)) is None
    peaks.update(total(100))
    assert peaks.update(total(None)) is None
    assert peaks.update(total(50)) == 100


def test_an_account_more_or_less_is_neither_profit_nor_loss(peaks):
    peaks.update(total(1_000))
    peaks.update(total(900))  # 10% lost
    assert peaks.update(total(1_900, ("one", "two"))) == pytest.approx(1_900 / 0.9)
    assert peaks.update(total(1_000, ("two",))) == pytest.approx(1_000 / 0.9)


def test_after_a_withdrawal_it_begins_again_when_told(peaks):
    peaks.update(total(1_000))
    assert peaks.update(total(400), afresh=True) == 400
    assert peaks.update(total(300)) == 400


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"by_mode": {"live": 1}}', b"x" * 2**17])
def test_a_damaged_file_is_not_an_equity_of_nothing(peaks, content):
    peaks.update(total(1_000))
    (peaks.folder / "peaks.json").write_bytes(content)
    with pytest.raises(PeaksError, match="is damaged"):
        peaks.update(total(400))
    assert (peaks.folder / "peaks.json").read_bytes() == content
