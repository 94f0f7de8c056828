"""Hyperopt with and without the acceleration: each epoch has the same loss and the same results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.backtests import STRATEGIES
from tests.bench.same_results import NOT_COMPARED
from tests.cases import SLOW

pytestmark = [pytest.mark.integration, SLOW]

EPOCHS = 5


def epochs(bot, workers: int, accelerated: bool) -> list[dict[str, Any]]:
    """What `freqtrade hyperopt` writes of each, in their order."""
    done = bot(
        "hyperopt",
        f"--datadir={bot.datadir}",
        "--strategy=PlainTrend",
        f"--strategy-path={STRATEGIES}",
        "--timerange=20250305-20250405",
        "--spaces", "buy", "roi", "stoploss", "trailing",
        "--hyperopt-loss=SharpeHyperOptLossDaily",
        f"--epochs={EPOCHS}",
        "--random-state=7",
        f"--job-workers={workers}",
        "--min-trades=1",
        "--disable-param-export",
        perpkit={"acceleration": accelerated},
    )  # fmt: skip
    said = f"Acceleration is {'on: funding, profits' if accelerated else 'off'}"
    assert said in done.stdout, done.stdout[-3000:]
    [path] = (bot.userdir / "hyperopt_results").glob("*.fthypt")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    path.unlink()
    return found


def exactly(epoch: dict[str, Any]) -> str:
    """Every digit of what an epoch has tried and found."""
    metrics = epoch["results_metrics"]
    found = {name: value for name, value in metrics.items() if name not in NOT_COMPARED}
    return json.dumps([epoch["params_dict"], epoch["loss"], found], sort_keys=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_epoch_has_the_same_loss_and_results(bot, workers):
    stock, ours = (epochs(bot, workers, accelerated) for accelerated in (False, True))
    assert len(stock) == EPOCHS
    assert len({each["loss"] for each in stock}) > 2
    assert sum(each["results_metrics"]["total_trades"] for each in stock) > 50
    assert [*map(exactly, ours)] == [*map(exactly, stock)]
