"""The clock agrees with the time that Freqtrade's own backtest tells its strategy."""

from datetime import timedelta

import pytest
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.plugins.pairlist.IPairList import IPairList, SupportsBacktesting

from perpkit.bot.candles.backtest_clock import BacktestClock
from tests import factories

PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
CANDLES = 60

STRATEGY = """
from freqtrade.strategy import IStrategy

class Probed(IStrategy):
    timeframe = "1h"
    stoploss = -0.02
    minimal_roi = {}
    startup_candle_count = START_UP

    def bot_start(self):
        self.seen = []

    def bot_loop_start(self, current_time, **kwargs):
        self.seen.append(current_time)

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = ENTER
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
"""


class Probe(IPairList):
    """Notes the clock at every refresh, and empties the whitelist at the given ones."""

    supports_backtesting = SupportsBacktesting.YES
    empty_at: range = range(0)
    twice_at: int | None = None

    @staticmethod
    def description():
        return ""

    def short_desc(self):
        return ""

    def filter_pairlist(self, pairlist, tickers):
        if len(self.seen) == self.twice_at:
            self.clock.tick()
        self.seen.append(self.clock.tick())
        return [] if len(self.seen) - 1 in self.empty_at else pairlist


def backtest(config, start_up=0, empty_at=range(0), runs=1, trading=True, refreshed_twice_at=None):
    """Runs a stock dynamic-pairlist backtest; gives the clock's times and Freqtrade's."""
    folder = config["user_data_dir"] / "strategies"
    folder.mkdir()
    (folder / "probed.py").write_text(
        STRATEGY.replace("START_UP", str(start_up)).replace("ENTER", str(int(trading)))
    )
    config |= {
        "runmode": RunMode.BACKTEST,
        "strategy": "Probed",
        "enable_dynamic_pairlist": True,
        "export": "none",
        "exchange": config["exchange"] | {"pair_whitelist": PAIRS},
    }
    backtesting = Backtesting(config)
    probe = Probe(backtesting.exchange, backtesting.pairlists, config, {}, 1)
    probe.clock = BacktestClock(backtesting.dataprovider, "1h")
    probe.seen, probe.empty_at, probe.twice_at = [], empty_at, refreshed_twice_at
    backtesting.pairlists._pairlist_handlers.append(probe)
    candles, timerange = backtesting.load_bt_data()
    strategy = backtesting.strategylist[0]
    for _ in range(runs):
        backtesting.backtest_one_strategy(strategy, candles, timerange)
        seen, probe.seen = probe.seen, []
    backtesting.exchange.close()
    return seen, strategy.seen


@pytest.fixture
def config(offline_markets, default_futures_config):
    factories.write_market(
        default_futures_config["datadir"], {pair: factories.funding(20) for pair in PAIRS}, CANDLES
    )
    return default_futures_config


@pytest.mark.contract
@pytest.mark.parametrize(
    "case",
    [
        {},
        {"start_up": 10},
        {"empty_at": range(1)},
        {"empty_at": range(10)},
        {"empty_at": range(5, 25)},
        {"empty_at": range(30, 1000)},
        {"empty_at": range(1000)},
        # Without an open trade nothing is processed while the whitelist is empty.
        {"empty_at": range(5, 25), "trading": False},
        {"empty_at": range(30, 1000), "trading": False},
        {"runs": 2},
        {"runs": 2, "start_up": 10, "empty_at": range(20, 1000), "trading": False},
    ],
)
def test_every_refresh_has_the_time_of_its_candle(config, case):
    clock, freqtrade = backtest(config, **case)
    assert clock == freqtrade
    assert len(clock) == CANDLES - 1 - case.get("start_up", 0)


@pytest.mark.contract
def test_a_time_range_with_warm_up_before_it(config):
    config["timerange"] = "20230102-20230103"
    clock, freqtrade = backtest(config, start_up=10)
    assert clock == freqtrade
    assert f"{clock[0]:%d %H:%M}" == "02 01:00"


@pytest.mark.contract
def test_a_detail_timeframe_moves_time_inside_the_candle(config):
    for pair in PAIRS:
        detail = factories.candles(CANDLES * 12, "5m", volatility=0.002)
        factories.write_candles(config["datadir"], pair, detail, timeframe="5m")
    config["timeframe_detail"] = "5m"
    clock, freqtrade = backtest(config, empty_at=range(20, 30))
    assert clock == freqtrade


@pytest.mark.contract
def test_pairs_that_start_later_do_not_shift_it(config):
    late = factories.candles(CANDLES - 24, start=factories.START + timedelta(hours=24))
    factories.write_candles(config["datadir"], PAIRS[0], late)
    clock, freqtrade = backtest(config, start_up=5)
    assert clock == freqtrade


@pytest.mark.contract
def test_a_refresh_that_freqtrade_left_out_is_made_at_the_next_candle(config):
    clock, freqtrade = backtest(config, refreshed_twice_at=10)
    assert clock[10] == freqtrade[11]
    assert clock[:10] + clock[11:] == freqtrade[:10] + freqtrade[11:]
