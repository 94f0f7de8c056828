"""`freqtrade trade` in dry-run against the venue: it starts, analyses, and stops when told."""

from __future__ import annotations

import pytest

from tests.bench.process import trading
from tests.cases import SLOW

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "strategy",
    [
        "RsiSmaSwing",
        *(
            pytest.param(name, marks=SLOW)
            for name in ("TargetBasket", "RsiSmaScalp", "FundingTide")
        ),
    ],
)
def test_it_starts_analyses_and_stops_on_sigint(bot, strategy):
    with trading(bot, strategy) as process:
        process.wait_for("Whitelist with 5 pairs")
        process.wait_for("CryptoVixBreaker")
        process.wait_for("Bot heartbeat")
        process.wait_for("Bot heartbeat")
        # Before the signal, which may come in the middle of a commit: Freqtrade logs that.
        log = "".join(process.log)
        assert process.end() in (0, 130)
    for trouble in ("ERROR", "Traceback", "Outdated history", "A breaker failed", "No data found"):
        assert trouble not in log, log[-4000:]
