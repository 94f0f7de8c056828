"""What a bot traded with: noted once for each change, and looked at from its first trade on."""

from datetime import UTC, datetime, timedelta

import pytest

from perpkit.files.errors import FileError
from perpkit.record.golive import VERSION, Bound
from perpkit.record.ran import changed_since, note, read

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
PARTS = {"the file Mine.py": "abc", '"stake_amount"': "100", VERSION: "1"}


def bound(**changed):
    return Bound({**PARTS, **changed})


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trades.ran.json"


def test_only_changes_are_noted_and_no_value_is_shown(path):
    for hours, given in enumerate([bound(), bound(), bound(more="5"), bound()]):
        note(path, given, NOW + hours * HOUR)
    assert [each.since for each in read(path)] == [NOW, NOW + 2 * HOUR, NOW + 3 * HOUR]
    assert "abc" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("noted", "start", "differing"),
    [
        ([(0, {})], 0, []),
        ([(0, {})], 5, []),
        ([], 0, None),
        ([(1, {})], 0, None),  # what it traded with before is not known
        ([(0, {"more": "5"})], 1, ["more"]),
        ([(0, {"more": "5"}), (1, {})], 2, []),  # changed before its first trade
        ([(0, {"more": "5"}), (2, {})], 1, ["more"]),
        ([(0, {}), (1, {"the file Mine.py": "x"}), (2, {})], 0, ["the file Mine.py"]),
        ([(0, {VERSION: "0"})], 1, []),
    ],
)
def test_what_was_otherwise_since_the_first_trade_is_named(path, noted, start, differing):
    for hours, given in noted:
        note(path, bound(**given), NOW + hours * HOUR)
    assert changed_since(read(path), bound(), NOW + start * HOUR) == differing


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"ran": [{"since": 5}]}', b"\xff"])
def test_a_damaged_file_is_named_and_not_written_over(path, content):
    path.write_bytes(content)
    for use in (lambda: read(path), lambda: note(path, bound(), NOW)):
        with pytest.raises(FileError, match=r"trades\.ran\.json is damaged: remove it"):
            use()
    assert path.read_bytes() == content
