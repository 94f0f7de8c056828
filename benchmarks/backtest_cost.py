"""CPU of Freqtrade's `backtest()` with the stack, as ratios: `python -m benchmarks.backtest_cost`.

The same strategy with none of Perpkit's callbacks is 1. Each round runs every variant once, in
turn; the medians count. Real candles: 1h, five pairs, four years; 5m, three pairs, half a year.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from typing import Any

from freqtrade.configuration import Configuration
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.strategy import IStrategy

from benchmarks.backtests import DATA, PAIRS, REPOSITORY, WHOLE
from benchmarks.offline import offline
from strategies.RsiSmaScalp import RsiSmaScalp
from strategies.RsiSmaSwing import RsiSmaSwing

CALLBACKS = (
    "adjust_trade_position", "bot_loop_start", "check_entry_timeout", "check_exit_timeout",
    "confirm_trade_entry", "custom_entry_price", "custom_exit", "custom_roi",
    "custom_stake_amount", "custom_stoploss", "leverage", "order_filled",
)  # fmt: skip
NO_SCALE_OUT = {"perpkit": {"use": {"scale_out": False}}}
LADDER = {"perpkit": {"use": {"scale_out": True}}}
BREAKERS = {**NO_SCALE_OUT, "enable_protections": True}
# name: (without callbacks, settings)
VARIANTS: dict[str, tuple[bool, dict[str, Any]]] = {
    "no callbacks": (True, NO_SCALE_OUT),
    "stack without scale-out": (False, NO_SCALE_OUT),
    "stack": (False, LADDER),
    "stack without scale-out, breakers": (False, BREAKERS),
}


def prepared(
    strategy: type[IStrategy], bare: bool, settings: dict[str, Any], pairs: list[str], range_: str
) -> tuple[Backtesting, Any, Any]:
    """A backtest that has loaded its candles and indicators."""
    userdir = tempfile.mkdtemp()
    config = Configuration(
        {
            "config": [str(REPOSITORY / "config.json.example")],
            "user_data_dir": userdir,
            "datadir": DATA,
            "strategy": strategy.__name__,
            "timerange": range_,
            "command": "backtesting",
            "export": "none",
        },
        RunMode.BACKTEST,
    ).get_config()
    config |= settings
    config["exchange"]["pair_whitelist"] = pairs
    config["pairlists"] = [{"method": "StaticPairList"}]
    backtesting = Backtesting(config)
    chosen = backtesting.strategylist[0]
    if bare:
        for name in CALLBACKS:
            setattr(type(chosen), name, getattr(IStrategy, name))
        chosen.use_custom_stoploss = chosen.use_custom_roi = False
        chosen.stoploss, chosen.minimal_roi = -0.05, {0: 0.10}
        chosen.position_adjustment_enable = False
    backtesting._set_strategy(chosen)
    data, timerange = backtesting.load_bt_data()
    backtesting.timerange = timerange
    return backtesting, data, timerange


def seconds(prepared_one: tuple[Backtesting, Any, Any]) -> tuple[float, int]:
    """CPU seconds of one `backtest()`, and its trades."""
    backtesting, data, timerange = prepared_one
    frames = backtesting.strategy.advise_all_indicators({p: f.copy() for p, f in data.items()})
    began = time.process_time()
    result = backtesting.backtest(frames, timerange.startdt, timerange.stopdt)
    return time.process_time() - began, len(result["results"])


def compare(strategy: type[IStrategy], pairs: list[str], range_: str, rounds: int) -> None:
    # A class of its own for each, for one of them loses its callbacks.
    made = {n: prepared(strategy, *variant, pairs, range_) for n, variant in VARIANTS.items()}
    spent: dict[str, list[float]] = {name: [] for name in made}
    trades = {}
    for _ in range(rounds):
        for name, one in made.items():
            used, trades[name] = seconds(one)
            spent[name].append(used)
    base = statistics.median(spent["no callbacks"])
    print(
        f"\n{strategy.__name__}, {len(pairs)} pairs, {range_}: without callbacks {base:.1f} s CPU\n"
    )
    print("| | ratio | trades |\n|---|---|---|")
    for name, times in spent.items():
        print(f"| {name} | {statistics.median(times) / base:.2f} | {trades[name]} |")


if __name__ == "__main__":
    offline()
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    compare(RsiSmaSwing, PAIRS, WHOLE, rounds)
    compare(RsiSmaScalp, [PAIRS[n] for n in (0, 1, 3)], "20230201-20230801", rounds)
