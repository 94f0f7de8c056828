"""What was run, with what, on which data."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.section import Section
from perpkit.report.view import Run, View
from perpkit.report.words import Cell

# Of the statistics of an export.
_PARAMETERS = {
    "trading_mode": "trading mode",
    "margin_mode": "margin mode",
    "stake_amount": "stake",
    "max_open_trades_setting": "most open trades",
    "stoploss": "stop loss",
    "use_custom_stoploss": "stops of its own",
    "trailing_stop": "trailing stop",
    "minimal_roi": "minimal ROI",
    "use_exit_signal": "exit signals",
    "enable_protections": "protections",
    "timeframe_detail": "timeframe of fills",
    "freqaimodel": "FreqAI model",
}


def setup(view: View) -> Section:
    head = ["", *(run.name for run in view.runs)]
    rows: list[list[Cell]] = [
        [name, *(said(run) for run in view.runs)]
        for name, said in (
            ("strategy", lambda run: run.results.strategy),
            ("from", lambda run: words.moment(run.results.start)),
            ("to", lambda run: words.moment(run.results.end)),
            ("timeframe", lambda run: run.results.timeframe),
            ("starting balance", _balance),
            ("results", lambda run: run.results.source.name),
        )
    ]
    for name, said in _PARAMETERS.items():
        values = [run.results.stats.get(name) for run in view.runs]
        if any(value not in (None, "") for value in values):
            rows.append([said, *(_shown(value) for value in values)])
    rows.append(["report made with", *([_versions()] * len(view.runs))])
    content = [words.side_by_side(words.table(head, rows), _coverage(view))]
    lacks = [
        "Versions of Freqtrade and of the strategy at the time of the run, and the values of "
        "hyperopt parameters: results do not have them."
    ]
    lead = "All times are UTC."
    return Section("setup", "What was run, on which data", lead, content, lacks)


def _balance(run: Run) -> str:
    return words.money(run.results.starting_balance, run.results.stake_currency)


def _shown(value: Any) -> str:
    if value in (None, ""):
        return words.DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {each}" for key, each in value.items())
    return str(value)


def _versions() -> str:
    found = []
    for package in ("perpkit", "freqtrade"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _coverage(view: View) -> str:
    account, results = view.run.account, view.run.results
    rows: list[list[Cell]] = []
    step = int(account.step.total_seconds())
    expected = len(account.times) - 1
    for pair in sorted({trade.pair for trade in results.trades}):
        frame = account.candles.get(pair)
        if frame is None:
            rows.append([pair, "no candles", words.DASH, words.DASH, ("all", "bad")])
            continue
        opened = dates_of(frame["date"])
        inside = opened[(opened >= account.times[0]) & (opened < account.times[-1])]
        missing = expected - len(np.unique(inside))
        rows.append(
            [
                pair,
                f"{len(inside):,}",
                words.moment(opened[0].timestamp()),
                words.moment(opened[-1].timestamp() + step),
                (f"{missing:,}", "bad" if missing else ""),
            ]
        )
    head = ["Candles of", "In the run", "Stored from", "Stored to", "Missing in the run"]
    return words.table(head, rows)
