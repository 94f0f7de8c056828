"""What Freqtrade records and shows of a strategy of ours: its first stop, its version."""

from __future__ import annotations

import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

from perpkit import __version__
from tests.bench.backtests import STRATEGIES, backtest, write_candles

pytestmark = pytest.mark.contract
OURS = f"Perpkit {__version__}"


def test_the_initial_stop_of_a_trade_is_its_first_real_one(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"])
    result = backtest(default_futures_config, "BasedTrend")
    distance = result.strategy.present_settings().stop.distance
    assert result.trades
    for trade in result.trades:
        sign = 1 if trade["is_short"] else -1
        first = trade["open_rate"] * (1 + sign * distance)
        assert trade["initial_stop_loss_abs"] == pytest.approx(first, rel=1e-3)
        ratio = -distance * trade["leverage"]
        assert trade["initial_stop_loss_ratio"] == pytest.approx(ratio, rel=0.05)


@pytest.mark.parametrize(
    ("name", "attach", "version"),
    [
        ("RsiSmaSwing", False, OURS),
        ("PlainTrend", True, OURS),
        ("Versioned", True, f"7.3 ({OURS})"),
        ("Versioned", False, "7.3"),
    ],
)
def test_version(default_futures_config, tmp_path, monkeypatch, name, attach, version):
    monkeypatch.syspath_prepend(str(STRATEGIES))
    (tmp_path / "PlainTrend.py").write_text((STRATEGIES / "PlainTrend.py").read_text())
    (tmp_path / "Versioned.py").write_text(
        "from PlainTrend import PlainTrend\n\nclass Versioned(PlainTrend):\n"
        "    def version(self):\n        return '7.3'\n"
    )
    config = {
        **default_futures_config,
        "runmode": RunMode.BACKTEST,
        "strategy": name,
        "strategy_path": str(tmp_path),
        "perpkit": {"attach": attach} if attach else {},
    }
    assert StrategyResolver.load_strategy(config).version() == version
