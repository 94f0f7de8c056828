"""Options that override a strategy, by stock commands: the line that each one gets."""

from __future__ import annotations

import pytest

from perpkit.bot.layer.overridden import OVERRIDABLE
from tests.bench.process import trading
from tests.cases import SLOW
from tests.integration.conftest import Bot

pytestmark = pytest.mark.integration

# Settings of the bot that no shipped strategy has, so nothing is overridden.
OF_THE_BOT = {"stake_currency", "stake_amount", "unfilledtimeout", "max_open_trades"}
# As public configurations have them.
PUBLIC = {
    "minimal_roi": {"40": 0.0, "30": 0.01, "20": 0.02, "0": 0.04},
    "stoploss": -0.1,
    "timeframe": "5m",
    "trailing_stop": True,
    "trailing_stop_positive": 0.005,
    "trailing_stop_positive_offset": 0.0051,
    "trailing_only_offset_is_reached": True,
    "use_exit_signal": False,
    "exit_profit_only": True,
    "exit_profit_offset": 0.01,
    "ignore_roi_if_entry_signal": True,
    "ignore_buying_expired_candle_after": 300,
    "process_only_new_candles": False,
    "disable_dataframe_checks": True,
    "position_adjustment_enable": False,
    "max_entry_position_adjustment": 2,
    "startup_candle_count": 120,
    "order_types": {
        "entry": "market",
        "exit": "limit",
        "stoploss": "limit",
        "stoploss_on_exchange": False,
    },
    "order_time_in_force": {"entry": "GTC", "exit": "IOC"},
}
NOTED = [
    "position_adjustment_enable is false: positions are neither reduced",
    "use_exit_signal is false: exit signals, time stop",
    "exit_profit_only is true: exit signals",
    "'0': 0.04} by the configuration ({'0': 100.0} by the strategy): a trade is closed at 0.0% of "
    "the margin",
    '"stoploss" is -0.1 by the configuration (-0.6 by the strategy): only a floor',
    "\"timeframe\" is '5m' by the configuration ('1h' by the strategy)",
    '"trailing_stop" is True by the configuration (False by the strategy): Freqtrade trails',
    '"order_types.stoploss_on_exchange" is refused live, with the stop guard,',
    "entries pay the spread",
    '"can_short" is False by the configuration (True by the strategy): Freqtrade does not use it',
]


def lines(output: str, level: str) -> list[str]:
    """What the layer says at a level."""
    parts = [line.split(f" - {level} - ", 1) for line in output.splitlines()]
    return [p[1] for p in parts if len(p) == 2 and "perpkit" in p[0]]


def refusal(output: str) -> str:
    """What Freqtrade says last, as an error."""
    return [line for line in output.splitlines() if " - ERROR - " in line][-1]


def backtested(bot: Bot, **config):
    arguments = ["--strategy=RsiSmaSwing", "--timerange=20250220-20250222", "--cache=none"]
    return bot("backtesting", f"--datadir={bot.datadir}", *arguments, **config)


def test_a_backtest_says_what_becomes_of_each(bot):
    result = backtested(bot, **PUBLIC, can_short=False, entry_pricing={"price_side": "other"})
    assert "BACKTESTING REPORT" in result.stdout, result.stdout[-3000:]
    warned = "\n".join(lines(result.stdout, "WARNING"))
    for words in NOTED:
        assert warned.count(words) == 1, warned
    said = f"{warned}\n" + "\n".join(lines(result.stdout, "INFO"))
    named = {*PUBLIC, "use_custom_stoploss", *OF_THE_BOT}
    assert named == set(OVERRIDABLE)
    for name in PUBLIC:
        assert name in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"use_custom_stoploss": False}, '"use_custom_stoploss" must be true, got false'),
        pytest.param({"timeframe": "8h"}, '"timeframe" must be one of which 4h', marks=SLOW),
    ],
)
def test_a_backtest_is_refused_in_one_line(bot, options, words):
    result = backtested(bot, **options)
    assert result.returncode != 0
    assert words in refusal(result.stdout)


def test_a_backtest_says_that_a_bot_would_never_enter(bot):
    result = backtested(bot, timeframe="5m")
    (line,) = [line for line in lines(result.stdout, "WARNING") if "4h trend" in line]
    assert line.startswith("In dry-run and live it is otherwise: the 4h trend needs 2400 candles")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeframe": "5m"}, "the 4h trend needs 2400 candles of 5m, and a running bot has at"),
        pytest.param(
            {"order_types": {**PUBLIC["order_types"], "emergency_exit": "limit"}},
            '"order_types.emergency_exit" must be "market"',
            marks=SLOW,
        ),
    ],
)
def test_a_flat_bot_is_refused(bot, options, words):
    with trading(bot, "RsiSmaSwing", **options) as process:
        assert process.wait() != 0
    assert words in refusal("".join(process.log))


def test_a_bot_starts_with_what_is_honoured_and_noted(bot):
    options = {"minimal_roi": {"0": 0.04}, "startup_candle_count": 300, "trailing_stop": False}
    with trading(bot, "RsiSmaSwing", **options) as process:
        process.wait_for("Bot heartbeat")
        process.end()
    log = "".join(process.log)
    assert "\"minimal_roi\" is {'0': 0.04} by the configuration" in "\n".join(lines(log, "WARNING"))
    (honoured,) = [line for line in lines(log, "INFO") if "startup_candle_count" in line]
    assert honoured.endswith("is 300 by the configuration (400 by the strategy): honoured.")
