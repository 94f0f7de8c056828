"""Where the files of a bot are."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpkit.record.places import places

HOME = Path("/home/me/user_data")


@pytest.mark.parametrize(
    ("db_url", "journal", "state"),
    [
        ("sqlite:///tradesv3.sqlite", "tradesv3.journal.sqlite", "tradesv3.state.json"),
        (
            "sqlite:///tradesv3.dryrun.sqlite",
            "tradesv3.dryrun.journal.sqlite",
            "tradesv3.dryrun.state.json",
        ),
        ("sqlite:////freqtrade/a%20b/t.sqlite", "/freqtrade/a b/t.journal.sqlite", None),
        ("sqlite:///sub/trades?timeout=5", "sub/trades.journal.sqlite", "sub/trades.state.json"),
        (
            "postgresql+psycopg://me:secret@host:5432/bot1",
            f"{HOME}/perpkit/bot1.journal.sqlite",
            f"{HOME}/perpkit/bot1.state.json",
        ),
        ("sqlite://", None, f"{HOME}/perpkit/memory.state.json"),
        ("sqlite:///:memory:", None, f"{HOME}/perpkit/memory.state.json"),
    ],
)
def test_the_files_are_beside_the_database(db_url, journal, state):
    found = places(db_url, HOME)
    assert found.journal == (journal and Path(journal))
    if state is not None:
        assert found.state == Path(state)
        assert found.runs == Path(state.replace(".state.json", ".runs.json"))
