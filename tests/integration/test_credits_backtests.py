"""Backtests with `proxy_coin` go on as they are."""

from __future__ import annotations

import pytest

from tests.bench.backtests import backtest, write_candles

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("margin_mode", ["cross", "isolated"])
def test_the_trades_are_those_without_it(offline_markets, default_futures_config, margin_mode):
    write_candles(default_futures_config["datadir"], rows=400)
    config = {**default_futures_config, "margin_mode": margin_mode}
    without = backtest(config, "BasedTrend").trades
    assert len(without) > 5
    assert backtest(config, "BasedTrend", proxy_coin="BNFCR").trades == without
