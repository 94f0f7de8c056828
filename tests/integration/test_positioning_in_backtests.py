"""Imported long/short ratios in a stock backtest: the enter tags show what they add."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.signals.confidence import score_of
from tests.cases import SLOW
from tests.integration.conftest import Bot

pytestmark = [pytest.mark.integration, pytest.mark.real_data]

# Of the pairs that have candles and ratios, those that the venue lists, too.
PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT"]


@pytest.fixture
def datadir(real_datadir: Path, tmp_path: Path) -> Path:
    """The real candles, and a store of its own beside them."""
    directory = tmp_path / "real"
    directory.mkdir()
    (directory / "futures").symlink_to(real_datadir / "futures", target_is_directory=True)
    return directory


def tags(bot: Bot, datadir: Path) -> Counter[tuple[str, float | None]]:
    stats = replace(bot, datadir=datadir).backtest(
        "RsiSmaSwing",
        "--timerange=20220101-20220701",
        exchange={"pair_whitelist": PAIRS},
        pairlists=[{"method": "StaticPairList"}],
    )
    return Counter((t["pair"], score_of(t["enter_tag"], {"rsi_sma"})) for t in stats["trades"])


@SLOW
def test_the_tags_show_what_imported_ratios_add(bot, datadir, real_datadir):
    (ratios,) = (real_datadir.parent / "positioning").glob("long_short_ratio_1d_*.feather")
    before = tags(bot, datadir)
    assert {score for _, score in before} <= {0.7, 0.9}
    imported = CliRunner().invoke(app, ["data", "import", str(ratios), f"--datadir={datadir}"])
    assert imported.exit_code == 0, imported.output
    after = tags(bot, datadir)
    for pair in PAIRS:
        crowded = after[pair, 0.8] + after[pair, 1.0]
        assert 5 < crowded < before.total()
    assert after.total() == pytest.approx(before.total(), abs=5)
