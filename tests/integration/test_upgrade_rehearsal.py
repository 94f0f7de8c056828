"""The rehearsal of `perpkit doctor --upgrade`: what it sees of a bot that works, and of others."""

from __future__ import annotations

import pytest

from perpkit.ops.upgrade import rehearsal
from perpkit.ops.upgrade.rehearsal import RehearsalFailedError
from tests.bench.in_process import STRATEGIES
from tests.cases import SLOW

pytestmark = pytest.mark.integration


def test_a_bot_that_works(tmp_path):
    assert [*rehearsal.rehearsal(tmp_path)] == [
        "a live bot starts",
        "entries fill, long and short",
        "each position has its stop at the exchange",
        "exits fill, and nothing is left at the exchange",
        "profits in the database are those of the exchange",
        "the bot ends, with no error in its log",
    ]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pairlists": [{"method": "Nowhere"}]}, "the bot ended while it waited for the first"),
        pytest.param(
            {"strategy": "StoplessOpener"}, "waited 120 s for a stop for each position", marks=SLOW
        ),
    ],
)
def test_a_bot_that_does_not(settings, words, tmp_path, monkeypatch):
    config = rehearsal._config
    settings = {**settings, "strategy_path": str(STRATEGIES)}
    monkeypatch.setattr(rehearsal, "_config", lambda *given: {**config(*given), **settings})
    monkeypatch.setattr(rehearsal, "_MOST_SECONDS", 120.0)
    with pytest.raises(RehearsalFailedError, match=words):
        for _ in rehearsal.rehearsal(tmp_path):
            pass
