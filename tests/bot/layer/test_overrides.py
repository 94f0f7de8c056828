"""Each option that overrides a strategy is honoured, noted or refused: the table, row by row."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import StrategyError

from perpkit.bot.layer.option_check import arm
from perpkit.bot.layer.overridden import NOT_READ, OVERRIDABLE, Override, Source
from perpkit.bot.layer.overrides import TABLE, documented, judged
from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.verdicts import Attached, OfPackage, Outcome, Run
from perpkit.bot.layer.warm_up import Need, supply
from perpkit.bot.strategy import PerpStrategy
from tests.bot.started import started
from tests.conftest import REPOSITORY

HONOURED, NOTED, REFUSED = Outcome.HONOURED, Outcome.NOTED, Outcome.REFUSED
TYPES = PerpStrategy.order_types
# What a shipped strategy has, as Freqtrade's resolver merges it.
SHIPPED = {
    **{name: value for name, value in OVERRIDABLE.items() if value is not None},
    "minimal_roi": {0: 100.0},
    "timeframe": "1h",
    "stoploss": -0.6,
    "trailing_stop": False,
    "trailing_stop_positive": None,
    "trailing_only_offset_is_reached": False,
    "use_custom_stoploss": True,
    "process_only_new_candles": True,
    "order_types": TYPES,
    "order_time_in_force": {"entry": "GTC", "exit": "GTC"},
    "stake_currency": "USDT",
    "stake_amount": "unlimited",
    "startup_candle_count": 400,
    "unfilledtimeout": {},
    "position_adjustment_enable": True,
    "max_open_trades": 3,
}
OURS = OfPackage(stop=0.05, target=0.1, max_leverage=3.0)
BASKET = OfPackage(stop=0.3, target=100.0, max_leverage=1.0, rebalances=True)
LIVE = {"trading": True, "live": True, "guarded": True}
UNGUARDED = {"trading": True, "live": True, "guarded": False}
DRY = {"trading": True, "live": False, "guarded": False}
BACKTEST = {"trading": False, "live": False, "guarded": False}
MODES = [LIVE, UNGUARDED, DRY, BACKTEST]


def verdicts(given, mode=LIVE, asks=OURS, *, own=False, **more):
    """
    :param given: by name, on top of what a strategy has
    :param own: they are the strategy's, and override nothing
    """
    given = {name: {**TYPES, **v} if name == "order_types" else v for name, v in given.items()}
    overrides = [Override(name, value, SHIPPED.get(name)) for name, value in given.items()]
    run = Run("Mine", {**SHIPPED, **given}, **mode, timeframe="1h", asks=asks, **more)
    return judged([] if own else overrides, run)


def of(found, name):
    return [verdict for verdict in found if verdict.name == name]


ROWS = [
    # an override, where it is refused, what it is elsewhere, words of the line
    ({"use_custom_stoploss": False}, MODES, None, "while sizes are made for a nearer one"),
    ({"use_custom_stoploss": True}, [], HONOURED, "by the configuration"),
    ({"order_types": {"stoploss_on_exchange": False}}, [LIVE], NOTED, "keeps them"),
    ({"order_types": {"stoploss": "limit"}}, [LIVE], NOTED, "runs past a limit"),
    ({"order_types": {"emergency_exit": "limit"}}, [LIVE, UNGUARDED, DRY], NOTED, "leave at once"),
    ({"order_types": {"entry": "market"}}, [], NOTED, "pay the spread"),
    ({"order_types": {"exit": "market"}}, [], HONOURED, "'exit': 'market'"),
    ({"stoploss": -0.99}, [], NOTED, "only a floor under the stop"),
    ({"stoploss": -0.1}, [], NOTED, "At 3x the floor is nearer, 3.3%"),
    ({"minimal_roi": {0: 0.04}}, [], NOTED, "closed at 4.0% of the margin"),
    ({"minimal_roi": {0: 0.5, 60: -1}}, [], NOTED, "closed at -100.0% of the margin"),
    ({"minimal_roi": {0: 0.31}}, [], HONOURED, "0.31"),
    ({"minimal_roi": {}}, [], HONOURED, "{}"),
    ({"trailing_stop": True}, [], NOTED, "the nearer stop counts"),
    ({"trailing_stop": False}, [], HONOURED, "False by the configuration"),
    ({"trailing_stop_positive": 0.01}, [], HONOURED, "no effect"),
    ({"trailing_stop_positive_offset": 0.01}, [], HONOURED, "no effect"),
    ({"trailing_only_offset_is_reached": True}, [], HONOURED, "no effect"),
    ({"use_exit_signal": False}, [], NOTED, "time stop and carry exits are off"),
    ({"use_exit_signal": True}, [], HONOURED, "honoured"),
    ({"exit_profit_only": True}, [], NOTED, "of a losing trade are held back"),
    ({"exit_profit_offset": 0.01}, [], HONOURED, "no effect"),
    ({"ignore_roi_if_entry_signal": True}, [], NOTED, "no profit is taken"),
    ({"position_adjustment_enable": False}, [], NOTED, "the rest of a partly filled entry"),
    ({"max_entry_position_adjustment": 0}, [], NOTED, "at most that many additions"),
    ({"max_entry_position_adjustment": -1}, [], HONOURED, "honoured"),
    ({"timeframe": "5m"}, [], NOTED, "'5m' by the configuration ('1h' by the strategy)"),
    ({"startup_candle_count": 50}, [], HONOURED, "50"),
    ({"process_only_new_candles": False}, [], NOTED, "the signals of all pairs"),
    ({"disable_dataframe_checks": True}, [], NOTED, "no longer refuses signals"),
    ({"ignore_buying_expired_candle_after": 30}, [], NOTED, "later than 30 s"),
    ({"ignore_buying_expired_candle_after": 0}, [], HONOURED, "honoured"),
    ({"order_time_in_force": {"entry": "FOK", "exit": "GTC"}}, [], NOTED, "FOK demands"),
    ({"order_time_in_force": {"entry": "GTC", "exit": "ioc"}}, [], NOTED, "IOC demands"),
    ({"order_time_in_force": {"entry": "gtc", "exit": "GTC"}}, [], HONOURED, "gtc"),
    ({"stake_amount": 100}, [], HONOURED, "100"),
    ({"stake_currency": "USDC"}, [], HONOURED, "USDC"),
    ({"max_open_trades": inf}, [], HONOURED, "inf"),
    ({"unfilledtimeout": {"entry": 1}}, [], HONOURED, "{'entry': 1}"),
]  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("given", "refused", "elsewhere", "words"), ROWS)
def test_an_override_of_a_strategy_of_the_package(given, refused, elsewhere, words, mode):
    (name,) = given
    found = of(verdicts(given, mode), name)
    assert {v.outcome for v in found} == {REFUSED if mode in refused else elsewhere}
    assert words in " ".join(v.line for v in found)


@pytest.mark.parametrize("mode", MODES)
def test_none_is_silent(mode):
    """Neither of a strategy of the package nor of another."""
    for asks in (OURS, BASKET, Attached(), Attached((Part.LEVERAGE, Part.SIZING), True, True)):
        for name in (*OVERRIDABLE, *NOT_READ):
            override = Override(name, SHIPPED.get(name), None, applied=name in OVERRIDABLE)
            run = Run("Mine", SHIPPED, **mode, timeframe="1h", asks=asks)
            assert of(judged([override], run), name)


def test_every_option_has_one_row():
    names = [name for row in TABLE for name in row.names if not name.startswith("perpkit.")]
    assert sorted(names) == sorted((*OVERRIDABLE, *NOT_READ))


@pytest.mark.parametrize("row", [row for row in ROWS if row[1]])
@pytest.mark.parametrize("mode", MODES)
def test_a_refused_value_of_the_strategy_itself_is_armed(row, mode):
    given, refused, *_ = row
    found = verdicts(given, mode, own=True)
    assert {v.outcome for v in found if v.name != "perpkit"} == (
        {REFUSED} if mode in refused else set()
    )
    values = {**SHIPPED, "order_types": {**TYPES, **given.get("order_types", {})}}
    values |= {name: value for name, value in given.items() if name != "order_types"}
    strategy = SimpleNamespace(**values, config={})
    arm(strategy, found)
    if mode in refused:
        run = Run("Mine", vars(strategy), **mode, timeframe="1h", asks=OURS)
        assert [v for v in judged([], run) if v.outcome is REFUSED] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ""),
        ({"use_exit_signal": False}, "time stop and carry exits are off"),
        ({"exit_profit_only": True}, "of a losing trade are held back"),
        ({"position_adjustment_enable": False}, "the rest of a partly filled entry"),
        ({"max_entry_position_adjustment": 1}, "at most that many additions"),
        ({"trailing_stop": True}, ""),
        ({"process_only_new_candles": False}, ""),
    ],
)
def test_what_the_strategy_itself_switches_off_is_said(given, said):
    found = verdicts(given, own=True)
    assert len(found) == bool(said)
    assert all(v.off and said in v.line for v in found)


def test_a_value_that_needs_another_is_judged_with_it():
    trail = verdicts({"trailing_stop": True, "trailing_stop_positive": 0.01})
    assert [v.outcome for v in trail] == [NOTED, NOTED]
    (_, least) = verdicts({"exit_profit_only": True, "exit_profit_offset": 0.01})
    assert least.outcome is NOTED
    assert "earns less" in least.line


def test_a_basket_that_cannot_rebalance_says_so():
    (found,) = verdicts({"position_adjustment_enable": False}, asks=BASKET)
    assert found.line.endswith("Mine opens its positions and never rebalances them")


def test_a_timeframe_that_does_not_divide_the_trend_is_refused():
    for mode in MODES:
        asks = OfPackage(0.05, 0.1, 3.0, misfit="no multiple")
        (found, *_) = verdicts({}, mode, asks)
        assert (found.outcome, found.line) == (REFUSED, "no multiple")


@pytest.mark.parametrize(("at", "where"), [(True, "at the exchange"), (False, "in the bot only")])
def test_a_guard_that_is_off_is_said_in_live(at, where):
    given = {"order_types": {"stoploss_on_exchange": at}}
    (said,) = verdicts(given, UNGUARDED, own=True)
    assert where in said.line
    assert verdicts(given, DRY, own=True) == []


@pytest.mark.parametrize("mode", [UNGUARDED, DRY])
def test_an_exchange_that_the_guard_does_not_know_is_said(mode):
    """Also in dry-run, which otherwise would not show it."""
    (said,) = verdicts({}, mode, unknown_exchange="bybit")
    assert said.line.startswith("bybit: stop guard, journal of orders, reconciliation, booking of ")
    assert "off here in live" in said.line
    assert "manages stops at the exchange" in said.line


GUARD = Attached(guard=True)
ALL = Attached((Part.LEVERAGE, Part.SIZING), stated=True, guard=True)
STOPS = Attached((Part.LEVERAGE, Part.SIZING), stated=True)


@pytest.mark.parametrize(
    ("given", "asks", "mode", "outcome"),
    [
        # Without parts that need it, it is the trader's own business.
        *((row[0], Attached(), LIVE | {"guarded": False}, HONOURED) for row in ROWS),
        ({"order_types": {"stoploss": "limit"}}, GUARD, LIVE, REFUSED),
        ({"order_types": {"stoploss": "limit"}}, GUARD, DRY, NOTED),
        ({"order_types": {"emergency_exit": "limit"}}, GUARD, LIVE, REFUSED),
        ({"order_types": {"emergency_exit": "limit"}}, GUARD, DRY, NOTED),
        ({"order_types": {"stoploss_on_exchange": False}}, GUARD, UNGUARDED, NOTED),
        ({"stoploss": -0.99}, STOPS, BACKTEST, REFUSED),
        ({"stoploss": -0.2}, STOPS, LIVE, HONOURED),
        ({"use_custom_stoploss": False}, STOPS, DRY, REFUSED),
        ({"use_custom_stoploss": False}, Attached((Part.SIZING,)), DRY, HONOURED),
        ({"use_custom_stoploss": False}, GUARD, LIVE, HONOURED),
        (
            {"minimal_roi": {0: 0.01}},
            Attached((Part.LEVERAGE, Part.SIZING), True, True),
            LIVE,
            HONOURED,
        ),
    ],
)
def test_an_override_of_another_strategy(given, asks, mode, outcome):
    (name,) = given
    found = verdicts({"stoploss": -0.1, **given}, mode, asks)
    assert {v.outcome for v in of(found, name)} == {outcome}


def test_what_freqtrade_does_not_read_is_said():
    override = Override("can_short", False, True, applied=False)
    run = Run("Mine", SHIPPED, **LIVE, timeframe="1h", asks=OURS)
    (found,) = judged([override], run)
    assert found.outcome is NOTED
    assert found.line.startswith('"can_short" is False by the configuration (True by the strategy)')


def test_the_source_is_named():
    override = Override("stoploss", -0.3, -0.6, Source.PARAMETER_FILE)
    (found,) = judged([override], Run("Mine", SHIPPED, **LIVE, timeframe="1h", asks=OURS))
    assert "by the file of parameters" in found.line


FAST = {"needs": [Need("the 4h trend", 2_400)], "has": supply(400, 499)}


@pytest.mark.parametrize("mode", MODES)
def test_candles_that_no_running_bot_gets(mode):
    (found,) = of(verdicts({}, mode, **FAST), "startup_candle_count")
    assert found.outcome is (REFUSED if mode["trading"] else NOTED)
    assert "at most 899" in found.line
    assert 'Allowed: "startup_candle_count" of at least 2400' in found.line


def test_candles_without_which_it_is_only_more_careful_refuse_nothing():
    need = Need("the range of a day", 2_400, "the lowest leverage is taken", vital=False)
    (found,) = verdicts({}, LIVE, needs=[need], has=supply(400, 499))
    assert found.outcome is NOTED
    assert "the lowest leverage is taken" in found.line


def test_the_page_shows_this_table():
    text = (REPOSITORY / "docs" / "risk.md").read_text()
    shown = [
        tuple(c.strip() for c in line.strip("|\n ").split(" | ")) for line in text.splitlines()
    ]
    for row in documented():
        assert row in shown


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT])
def test_a_simulated_run_whose_stops_are_off_is_refused(default_futures_config, runmode):
    with pytest.raises(StrategyError, match="use_custom_stoploss"):
        started(default_futures_config, runmode=runmode, use_custom_stoploss=False, spaces=["sell"])
