"""Trades of a backtest, marked to market, and the daily returns of an epoch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.times import dates_every
from perpkit.walkforward.samples import Stretch
from tests.factories import candles

BTC = "BTC/USDT:USDT"
START = datetime(2023, 1, 1, 5, tzinfo=UTC)
HOURS = 100
FRAME = candles(HOURS + 1, start=START, price=100.0)[["date", "close"]]
FUNDING = pd.Series(0.02, dates_every(datetime(2023, 1, 1, 8, tzinfo=UTC), timedelta(hours=8), 12))
STRETCH = Stretch(
    start=START,
    end=START + timedelta(hours=HOURS),
    step=timedelta(hours=1),
    starting_balance=1000.0,
    candles={BTC: FRAME},
    funding={BTC: FUNDING},
)


def trade(begin, end, amount=2.0, is_short=False, rates=(100.0, 101.0)):
    """From one hour of the stretch to another, without fees, with the funding of that time."""
    opened, closed = (START + timedelta(hours=hour) for hour in (begin, end))
    sign = -1 if is_short else 1
    paid = FUNDING[(FUNDING.index >= opened) & (FUNDING.index <= closed)].sum()
    funding = -sign * amount * paid
    moments = [int(moment.timestamp() * 1000) for moment in (opened, closed)]
    orders = [
        {"amount": amount, "safe_price": rate, "order_filled_timestamp": at, "ft_is_entry": entry}
        for rate, at, entry in zip(rates, moments, (True, False), strict=True)
    ]
    profit = sign * amount * (rates[1] - rates[0]) + funding
    return {
        "pair": BTC, "is_short": is_short, "is_open": False, "orders": orders, "leverage": 1.0,
        "open_timestamp": moments[0], "close_timestamp": moments[1], "profit_abs": profit,
        "fee_open": 0.0, "fee_close": 0.0, "funding_fees": funding,
    }  # fmt: skip


def test_a_trade_by_hand():
    sample = STRETCH.sample([trade(1, 30)])
    close = FRAME["close"].to_numpy()
    equity = sample.equity.to_numpy()
    assert len(equity) == HOURS + 1
    assert equity[:1].tolist() == [1000.0]
    # At hour 20, after the funding of hours 3, 11 and 19; the candle that ends then opened at 19.
    assert equity[20] == pytest.approx(1000 + 2 * (close[19] - 100) - 3 * 2 * 0.02)
    assert equity[30:] == pytest.approx([1000 + 2 * 1.0 - 4 * 2 * 0.02] * (HOURS - 29))
    assert sample.daily.index[0] == pd.Timestamp("2023-01-01", tz="UTC")
    assert len(sample.daily) == 5


def test_an_exit_within_the_last_candle_counts_at_its_open():
    """With `timeframe_detail`, ten minutes after the last mark."""
    trades = [trade(HOURS - 5, HOURS + 1 / 6)]
    made = trades[0]["profit_abs"]
    assert STRETCH.sample(trades).equity.iloc[-1] == pytest.approx(1000 + made)
    assert (1 + STRETCH.returns(trades)).prod() == pytest.approx(1 + made / 1000)


def longer(one, times):
    """The same trade, so many times as far from the start, and as long."""
    begin = START.timestamp() * 1000
    moved = {key: round(begin + times * (one[key] - begin)) for key in one if "timestamp" in key}
    orders = [
        each | {"order_filled_timestamp": moved[key]}
        for each, key in zip(one["orders"], ("open_timestamp", "close_timestamp"), strict=True)
    ]
    return {**one, **moved, "orders": orders}


SPANS = st.tuples(st.integers(1, 60), st.integers(1, 39), st.booleans(), st.floats(0.1, 3.0))


def of_step(days):
    """The same stretch in candles of some days, a hundredth of its hours each."""
    step = timedelta(days=days)
    dates = dates_every(START, step, HOURS + 1)
    return replace(
        STRETCH, end=START + HOURS * step, step=step, candles={BTC: FRAME.assign(date=dates)}
    )


@given(spans=st.lists(SPANS, max_size=6), step=st.sampled_from([None, 3, 7]))
def test_returns_of_an_epoch_are_those_of_its_equity(spans, step):
    stretch = STRETCH if step is None else of_step(step)
    trades = [trade(begin, begin + held, size, short) for begin, held, short, size in spans]
    if step is not None:
        trades = [longer(each, 24 * step) for each in trades]
    sample = stretch.sample(trades)
    returns = stretch.returns(trades)
    assert returns.index.tolist() == sample.daily.index.tolist()
    assert returns.tolist() == pytest.approx(sample.daily.tolist(), abs=1e-12)
    assert sample.equity.iloc[-1] == pytest.approx(
        1000 + np.sum([one["profit_abs"] for one in trades])
    )
