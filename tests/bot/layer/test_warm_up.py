"""How many candles a running bot has: compared with Freqtrade's own arithmetic."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import Exchange
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.layer.warm_up import Need, later, never, supply
from tests.cases import cases


def requests(startup: int, at_once: int, history: bool) -> int:
    """As Freqtrade counts them."""
    exchange = SimpleNamespace(
        ohlcv_candle_limit=lambda *_: at_once,
        _config={"candle_type_def": "futures"},
        _ft_has={"ohlcv_has_history": history},
        name="Exchange",
    )
    return Exchange.validate_required_startup_candles(exchange, startup, "")


@given(st.integers(0, 6_000), st.integers(50, 1_500), st.booleans())
@cases(200)
def test_it_is_what_freqtrade_fetches_and_keeps(startup, at_once, history):
    has = supply(startup, at_once, has_history=history)
    if startup > has.allowed:
        with pytest.raises(ConfigurationError):
            requests(startup, at_once, history)
        return
    assert has.at_start == requests(startup, at_once, history) * at_once - 1
    assert startup <= has.at_start <= has.most == at_once + startup


@pytest.mark.parametrize(
    ("needed", "startup", "words"),
    [
        (200, 400, None),
        (899, 400, "for the first 401 candles after each start"),
        (900, 400, 'at most 899 with "startup_candle_count" 400'),
        (2_400, 400, 'Allowed: "startup_candle_count" of at least 2400, or a longer "timeframe"'),
        (12_000, 400, 'Allowed: a longer "timeframe"'),
        (2_400, 2_400, None),
        (1_440, 10, 'Allowed: "startup_candle_count" of at least 1440'),
        (1_440, 1_440, None),
    ],
)
def test_a_need_is_met_at_once_or_later_or_never(needed, startup, words):
    need, has = Need("the trend", needed), supply(startup, 499)
    found = [*never([need], has, "5m"), *later([need], has, "5m")]
    assert len(found) == (words is not None)
    for _, line in found:
        assert words in line
        assert line.startswith(f"the trend needs {needed} candles of 5m")
