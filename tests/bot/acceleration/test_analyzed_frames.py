"""Callbacks see the candles that stock Freqtrade gives them, whatever they do with the frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType, RunMode
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.acceleration import analyzed_frames
from perpkit.bot.acceleration.analyzed_frames import FRAMES
from tests.bot.acceleration.conftest import both_ways, on

ROWS, PAIRS = 1100, ("BTC/USDT:USDT", "ETH/USDT:USDT")
CONFIG = {"runmode": RunMode.BACKTEST, "timeframe": "1h", "candle_type_def": CandleType.FUTURES}


def analyzed(kinds: str = "mixed") -> pd.DataFrame:
    """Candles with a column of each kind that strategies make, or of few kinds."""
    noise = np.random.default_rng(1)
    frame = pd.DataFrame({"date": pd.date_range("2025-01-01", periods=ROWS, freq="1h", tz="UTC")})
    for name in ("open", "high", "low", "close", "volume", "rsi"):
        frame[name] = noise.random(ROWS)
    if kinds == "numbers":
        return frame.drop(columns="date")
    if kinds == "one kind":
        return frame[["open", "close"]].copy()
    frame["enter_long"] = 1
    frame["enter_tag"] = pd.Series([None, "x", np.nan, "y"] * (ROWS // 4), dtype=object)
    frame["regime"] = "bull"
    frame.loc[5::7, "regime"] = None
    frame["above"] = frame["close"] > 0.5
    frame["small"] = np.arange(ROWS, dtype="int8")
    frame["single"] = noise.random(ROWS).astype("float32")
    frame["kind"] = pd.Categorical(["a", "b"] * (ROWS // 2))
    frame["count"] = pd.array([1, None] * (ROWS // 2), dtype="Int64")
    frame["since"] = frame["date"] - frame["date"].shift(3)
    frame["other"] = frame["regime"].astype(pd.StringDtype(na_value=pd.NA))
    frame["naive"] = frame["date"].dt.tz_localize(None)
    frame["levels"] = [[n] for n in range(ROWS)]
    return frame


def provider(kinds: str = "mixed", config: dict = CONFIG) -> DataProvider:
    made = DataProvider(config, None)
    for pair in PAIRS:
        made._set_cached_df(pair, "1h", analyzed(kinds), CandleType.FUTURES)
        made._set_dataframe_max_index(pair, 40)
    return made


def exactly(value: Any) -> Any:
    """A value and its type, also of each value in a row."""
    if isinstance(value, pd.Series):
        values = [(type(each).__name__, repr(each)) for each in value.tolist()]
        if value.dtype == object:
            values = [
                (type(each).__name__, repr(each), getattr(each, "unit", ""), each is None)
                for each in value.array
            ]
        return str(value.dtype), repr(value.name), list(value.index), value.index.name, values
    if isinstance(value, pd.DataFrame):
        return (
            list(value.columns), value.columns.name, repr(value.index), value.index.name,
            list(map(str, value.dtypes)), repr(value.tail(3).to_dict("list")), dict(value.attrs),
            sorted(vars(value)), value.flags.allows_duplicate_labels,
        )  # fmt: skip
    return type(value).__name__, repr(value)


# What callbacks do with the frame that they are given, `kept` outlives them.
def read_rows(frame, number, kept):
    return [exactly(frame.iloc[place]) for place in (-1, -2, -number - 1, 0, len(frame) - 1)]


def read_squeezed(frame, number, kept):
    row = frame.iloc[-1].squeeze()
    return exactly(row), exactly(row.iloc[0]), exactly(row["close"])


def read_by_date(frame, number, kept):
    if "date" in frame:
        return exactly(frame.loc[frame["date"] == frame["date"].iloc[-number - 1]])
    return None


def write_to_row(frame, number, kept):
    row = frame.iloc[-1]
    row.iloc[1] = number
    kept.append(row)
    return exactly(row)


def write_cell(frame, number, kept):
    frame.loc[frame.index[-1], "close"] = float(number)


def write_cell_by_place(frame, number, kept):
    frame.iloc[-1, 1] = float(number)


def write_at(frame, number, kept):
    frame.at[frame.index[-1], "open"] = float(number)  # noqa: PD008


def write_column(frame, number, kept):
    frame["close"] = frame["close"] * 2


def add_column(frame, number, kept):
    frame[f"own{number}"] = frame["close"].rolling(3).mean()


def rename_in_place(frame, number, kept):
    frame.rename(columns={"open": f"open{number}"}, inplace=True)  # noqa: PD002


def name_axes(frame, number, kept):
    frame.columns.name = f"columns {number}"
    frame.index.name = f"rows {number}"


def drop_in_place(frame, number, kept):
    frame.drop(frame.index[-1:], inplace=True)  # noqa: PD002


def fill_in_place(frame, number, kept):
    frame["close"].fillna(0, inplace=False)
    frame.fillna({"close": 0.0}, inplace=True)  # noqa: PD002


def other_index(frame, number, kept):
    frame.index = range(len(frame))


def set_attribute(frame, number, kept):
    object.__setattr__(frame, "own_note", number)


def describe(frame, number, kept):
    frame.attrs["note"] = number


def keep_description(frame, number, kept):
    kept.append(frame.attrs)


def describe_kept(frame, number, kept):
    frame.attrs["kept"] = sum(isinstance(each, dict) for each in kept)


def set_flags(frame, number, kept):
    frame.flags.allows_duplicate_labels = False


def keep(frame, number, kept):
    kept.append(frame)


def keep_column(frame, number, kept):
    kept.append(frame["close"])


def write_to_kept(frame, number, kept):
    for each in kept[-1:]:
        if isinstance(each, pd.DataFrame | dict):
            each["mine"] = number
        else:
            each.iloc[-1] = float(number)


def copy_and_write(frame, number, kept):
    own = frame.copy()
    own["close"] = 0.0
    return exactly(own.iloc[-1])


def consolidate(frame, number, kept):
    return exactly(frame.values[-1][-1])  # noqa: PD011


ACTIONS = [
    read_rows, read_squeezed, read_by_date, write_to_row, write_cell, write_cell_by_place,
    write_at, write_column, add_column, rename_in_place, name_axes, drop_in_place, fill_in_place,
    other_index, set_attribute, describe,
    keep_description, describe_kept, set_flags, keep, keep_column, write_to_kept, copy_and_write,
    consolidate,
]  # fmt: skip
STEP = st.tuples(
    st.sampled_from(["go on", "write to the source", *["callback"] * 8]),
    st.sampled_from(PAIRS),
    st.sampled_from([*ACTIONS, *[read_rows, read_squeezed] * 4]),
    st.integers(0, 40),
)


def called(made, pair, action, number, kept):
    """Does what a callback does; its frame lives no longer than it."""
    frame = made.get_analyzed_dataframe(pair, "1h")[0]
    try:
        found = action(frame, number, kept)
    except Exception as error:
        found = repr(error)
    return found, exactly(frame)


@pytest.mark.parametrize("kinds", ["mixed", "numbers", "one kind"])
@given(steps=st.lists(STEP, max_size=15))
def test_callbacks_see_what_stock_gives_them(kinds, steps):
    def run():
        made, kept, found, end = provider(kinds), [], [], dict.fromkeys(PAIRS, 40)
        sources = {pair: vars(made)["_DataProvider__cached_pairs"] for pair in PAIRS}
        for what, pair, action, number in steps:
            if what == "go on":
                end[pair] = min(end[pair] + number * 30 + 1, ROWS)
                made._set_dataframe_max_index(pair, end[pair])
            elif what == "write to the source":
                source = sources[pair][pair, "1h", CandleType.FUTURES][0]
                source.loc[source.index[end[pair] - 1], "close"] = float(number)
            else:
                found += called(made, pair, action, number, kept)
        return [*found, *map(exactly, kept)]

    stock, accelerated = both_ways(FRAMES, run)
    assert accelerated == stock


AFTERWARDS = [read_rows, describe_kept, read_by_date, write_to_kept, write_column, keep]


@pytest.mark.parametrize("first", ACTIONS, ids=lambda action: action.__name__)
def test_a_callback_sees_nothing_of_what_an_earlier_one_of_its_candle_did(first):
    """Seen to fail where a frame is given again that is kept, or was written to or described."""

    def run():
        found = []
        for second in AFTERWARDS:
            made, kept = provider(), []
            for number, action in enumerate([read_rows, first, second, read_rows], start=1):
                found += called(made, PAIRS[0], action, number, kept)
            found += map(exactly, kept)
        return found

    stock, accelerated = both_ways(FRAMES, run)
    assert accelerated == stock


def test_callbacks_of_one_candle_are_given_one_frame(monkeypatch):
    """Seen to fail with stock's function, which cuts one for each of them."""
    made, cuts = provider(), []
    with on(FRAMES):
        cut = analyzed_frames.Cut
        monkeypatch.setattr(analyzed_frames, "Cut", lambda *args: cuts.append(1) or cut(*args))
        for end in (40, 41):
            made._set_dataframe_max_index(PAIRS[0], end)
            for _ in range(3):
                frame, _ = made.get_analyzed_dataframe(PAIRS[0], "1h")
                assert len(frame) == end
                del frame
    assert len(cuts) == 2


def test_rows_of_many_candles_are_collected_at_once(monkeypatch):
    """Seen to fail without the tables: pandas then collects every row."""
    made, collected = provider(), []
    with on(FRAMES):
        table = analyzed_frames.Table
        stock = table._collected
        monkeypatch.setattr(
            table, "_collected", lambda self, first: collected.append(first) or stock(self, first)
        )
        for end in range(40, 90):
            made._set_dataframe_max_index(PAIRS[0], end)
            made.get_analyzed_dataframe(PAIRS[0], "1h")[0].iloc[-1]
    assert collected == [32, 64]


@pytest.mark.parametrize(("name", "count"), [("_ALONE", 2), ("_ALONE", 4), ("_ONCE", 1)])
def test_the_part_is_off_where_references_are_counted_otherwise(monkeypatch, name, count):
    """With 4, as 3 would be on Python 3.14, a frame that a strategy keeps would go out again."""
    monkeypatch.setattr(analyzed_frames, name, count)
    why = "RuntimeError('this Python counts references in another way')"
    assert FRAMES.switch_on() == why
    assert not FRAMES.is_on


def test_a_pair_without_candles_has_stocks_answer():
    def run():
        made = provider()
        made._set_dataframe_max_index("XRP/USDT:USDT", 5)
        other = DataProvider(CONFIG, None)
        other._set_cached_df(PAIRS[0], "1h", analyzed(), CandleType.FUTURES)
        asked = (made, "XRP/USDT:USDT", "1h"), (made, PAIRS[0], "4h"), (other, PAIRS[0], "1h")
        found = [each.get_analyzed_dataframe(pair, timeframe) for each, pair, timeframe in asked]
        return [(len(frame), date) for frame, date in found]

    stock, accelerated = both_ways(FRAMES, run)
    assert accelerated == stock


def test_nothing_is_kept_when_freqtrade_clears_its_frames():
    with on(FRAMES):
        made = provider()
        made.get_analyzed_dataframe(PAIRS[0], "1h")[0].iloc[-1]
        made.clear_cache()
        assert not analyzed_frames._cuts._of
        assert not analyzed_frames.tables._of
