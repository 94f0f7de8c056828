"""The candles of a backtest come as Freqtrade hands them out, but for those with nothing to do."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade
from freqtrade.wallets import Wallets
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import candle_rows
from perpkit.bot.acceleration.candle_rows import ROWS, time_pair_generator
from tests.bot.acceleration.conftest import on, reset
from tests.cases import cases
from tests.factories import START

pytestmark = pytest.mark.usefixtures("simulated")

STOCK = candle_rows._stock_generator
HOUR = timedelta(hours=1)
PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")
CANDLES = 9

signals = st.sampled_from([(0, 0, 0, 0)] * 3 + [(1, 0, 0, 0), (0, 0, 1, 0), (1, 1, 0, 0)])
# In which hour a pair has candles, with which signals; gaps and a late start among them.
pair_rows = st.dictionaries(st.integers(0, CANDLES + 1), signals).map(
    lambda found: [
        (pd.Timestamp(START + hour * HOUR), 1.0 + hour, 2.0, 0.5, 1.0, *each, None, None)
        for hour, each in sorted(found.items())
    ]
)
# Which pairs have a trade, by (hour, pair), after that candle has been handed out.
events = st.sets(st.tuples(st.integers(0, CANDLES), st.sampled_from(PAIRS)))


class Provider:
    def __init__(self) -> None:
        self.seen: list[object] = []

    def _set_dataframe_max_index(self, pair, index):
        self.seen.append((pair, index))

    def _set_dataframe_max_date(self, date):
        self.seen.append(date)


def run_of(*, detail=timedelta(0), dynamic=False, can_short=True, balances=()):
    made = Backtesting.__new__(Backtesting)
    wallets = Wallets.__new__(Wallets)
    wallets._wallets = {name: SimpleNamespace(total=2.5) for name in balances}
    made.started, made.steps = [], []
    vars(made).update(
        timeframe_td=HOUR, timeframe_detail_td=detail, timeframe_secs=3600, detail_data={},
        dynamic_pairlist=dynamic, pairlists=None, abort=False, progress=None, required_startup=3,
        dataprovider=Provider(), wallets=wallets, wallet_captures=[], _is_backtest_runmode=True,
        _can_short=can_short, _increment_progress=lambda advance=1: made.steps.append(advance),
        _set_progress_step=lambda _, total: made.steps.append(-total),
        strategy=SimpleNamespace(
            bot_loop_start=lambda current_time: made.started.append(current_time),
            config={"stake_currency": "USDT"}, ignore_expired_candle=lambda *_: False,
        ),
    )  # fmt: skip
    return made


def handed(generator, made, data, opening, closing):
    """What a generator hands out, while trades open and close in its hands."""
    reset()
    found = []
    for now, pair, row, last, entry in generator(
        made, START, START + CANDLES * HOUR, list(PAIRS), data
    ):
        trades = LocalTrade.bt_trades_open_pp[pair]
        if entry or trades:
            found.append((now, pair, row, last, entry))
        hour = (now - START) // HOUR
        if trades and (hour, pair) in closing:
            LocalTrade.bt_trades_open.remove(trades[0])
            del trades[0]
        elif entry and not trades and (hour, pair) in opening:
            trade = LocalTrade(pair=pair, open_rate=1.0, amount=1.0, fee_open=0, fee_close=0)
            LocalTrade.bt_trades_open.append(trade)
            trades.append(trade)
    return found


@cases(200)
@given(
    st.fixed_dictionaries(dict.fromkeys(PAIRS, pair_rows)),
    events,
    events,
    st.booleans(),
    st.sampled_from([(), ("USDT",), ("USDT", "ETH")]),
)
def test_what_is_to_be_done_is_handed_out_in_freqtrades_order(
    data, opening, closing, can_short, balances
):
    stock, ours = (run_of(can_short=can_short, balances=balances) for _ in range(2))
    expected = handed(STOCK, stock, data, opening, closing)
    assert handed(time_pair_generator, ours, data, opening, closing) == expected
    assert ours.dataprovider.seen == stock.dataprovider.seen
    assert ours.wallet_captures == stock.wallet_captures
    assert ours.started == stock.started
    assert ours.steps[0] == stock.steps[0] == -CANDLES
    assert sum(ours.steps[1:]) == CANDLES


def test_a_pair_whose_trade_has_just_been_closed_is_passed_over():
    """As its entry of this candle is: by a callback that closes trades, for one."""
    made = run_of()
    row = (pd.Timestamp(START + HOUR), 1.0, 2.0, 0.5, 1.0, 1, 0, 0, 0, None, None)
    LocalTrade.bt_trades_open.append(SimpleNamespace(pair=PAIRS[0]))
    for generator in (STOCK, time_pair_generator):
        data = {pair: [row] for pair in PAIRS}
        found = generator(made, START, START + HOUR, list(PAIRS), data)
        assert [pair for _, pair, *_ in found] == [PAIRS[1]]


def test_a_run_can_be_stopped():
    made = run_of()
    made.abort = True
    with pytest.raises(Exception, match="Stop requested"):
        list(time_pair_generator(made, START, START + HOUR, list(PAIRS), {}))


@pytest.mark.parametrize("changed", [{"detail": timedelta(minutes=5)}, {"dynamic": True}])
def test_detail_candles_and_dynamic_pairlists_are_freqtrades(changed):
    own = time_pair_generator(run_of(), START, START, [], {})
    left = time_pair_generator(run_of(**changed), START, START, [], {})
    assert own.gi_code is candle_rows._candles.__code__
    assert left.gi_code is STOCK.__code__


def test_the_part_is_switched():
    with on(ROWS):
        assert Backtesting.time_pair_generator is time_pair_generator
    assert Backtesting.time_pair_generator is STOCK
