"""Freqtrade's own hyperopt of one window, with every epoch recorded.

It runs in this process, one epoch at a time, so that a seed gives the same epochs on any machine;
windows are what runs at the same time.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any

import pandas as pd
from freqtrade.enums import RunMode
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.optimize.hyperopt import hyperopt, hyperopt_optimizer
from freqtrade.optimize.hyperopt.hyperopt import Hyperopt
from freqtrade.optimize.hyperopt_tools import HyperoptStateContainer
from rich.progress import Progress

from perpkit.walkforward.freqtrade_runs import FreqtradeRuns, stretch_of
from perpkit.walkforward.given_parameters import given_parameters
from perpkit.walkforward.record import Epoch, Sample
from perpkit.walkforward.samples import Stretch, Trades


@dataclass(frozen=True)
class Search:
    """How parameters are looked for; see Freqtrade's options of the same names.

    :param protections: whether the backtests of hyperopt have them, too
    """

    epochs: int
    spaces: tuple[str, ...]
    loss: str
    min_trades: int
    seed: int
    protections: bool

    def options(self) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "spaces": list(self.spaces),
            "hyperopt_loss": self.loss,
            "hyperopt_min_trades": self.min_trades,
            "hyperopt_random_state": self.seed,
            "hyperopt_jobs": 1,
            "enable_protections": self.protections,
            # Hyperopt has no pairlists while it runs: then only the first would choose, once.
            "enable_dynamic_pairlist": False,
            "disableparamexport": True,  # nothing is put into force
        }


@dataclass(frozen=True)
class Optimised:
    """
    :param parameters: `params` of Freqtrade's parameter file, of the best epoch; empty without one
    :param chosen: number of the best epoch; None if none was better than Freqtrade's bad ones
    :param sample: what the best epoch did; None without one
    :param trials: daily returns, a column an epoch
    """

    parameters: Mapping[str, Any]
    chosen: int | None
    sample: Sample | None
    epochs: tuple[Epoch, ...]
    trials: pd.DataFrame


def optimised(
    runs: FreqtradeRuns, timerange: str, search: Search, parameters: Mapping[str, Any]
) -> Optimised:
    """Looks for parameters in a time range.

    :param parameters: in force where nothing is optimised, see `given_parameters`
    :raises KeyboardInterrupt: which Freqtrade would take for the end of the search
    """
    config = runs.config(timerange, RunMode.HYPEROPT, **search.options())
    with runs.stored.in_force(), given_parameters(parameters), _in_this_process(runs.exchange):
        searching = _Recorded(config)
        try:
            searching.start()
        finally:
            Backtesting.cleanup()
    if not searching.is_whole:
        raise KeyboardInterrupt
    return searching.found.optimised()


class _Recording(Backtesting):
    """Keeps the candles that it has loaded, and the trades of the newest run."""

    candles: Mapping[str, pd.DataFrame]
    trades: pd.DataFrame

    def load_bt_data(self) -> Any:
        data, cut = super().load_bt_data()
        self.candles = {pair: frame[["date", "close"]].copy() for pair, frame in data.items()}
        return data, cut

    def backtest(self, *args: Any, **kwargs: Any) -> Any:
        content = super().backtest(*args, **kwargs)
        self.trades = content["results"]
        return content


@dataclass
class _Found:
    """What the epochs have found so far."""

    epochs: list[Epoch] = field(default_factory=list)
    returns: dict[int, pd.Series] = field(default_factory=dict)
    best: tuple[Epoch, Mapping[str, Any], Trades] | None = None
    stretch: Stretch | None = None

    def add(self, number: int, value: Mapping[str, Any], backtesting: Any, ends: Any) -> None:
        """:param value: of Freqtrade, of one epoch"""
        if self.stretch is None:
            self.stretch = stretch_of(backtesting, backtesting.candles, *ends)
        trades = backtesting.trades.to_dict(orient="records")
        details = value["params_details"]
        epoch = Epoch(number, float(value["loss"]), len(trades), value["total_profit"], details)
        self.returns[number] = self.stretch.returns(trades)
        if value["is_best"]:
            fixed = value["params_not_optimized"]
            self.best = epoch, _merged(fixed, details), trades
        self.epochs.append(epoch)  # the last, by which the epochs are counted

    def optimised(self) -> Optimised:
        trials = pd.DataFrame(self.returns)
        if self.best is None or self.stretch is None:
            return Optimised({}, None, None, tuple(self.epochs), trials)
        epoch, parameters, trades = self.best
        sample = self.stretch.sample(trades)
        return Optimised(parameters, epoch.number, sample, tuple(self.epochs), trials)


class _Recorded(Hyperopt):
    """Records every epoch, and shows none."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.found = _Found()
        super().__init__(config)

    def evaluate_result(self, val: dict[str, Any], current: int, is_random: bool) -> None:
        super().evaluate_result(val, current, is_random)
        optimizer = self.hyperopter
        ends = optimizer.min_date, optimizer.max_date
        self.found.add(current, val, optimizer.backtesting, ends)

    @property
    def is_whole(self) -> bool:
        """Whether all epochs were tried: an interrupt ends the search like any other end."""
        searcher = self.hyperopter
        if searcher.es_epochs > 0 and searcher.es_terminator.should_terminate(self.opt):
            return True  # Freqtrade's early stop
        return len(self.found.epochs) + self.count_skipped_epochs >= self.total_epochs

    def print_results(self, results: dict[str, Any]) -> None:
        """Prints nothing: a table an epoch is of no use where many windows run."""


def _merged(fixed: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """As `HyperoptTools.export_params` merges what was optimised with what was not."""
    merged = {space: dict(values) for space, values in fixed.items()}
    for space, values in found.items():
        merged[space] = {**merged.get(space, {}), **values}
    trades = merged.get("max_open_trades", {})
    if trades.get("max_open_trades") == float("inf"):
        trades["max_open_trades"] = -1  # in Freqtrade's files, which JSON can hold
    return merged


@contextmanager
def _in_this_process(exchange: Any) -> Iterator[None]:
    """Has hyperopt use the exchange that is there, and start no process of its own.

    At the start it closes its exchange, of which it needs the markets only, and a second process
    passes on the logs of its workers.
    """
    lent = copy(exchange)
    lent.close = lambda: None
    state = HyperoptStateContainer.state
    with ExitStack() as replaced:
        for module, name, value in (
            (hyperopt_optimizer, "Backtesting", partial(_Recording, exchange=lent)),
            (hyperopt_optimizer, "Manager", lambda: SimpleNamespace(Queue=queue.Queue)),
            (hyperopt_optimizer, "logging_mp_setup", lambda *_: None),
            (hyperopt, "get_progress_tracker", lambda **_: Progress(disable=True)),
        ):
            replaced.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        try:
            yield
        finally:
            HyperoptStateContainer.set_state(state)
