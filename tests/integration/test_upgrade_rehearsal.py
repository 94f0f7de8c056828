"""The rehearsal of `perpkit doctor --upgrade`: what it sees of a bot that works, and of others."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from perpkit.durations import MINUTE_MS
from perpkit.ops.upgrade import rehearsal
from perpkit.ops.upgrade.rehearsal import RehearsalFailedError
from perpkit.venue.market import synthetic
from perpkit.venue.market.candles import Candles
from perpkit.venue.market.history import History
from tests.bench.in_process import STRATEGIES
from tests.cases import SLOW

pytestmark = pytest.mark.integration


def fallen(candles: Candles) -> Candles:
    """The same candles, 15% higher until 90 minutes ago: of a candle that has closed."""
    since = time.time() * 1000 - 90 * MINUTE_MS
    factor = np.where(candles.time < since, 1.15, 1.0)
    prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
    return replace(candles, **prices)


def test_a_bot_that_works(tmp_path, monkeypatch):
    """Even in an hour in which breakers would refuse its entries."""
    generate = synthetic.generate

    def crash(**given):
        pairs = generate(**given).pairs
        return History(
            {
                symbol: replace(
                    pair,
                    stored={
                        kind: {interval: fallen(candles) for interval, candles in stored.items()}
                        for kind, stored in pair.stored.items()
                    },
                )
                for symbol, pair in pairs.items()
            }
        )

    monkeypatch.setattr(synthetic, "generate", crash)
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
