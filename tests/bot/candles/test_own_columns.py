"""Which columns a strategy's own code names."""

from __future__ import annotations

import functools

import pytest

from perpkit.bot.candles.own_columns import names_column


class Base:
    def populate_indicators(self, dataframe):
        dataframe["vol_1h"] = 1


class Plain(Base):
    timeframe = "1m"


class Sets(Base):
    def populate_indicators(self, dataframe):
        dataframe["range_24h"], dataframe["vol_1h"] = 0.0, 0.002


class Inherits(Sets):
    pass


class Assigns(Base):
    def populate_indicators(self, dataframe):
        return dataframe.assign(vol_1h=0.002)


class Elsewhere(Base):
    def columns(self):
        def inner():
            return "vol_1h"

        return inner


class Wrapped(Base):
    @functools.wraps(Sets.populate_indicators)
    def populate_indicators(self, dataframe): ...


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Base, False),
        (Plain, False),
        (Sets, True),
        (Inherits, True),
        (Assigns, True),
        (Elsewhere, True),
        (Wrapped, True),
    ],
)
def test_what_is_named_above_the_base(kind, expected):
    assert names_column(kind, Base, "vol_1h") is expected
    assert not names_column(kind, Base, "atr")
