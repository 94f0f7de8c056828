"""Puts the decision log of a backtest into its export, for `perpkit report`.

An export of Freqtrade has neither where the stop of a trade stood meanwhile nor what was refused.
The log is written on request only, and so is this.
"""

from __future__ import annotations

import io
import logging
import zipfile
from functools import wraps
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from freqtrade.optimize import backtesting

from perpkit.bot.decided import wanted
from perpkit.bot.layer.simulated_signals import SimulatedSignals
from perpkit.files.whole_file import put
from perpkit.record.decision_log import KEPT, older
from perpkit.record.places import exported_decisions

logger = logging.getLogger(__name__)

_STORE = "store_backtest_results"
# The backtests of this process whose decisions are noted, by strategy.
_noted: WeakValueDictionary[str, SimulatedSignals] = WeakValueDictionary()


def keep_with_export(strategy: str, signals: SimulatedSignals) -> None:
    """Has the decisions of this backtest added to its export, once Freqtrade has written that."""
    _noted[strategy] = signals
    store = getattr(backtesting, _STORE)
    if not hasattr(store, "without_decisions"):
        setattr(backtesting, _STORE, _storing(store))


def _storing(store: Any) -> Any:
    @wraps(store)
    def store_with_decisions(config: Any, stats: Any, *args: Any, **kwargs: Any) -> Any:
        path = store(config, stats, *args, **kwargs)
        try:
            own = {name: found for name in stats["strategy"] if (found := _noted.pop(name, None))}
            if wanted(config):  # else they are of a run that was not exported
                _add(Path(path), own)
        except Exception as error:  # the export is whole without it
            logger.warning(f"The decision log could not be added to {path}: {error!r}")
        return path

    store_with_decisions.without_decisions = store  # type: ignore[attr-defined]
    return store_with_decisions


def _add(export: Path, noted: dict[str, SimulatedSignals]) -> None:
    """Replaces the export by one that has the logs, too; a kill leaves the one or the other."""
    members = {}
    for name, signals in noted.items():
        if signals.ran:
            signals.end()
            members[exported_decisions(export.stem, name)] = _content(signals.log_path)
    members = {name: content for name, content in members.items() if content}
    if not members:
        return
    whole = io.BytesIO(export.read_bytes())
    with zipfile.ZipFile(whole, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    put(export, whole.getvalue())


def _content(log: Path | None) -> bytes:
    if log is None:
        return b""
    files = (older(log, number) for number in range(KEPT, -1, -1))
    return b"".join(file.read_bytes() for file in files if file.is_file())
