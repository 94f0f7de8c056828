"""Verdicts and signatures: what counts, and the one line about what does not."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from perpkit.files.errors import FileError
from perpkit.record import golive, rehearsed
from perpkit.record.golive import Bound, Verdict, golive_file, objection
from perpkit.record.machine_key import VARIABLE, machine_key_made
from tests.bench.machine import machine  # noqa: F401

pytestmark = pytest.mark.usefixtures("machine")

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
PARTS = {"the file Mine.py": "abc", '"stake_amount"': "100", "the parameters of buy": "{}"}


@pytest.fixture
def path(tmp_path):
    return golive_file({"user_data_dir": tmp_path}, "Mine")


def sign(path, parts=PARTS, **changed):
    key = machine_key_made()
    given = {
        "strategy": "Mine",
        "passed": True,
        "failed": (),
        "at": NOW,
        "until": NOW + timedelta(days=90),
        "by": "me@here",
        "bound": Bound(parts).digests(key),
        **changed,
    }
    golive.write(path, Verdict(**given), key)


def against(path, parts=PARTS, now=NOW):
    found = objection(path, Bound(parts), now)
    assert found is None or "\n" not in found
    return found


def rewrite(path, **changed):
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_its_place_has_the_account_and_the_strategy(tmp_path):
    config = {"user_data_dir": tmp_path, "perpkit": {"account": "second"}}
    assert golive_file(config, "Mine") == tmp_path / "perpkit" / "golive" / "second.Mine.json"
    with pytest.raises(ValueError, match=r"perpkit\.account must be a name"):
        golive_file({"perpkit": {"account": "../.."}}, "Mine")


def test_a_signed_one_counts_until_it_expires(path):
    sign(path)
    assert against(path) is None
    assert against(path, now=NOW + timedelta(days=90, seconds=-1)) is None
    late = against(path, now=NOW + timedelta(days=90))
    assert late == 'its verdict expired at 2026-05-31 10:00 UTC: run "perpkit golive"'


def test_one_that_is_to_come_does_not_count(path):
    """Else a clock that is set back would give a verdict more days."""
    sign(path)
    assert against(path, now=NOW - timedelta(seconds=60)) is None
    found = against(path, now=NOW - timedelta(seconds=61))
    assert found.startswith("its verdict is of 2026-03-02 10:00 UTC, which is to come: set this")


def test_without_one(path):
    assert against(path) == f'it has no verdict ({path}): run "perpkit golive"'


def test_one_that_did_not_pass(path):
    sign(path, passed=False, failed=("days", "winning"))
    found = against(path)
    assert found == 'it did not pass at 2026-03-02 10:00 UTC (days, winning): run "perpkit golive"'


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({**PARTS, '"stake_amount"': "200"}, '"stake_amount"'),
        ({**PARTS, '"stoploss"': "-0.1"}, '"stoploss"'),
        ({"the file Mine.py": "abc"}, '"stake_amount", the parameters of buy'),
        (dict.fromkeys(PARTS, "x"), '"stake_amount", the file Mine.py, the parameters of buy'),
        ({**PARTS, **{f"more {n}": "" for n in range(7)}},
         "more 0, more 1, more 2, more 3, more 4 and 2 more"),
    ],
)  # fmt: skip
def test_what_has_changed_is_named(path, parts, named):
    sign(path)
    words = f'changed since its verdict of 2026-03-02 10:00 UTC: {named}; run "perpkit golive"'
    assert against(path, parts) == words


def test_values_of_parts_do_not_run_into_each_other(path):
    sign(path, {"a": "bc"})
    assert against(path, {"ab": "c"}) is not None


def test_it_shows_no_value(path):
    sign(path, {'"exchange.pair_whitelist"': "BTC/USDT:USDT", '"perpkit.sizing"': "secret"})
    text = path.read_text()
    assert "BTC/USDT" not in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_text(""), "not JSON"),
        (lambda path: path.write_text("[]"), "must have content, kind, key and signature"),
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "not JSON"),
        (lambda path: path.write_bytes(b"\xff" * 50), "not text in UTF-8"),
        (lambda path: path.write_text(" " * 2_000_000), "at most 1,000,000 bytes"),
        (lambda path: rewrite(path, signature="00"), "was changed after it had been signed"),
        (lambda path: rewrite(path, content={}), "was changed after it had been signed"),
        (lambda path: rewrite(path, kind="rehearsal"), "must be a file of the kind golive"),
        (lambda path: rewrite(path, key="0" * 16), "was signed with a key of another machine"),
        (lambda path: rewrite(path, key=5), "must have content, kind, key and signature"),
        (lambda path: (path.unlink(), path.mkdir()), "cannot be read"),
    ],
)
def test_a_damaged_or_changed_one_does_not_count(path, damage, words):
    sign(path)
    damage(path)
    found = against(path)
    assert found.startswith("its verdict does not count: ")
    assert words in found


def test_a_change_of_one_value_is_seen(path):
    sign(path, passed=False, failed=("days",))
    document = json.loads(path.read_text())
    document["content"]["passed"] = True
    path.write_text(json.dumps(document))
    assert "was changed after it had been signed" in against(path)


def test_another_machine_does_not_take_it(path, tmp_path, monkeypatch):
    sign(path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "other.key"))
    assert "was signed on another machine: there is no key of this machine" in against(path)
    machine_key_made()
    assert "was signed with a key of another machine" in against(path)


def test_a_rehearsal_does_not_pass_for_a_verdict(path):
    found = rehearsed.Rehearsal(
        since=NOW, until=NOW, trades=1, breaches={}, strategies=("Mine",), breakers={}
    )
    rehearsed.write(path, found, machine_key_made())
    assert rehearsed.read(path) == found
    assert "must be a file of the kind golive, got 'rehearsal'" in against(path)
    sign(path)
    with pytest.raises(FileError, match="must be a file of the kind rehearsal"):
        rehearsed.read(path)


def test_one_of_another_perpkit_names_the_field(path):
    key = machine_key_made()
    golive.write_signed(path, golive.KIND, {"strategy": "Mine"}, key)
    assert "passed: Field required: of another Perpkit?" in against(path)
