"""What computes the windows of a run, in whichever process it is."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.walkforward.record import Request, Window, WindowResult
from perpkit.walkforward.run_directory import content_of_result
from perpkit.walkforward.shipping import Files, fill_user_directory
from perpkit.walkforward.windows import in_sample_range, out_of_sample_range

if TYPE_CHECKING:
    from perpkit.walkforward.optimising import Search


@dataclass(frozen=True)
class Setup:
    """All that a worker needs.

    :param config: Freqtrade's, without secrets
    :param user_files: of its user directory: plugins of the user
    :param datadir: with the candles
    :param strategy_path: of strategies that lie elsewhere; None if there is none
    :param live: files that are read again for each window where they are, by the names of their
        digests
    """

    request: Request
    config: Mapping[str, Any]
    user_files: Files
    datadir: Path
    strategy_path: Path | None = None
    live: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def learns(self) -> bool:
        """Whether models are trained, by FreqAI."""
        return bool(self.config.get("freqai", {}).get("enabled"))

    @property
    def learned(self) -> timedelta:
        """How long before a training or a test its first model begins to learn."""
        return timedelta(days=self.config["freqai"]["train_period_days"] if self.learns else 0)


class Worker:
    """Computes windows one after the other, on what it has loaded once.

    :param scratch: where its own user directory is made; None for the system's place
    """

    def __init__(self, setup: Setup, scratch: Path | None = None) -> None:
        from perpkit.walkforward.freqtrade_runs import FreqtradeRuns

        self._request = setup.request
        self._own = tempfile.TemporaryDirectory(prefix="perpkit-walkforward-", dir=scratch)
        folder = Path(self._own.name)
        fill_user_directory(folder, setup.user_files)
        config = deepcopy(dict(setup.config))
        config |= {"user_data_dir": folder, "datadir": setup.datadir, "export": "none"}
        config["exportdirectory"] = folder / "backtest_results"
        if setup.strategy_path is not None:
            config["strategy_path"] = str(setup.strategy_path)
        with quiet():
            self._runs = FreqtradeRuns(config)

    def compute(self, window: Window) -> dict[str, bytes]:
        """Returns the files of a window's result; the same ones for the same window."""
        with quiet():
            return content_of_result(self.result(window))

    def result(self, window: Window) -> WindowResult:
        asked = self._request
        # What FreqAI learned and predicted in the window before: it would be used here, too.
        shutil.rmtree(Path(self._own.name) / "models", ignore_errors=True)
        parameters, protections = asked.parameters, asked.protections
        tested_range = out_of_sample_range(window, self._runs.step)
        if not asked.epochs:
            tested = self._runs.backtest(tested_range, parameters, protections)
            return WindowResult(window, parameters, tested)
        from perpkit.walkforward.optimising import optimised

        timerange = in_sample_range(window, self._runs.step)
        found = optimised(self._runs, timerange, self._search(window), parameters)
        chosen = parameters if found.chosen is None else found.parameters
        tested = self._runs.backtest(tested_range, chosen, protections)
        return WindowResult(
            window, chosen, tested, found.sample, found.chosen, found.epochs, found.trials
        )

    def _search(self, window: Window) -> Search:
        from perpkit.walkforward.optimising import Search

        asked = self._request
        return Search(
            asked.epochs,
            asked.spaces,
            asked.loss,
            asked.min_trades,
            asked.seed + window.number - 1,
            asked.protections,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Freqtrade from printing, and from logging what is not an error."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            yield
    finally:
        logging.disable(before)
